"""Improved GAN: its small games and their steps by hand, its turns, gains that stay where data put them."""

from functools import partial

import pytest
import torch
from close import assert_close_to_scale
from small_games import MLP, Small, builder
from torch import Tensor

from energan.data.few_labels import LabelledBatches
from energan.engine import Ensemble, Trainer
from energan.engine.game import Batch, Game, Players
from energan.engine.optimizers import Adam
from energan.engine.rng import seeded, stream
from energan.games.semi_supervised.improved_gan import improved_gan_ssl
from energan.networks.dense.improved_gan import Discriminator, Generator
from energan.networks.layers import initialise_by_data
from energan.utils.errors import UserError

SIZES, Z = (16, 8, 6, 3), 3
FAST = {"optimizer_G": Adam(1e-2, beta1=0.5), "optimizer_D": Adam(1e-2, beta1=0.5)}

SMALL_G = partial(Generator, Z, MLP, hidden=(8, 6))
SMALL_D = partial(Discriminator, (16, 6, 5, 3), noise=(0.0, 0.0), fixed_gains=False)


def small(D=SMALL_D, **settings) -> Small:
    return Small(builder(improved_gan_ssl, {"G": SMALL_G, "D": D}, **settings), MLP, bounded=False, classes=3)


SMALL = {
    "improved-gan-ssl": small(),
    "improved-gan-ssl noise": small(partial(SMALL_D, noise=(0.3, 0.5))),
    "improved-gan-ssl minibatch": small(partial(SMALL_D, kernels=4), variant="minibatch"),
}


def by_hand(G, D, x, y, u, z, weight, matching=True, **_):
    """The K + 1 classes written out: the logit 0 beside D's."""

    def shares(rows):
        logits = torch.cat([D(rows)[0], torch.zeros(len(rows), 1).double()], 1).exp()
        return logits / logits.sum(1, keepdim=True)

    def d():
        ce = -(y * (D(x)[0].exp() / D(x)[0].exp().sum(1, keepdim=True)).log()).sum(1).mean()
        unsupervised = -(1 - shares(u)[:, 3]).log().mean() - shares(G(z).detach())[:, 3].log().mean()
        return ce + weight / 2 * unsupervised

    def g():
        if matching:
            return (D(u)[1].mean(0) - D(G(z))[1].mean(0)).square().mean()
        return shares(G(z))[:, 3].log().mean()

    return {"D": d, "G": g}


BY_HAND = {"improved-gan-ssl": by_hand, "improved-gan-ssl minibatch": partial(by_hand, matching=False)}


def source(seed: int = 0, n: int = 7):
    def batch(k: int) -> dict[str, Tensor]:
        g = torch.Generator().manual_seed(100 * seed + k)
        x, u = (torch.rand(n, 1, 4, 4, generator=g) * 2 - 1 for _ in range(2))
        return {"x": x, "y": torch.eye(3)[torch.randint(3, (n,), generator=g)], "u": u}

    return batch


def game(seed: int = 0, kernels: int = 0, noise: tuple[float, float] = (0.3, 0.5), **settings) -> Game:
    """Its D initialised by data."""
    with seeded(seed):
        D = initialise_by_data(Discriminator(SIZES, kernels=kernels, noise=noise), torch.rand(50, 1, 4, 4) * 2 - 1)
        return improved_gan_ssl(Generator(Z, (1, 4, 4), hidden=(8, 8)), D, Z, **FAST, **settings)


def gains(weights) -> dict[str, Tensor]:
    return {k: w.detach().clone() for k, w in weights.items() if k.startswith("hidden") and k.endswith("gain")}


