"""Latent discriminators: small games and their steps by hand, whose turn it is, where gradients go."""

from collections import Counter
from functools import partial

import pytest
import torch
from small_games import MLP, Small, gradient_penalty, rates, scaled
from small_games import Encoder as SmallEncoder
from torch import Tensor, nn

from energan.engine import Trainer
from energan.engine.game import Batch, Game, Players
from energan.engine.noise import normal
from energan.engine.rng import seeded
from energan.games.plug_and_play.latent_discriminators import latent_discriminators
from energan.networks.conv.latent_discriminators import MEAN, STD, Standardise
from energan.networks.layers import FeatureExtractor

SHAPE = (1, 2, 3)


def reader(d: int) -> nn.Module:
    """A critic of d numbers, without a last bias, which would have no gradient."""
    return nn.Sequential(nn.Flatten(), nn.Linear(d, 6), nn.Tanh(), nn.Linear(6, 1, bias=False), nn.Flatten(0))


def build(seed: int, i: int, critics: tuple[str, ...] = ("x", "h"), **settings) -> Game:
    E = FeatureExtractor(SmallEncoder().requires_grad_(False), ["h"])
    with seeded(seed):
        G = nn.Sequential(nn.Linear(5, 16), nn.Tanh(), nn.Unflatten(1, MLP))
        nets = {layer: reader({"x": 16, "h": 5}[layer]) for layer in critics}
    g, d = rates(i)
    settings |= {"critic_steps": 2, "warm_steps": 0, "optimizer_G": g, "optimizer_D": d}
    return scaled(latent_discriminators(E, G, nets, 5, S=Standardise(), **settings), i)


SMALL = {
    "latent-discriminators": Small(build, MLP, coded=True),
    "latent-discriminators random": Small(partial(build, random=True), MLP, coded=True),
    "latent-discriminators own weights": Small(partial(build, lambdas={"h": 0.3}), MLP, coded=True),
    "latent-discriminators no critics": Small(partial(build, critics=(), random=True), MLP, coded=True),
    "latent-discriminators adversarial only": Small(partial(build, critics=("h",), matched={}), MLP, coded=True),
}


def by_hand(E, S, G, x, h, adversarial, penalty, D_x=None, D_h=None, eps_x=None, eps_h=None, **more):
    """Pixels are counted in the thesis' units: of mean 0 and deviation 1 over MNIST."""

    def pixels(v):
        return (v / 2 + 0.5 - 0.1307) / 0.3081

    def codes(v):
        return E.module.h(v)

    def learns(D, read, eps, real):
        def loss():
            fake = read(G(h).detach())
            return D(fake).mean() - D(real).mean() + penalty * gradient_penalty(D, real, fake, eps)

        return loss

    def follows(*critics):
        def loss():
            fake = G(h)
            fooled = sum(weight * D(read(fake)).mean() for D, read, weight in critics)
            wrong = {"mu_x": ((pixels(fake) - pixels(x)) ** 2).mean(), "mu_h": ((codes(fake) - h) ** 2).mean()}
            return sum(more[k] * wrong[k] for k in wrong if k in more) - fooled

        return loss

    # the codes of real images are those of the data, which are rounded to float32
    both = {"x": (D_x, pixels, eps_x, pixels(x)), "h": (D_h, codes, eps_h, h)}
    there = {layer: parts for layer, parts in both.items() if parts[0]}
    alone = {f"D_{layer}": learns(*parts) for layer, parts in there.items()}
    fools = {layer: (*parts[:2], more.get(f"lambda_{layer}", adversarial)) for layer, parts in there.items()}
    chosen = {f"G_{layer}": {"G": follows(parts)} for layer, parts in fools.items()}
    return {"D": alone, "G": follows(*fools.values()), **alone, **chosen}


BY_HAND = dict.fromkeys(SMALL, by_hand)


class Encoder(nn.Module):
    """Images -> "layers", 4 numbers >= 0 -> 3 logits: a layer may be called as anything."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(6, 4), nn.ReLU())
        self.top = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.top(self.layers(x))


def critic(d: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(d, 1, bias=False), nn.Flatten(0))


def game(critics: tuple[str, ...] = ("x", "layers"), **settings) -> Game:
    E = FeatureExtractor(Encoder().eval().requires_grad_(False), ["layers", "top"])
    G = nn.Sequential(nn.Linear(4, 6), nn.Unflatten(1, SHAPE))
    nets = {layer: critic({"x": 6, "layers": 4, "top": 3}[layer]) for layer in critics}
    return latent_discriminators(E, G, nets, 4, S=Standardise(), code="layers", **settings)


def turn(made: Game, name: str, **values: Tensor) -> tuple[Tensor, dict[str, Tensor], Players]:
    players = Players({who: player.net for who, player in made.players.items()})
    numbers = {k: torch.tensor(v) for k, v in made.hyperparameters.items()}
    (move,) = made.turns[name]
    return *move.objective(players, Batch({**values, **numbers})), players


# ---- whose turn it is ----


def test_the_codes_schedule() -> None:
    """100 turns of all critics at each of the first 25 steps and every 500th; 5 at the others."""
    order = game().turns_at
    turns = [order(t) for t in range(2001)]
    assert all(names == (*["D"] * (len(names) - 1), "G") for names in turns)
    assert [t for t, names in enumerate(turns) if len(names) == 101] == [*range(25), 500, 1000, 1500, 2000]
    assert all(len(names) in (6, 101) for names in turns)
    assert game(warm_steps=0, critic_steps=2).turns_at(0) == ("D", "D", "G")
    assert game(warm_steps=7).turns_at(3) == (*["D"] * 7, "G")
    for settings in ({}, {"random": True}, {"warm_steps": 0}):
        assert game(critics=(), **settings).turns_at(0) == game(critics=(), **settings).turns_at(30) == ("G",)


def test_each_turn_draws_a_critic_and_g_descends_the_last_one() -> None:
    order = game(random=True, seed=3).turns_at
    assert order(0) == (*["D"] * 100, "G") and order(500) == (*["D"] * 100, "G")
    thrown = [order(t) for t in range(25, 425)]
    assert all(len(names) == 6 and names[-1] == f"G_{names[-2].removeprefix('D_')}" for names in thrown)
    count = Counter(name for names in thrown for name in names[:-1])
    assert set(count) == {"D_x", "D_layers"} and abs(count["D_x"] - 1000) < 100  # 4.5 standard deviations
    assert len({names[:-1] for names in thrown}) == 2**5  # each turn has a coin of its own
    assert [game(random=True, seed=3).turns_at(t) for t in range(25, 425)] == thrown  # a resumed run throws the same
    assert [game(random=True, seed=4).turns_at(t) for t in range(25, 425)] != thrown


def test_a_critic_that_is_not_drawn_stays_as_it_is() -> None:
    made = game(random=True, warm_steps=0, critic_steps=1)
    g = torch.Generator().manual_seed(0)
    one = Trainer(made, lambda k: {"x": torch.rand(5, *SHAPE, generator=g), "h": torch.rand(5, 4, generator=g)})
    for t in range(4):
        before = {who: [w.clone() for w in one.nets[who].parameters()] for who in ("D_x", "D_layers", "G")}
        one.step()
        moved = {
            who for who, weights in before.items() if not all(map(torch.equal, weights, one.nets[who].parameters()))
        }
        assert moved == {made.turns_at(t)[0], "G"}


# ---- where gradients go ----


def test_the_encoder_learns_nothing_and_hands_gradients_on() -> None:
    made = game(critics=("layers",), matched={})
    assert made.players["E"].optimizer is None and made.players["S"].optimizer is None
    x, h = torch.rand(5, *SHAPE), torch.rand(5, 4)
    loss, _, _ = turn(made, "G", x=x, h=h)
    loss.backward()
    assert all(float(w.grad.abs().max()) > 0 for w in made.players["G"].net.parameters())
    assert all(w.grad is None for w in made.players["E"].net.parameters())


def test_fakes_and_codes_are_constants_where_they_should_be() -> None:
    """Of the critics' losses G is a constant; of G's, the real image's code."""
    made, x, h = game(), torch.rand(5, *SHAPE), torch.rand(5, 4)
    eps = {f"eps_{layer}": torch.rand(5) for layer in ("x", "layers")}
    loss, _, players = turn(made, "D", x=x, h=h, **eps)
    assert torch.autograd.grad(loss, [*players.weights("G").values()], allow_unused=True) == (None, None)
    loss, logs, players = turn(made, "G", x=x, h=h)
    with torch.no_grad():
        fake = players.E(players.G(h)).layers["layers"]
        torch.testing.assert_close(logs["L(layers)"], ((fake - h) ** 2).mean())