def loss_of(game: Game, turn: str, **values: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    players = Players({k: p.net.train() for k, p in game.players.items()})
    numbers = {k: torch.tensor(v) for k, v in game.hyperparameters.items()}
    with stream(torch.tensor(1)):
        return game.turns[turn][0].objective(players, Batch({**values, **numbers}))


def test_the_defaults_are_the_papers():
    made = improved_gan_ssl(Generator(), Discriminator(), 100)
    for player in made.players.values():
        assert player.optimizer[:4] == (3e-3, 0.5, 0.999, 1e-4)
    z = made.noise["z"](torch.Generator().manual_seed(0), 1000)
    assert z.shape == (1000, 100) and 0 <= float(z.min()) < 0.01 and 0.99 < float(z.max()) < 1
    assert made.hyperparameters == {"weight": 1.0}


def test_three_turns_of_g_for_minibatch_discrimination():
    assert game().turns_at(0) == ("D", "G")
    assert game(variant="minibatch", kernels=2).turns_at(5) == ("D", "G", "G", "G")


def test_an_unknown_variant():
    with pytest.raises(UserError, match="there is no variant 'hinge'"):
        game(variant="hinge")


def test_the_losses_of_a_batch_by_hand():
    """K logits against the K + 1 of which the last is 0, and probabilities written out."""
    made, b = game(noise=(0.0, 0.0), weight=0.7), source()(0)
    G, D = (made.players[k].net for k in "GD")
    z = torch.rand(7, Z)
    loss, logs = loss_of(made, "D", **b, z=z)

    def fake_share(rows: Tensor) -> Tensor:
        logits = D(rows).logits
        return torch.cat([logits, torch.zeros(len(rows), 1)], 1).softmax(1)[:, -1]

    ce = -(b["y"] * D(b["x"]).logits.softmax(1)).sum(1).log().mean()
    unsupervised = -((1 - fake_share(b["u"])).log().mean() + fake_share(G(z)).log().mean()) / 2
    torch.testing.assert_close(loss, ce + 0.7 * unsupervised)
    torch.testing.assert_close(logs["D(u)"], 1 - fake_share(b["u"]).mean())
    assert torch.autograd.grad(loss, list(G.parameters()), allow_unused=True) == (None,) * len(list(G.parameters()))

    matching, _ = loss_of(made, "G", **b, z=z)
    apart = D(b["u"]).features.mean(0) - D(G(z)).features.mean(0)
    torch.testing.assert_close(matching, apart.square().sum() / 6)


def test_unlabelled_images_are_what_g_matches():
    made, b = game(noise=(0.0, 0.0)), source()(0)
    z = torch.rand(7, Z)
    as_it_is = loss_of(made, "G", **b, z=z)[0]
    assert torch.equal(loss_of(made, "G", **{**b, "x": b["u"]}, z=z)[0], as_it_is)
    assert not torch.equal(loss_of(made, "G", **{**b, "u": b["x"]}, z=z)[0], as_it_is)


def test_minibatch_discrimination_sees_kinds_of_rows_apart():
    """Labelled rows that change leave what is said of the other kinds as it was."""
    b, z = source()(0), torch.rand(7, Z)
    made = game(kernels=4, noise=(0.0, 0.0), variant="minibatch")
    one, other = (loss_of(made, "D", **{**b, "x": x}, z=z)[1] for x in (b["x"], b["x"].flip(0) / 3))
    assert torch.equal(one["unsupervised"], other["unsupervised"]) and not torch.equal(one["CE"], other["CE"])
    value, _ = loss_of(made, "G", **b, z=z)
    Z_of_fakes = made.players["D"].net(made.players["G"].net(z)).logits.exp().sum(1)
    torch.testing.assert_close(value, (1 / (1 + Z_of_fakes)).log().mean())


def test_fixed_gains_stay_while_everything_else_learns():
    made = game()
    one = Trainer(made, source(), ema={"D": 0.9})
    before = gains(one.nets["D"].state_dict())
    others = {k: w.clone() for k, w in one.nets["D"].state_dict().items() if k not in before}
    for _ in range(3):
        one.step()
    after = one.nets["D"].state_dict()
    assert len(before) == 2 and all(torch.equal(after[k], g) and len(g.unique()) > 1 for k, g in before.items())
    assert all(torch.equal(one.averaged()["D"][k], g) for k, g in before.items())
    assert others and all(not torch.equal(after[k], w) for k, w in others.items())


@pytest.mark.parametrize("settings", [{}, {"kernels": 3, "variant": "minibatch"}])
def test_each_model_of_an_ensemble_has_its_own_gains(settings):
    alone = [Trainer(game(i, **settings), source(i), seed=i, precision="fp64") for i in range(2)]
    many = Ensemble(
        [game(i, **settings) for i in range(2)], [source(i) for i in range(2)], seeds=[0, 1], precision="fp64"
    )
    before = [gains(many.players(i).weights("D")) for i in range(2)]
    for _ in range(3):
        many.step()
        for one in alone:
            one.step()
    for i, one in enumerate(alone):
        for who in "GD":
            for k, w in one.players.weights(who).items():
                assert_close_to_scale(many.players(i).weights(who)[k], w.detach(), rtol=1e-9)
        assert all(torch.equal(many.players(i).weights("D")[k], g) for k, g in before[i].items())
    assert not any(torch.equal(before[0][k], before[1][k]) for k in before[0])


def test_in_use_it_reads_images_without_noise():
    made, x = game(), source()(0)["x"]
    players = Players({k: p.net.eval() for k, p in made.players.items()})
    b = Batch({"x": x})
    logits = made.logits(players, b)
    assert torch.equal(made.logits(players, b), logits)
    torch.testing.assert_close(made.energy(players, b), -logits.exp().sum(1).log())


@pytest.mark.usefixtures("trace_only")
def test_noise_and_fixed_gains_compile_without_a_graph_break():
    eager, compiled = (Trainer(game(), source(), precision="fp64", compile=c) for c in (False, True))
    for _ in range(2):
        a, b = eager.step(), compiled.step()
    assert_close_to_scale(a, b, rtol=1e-12)


def test_it_learns_from_few_labels():
    """Three kinds of 4 x 4 images, bright in one of three rows, two labels each."""
    g = torch.Generator().manual_seed(0)
    kinds = torch.arange(240) % 3
    bright = torch.zeros(240, 1, 4, 4)
    for kind in range(3):
        bright[kinds == kind, :, kind] = 150
    images = (bright + 100 * torch.rand(240, 1, 4, 4, generator=g)).to(torch.uint8)
    labels = torch.where(torch.arange(240) < 6, kinds, -1)
    few = LabelledBatches(images, labels, classes=3, labelled=12, unlabelled=12, seed=0)
    one = Trainer(game(), few)
    for _ in range(80):
        one.step()
    with torch.no_grad():
        found = one.nets["D"].eval()(images.float() / 127.5 - 1).logits.argmax(1)
    assert float((found == kinds).float().mean()) > 0.95