def test_losses_count_in_the_units_of_standardised_pixels() -> None:
    """A mistake of d in [-1, 1] is one of d / 2 / .3081 there; E sees images in [-1, 1]."""
    made = game(critics=())
    _, logs, players = turn(made, "G", x=(x := torch.rand(5, *SHAPE)), h=(h := torch.rand(5, 4)))
    expected = ((players.G(h) - x) ** 2).mean() / (2 * STD) ** 2
    torch.testing.assert_close(logs["L(x)"], expected)
    torch.testing.assert_close(players.S(torch.tensor([-1.0, 1.0])), (torch.tensor([0.0, 1.0]) - MEAN) / STD)


def test_the_default_weights_are_those_of_the_thesis_code() -> None:
    """ppgn-disc: adversarial 1, images 2, codes .1, penalty 10."""
    assert game().hyperparameters == {"adversarial": 1.0, "penalty": 10.0, "mu_x": 2.0, "mu_layers": 0.1}
    adam = game().players["G"].optimizer
    assert (adam.lr, adam.beta1, adam.beta2) == (1e-4, 0.5, 0.9) and game().players["D_x"].optimizer == adam
    _, logs, _ = turn(game(), "G", x=torch.rand(5, *SHAPE), h=torch.rand(5, 4))
    assert set(logs) == {"loss", "L(x)", "L(layers)"}


def test_the_encoder_reads_no_real_image_whose_code_is_in_the_data() -> None:
    """Real codes come with the data: E reads the fakes alone, and nobody where only pixels count."""
    calls: list[int] = []
    values = {"x": torch.rand(5, *SHAPE), "h": torch.rand(5, 4), "eps_x": torch.rand(5), "eps_layers": torch.rand(5)}
    for critics, name, expected in ((("x",), "D", 0), (("x", "layers"), "D", 1), (("x", "layers"), "G", 1)):
        made = game(critics)
        made.players["E"].net.module.register_forward_pre_hook(lambda net, inputs: calls.append(1))
        calls.clear()
        turn(made, name, **values)
        assert len(calls) == expected, (critics, name)
    made = game(("top",), matched={"layers": 1.0, "top": 1.0})
    made.players["E"].net.module.register_forward_pre_hook(lambda net, inputs: calls.append(1))
    for name in ("D", "G"):  # what real images are at another layer is nobody's to know beforehand
        calls.clear()
        turn(made, name, **values, eps_top=torch.rand(5))
        assert len(calls) == 2


@pytest.mark.parametrize("start", [4, normal(4)])
def test_start_codes_may_be_below_0_where_codes_are_not(start) -> None:
    E = FeatureExtractor(Encoder().requires_grad_(False), ["layers"])
    made = latent_discriminators(E, nn.Linear(4, 6), {}, start, S=Standardise(), code="layers")
    h = made.codes.start(torch.Generator().manual_seed(0), 500)
    assert h.shape == (500, 4) and 0.45 < float((h < 0).float().mean()) < 0.55
    p = Players({who: player.net for who, player in made.players.items()})
    assert float(made.codes.encode(p, Batch({"x": torch.randn(5, *SHAPE)})).min()) >= 0
