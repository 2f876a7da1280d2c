"""Stacked GANs: small games and their steps by hand, losses of each player, when training becomes joint."""

from functools import partial
from itertools import chain

import pytest
import torch
from small_games import MLP, Small, rates, scaled
from small_runs import trained
from torch import Tensor, nn
from torch.nn.functional import mse_loss

import energan
from energan.engine import Ensemble, Trainer
from energan.engine.game import Batch, Game, Players
from energan.engine.noise import one_hot
from energan.engine.optimizers import Adam
from energan.engine.rng import seeded
from energan.games.conditional.sgan import sgan
from energan.networks.conv.sgan import Discriminator, Encoder, FeatureGenerator, ImageGenerator, feature_discriminator
from energan.recipes.build import build as build_recipe
from energan.utils.errors import UserError

Z, CLASSES, H = 4, 3, 6


class StackedG_0(nn.Module):
    """h_1 (n, 5), z_0 (n, 3) -> images."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(5 + 3, 16), nn.Tanh(), nn.Unflatten(1, MLP))

    def forward(self, h: Tensor, z: Tensor) -> Tensor:
        return self.net(torch.cat([h, z], 1))


def build(seed: int, i: int, joint_from: int) -> Game:
    """Two levels: x (16), h_1 (5), y (3). All have the same encoder."""
    with seeded(0):
        E_0, E_1 = nn.Sequential(nn.Flatten(), nn.Linear(16, 5), nn.ReLU()), nn.Linear(5, 3)
    with seeded(seed):
        G_1 = FeatureGenerator(h=5, z=3, classes=3, hidden=6)
        D_0 = Discriminator(nn.Sequential(nn.Flatten(), nn.Linear(16, 6), nn.LeakyReLU(0.2)), 6, 3)
        nets = (G_1, StackedG_0(), feature_discriminator(h=5, z=3, hidden=6), D_0)
    for w in chain(*(net.parameters() for net in nets)):
        w.data.mul_(5)  # of the authors' N(0, .02), so little would depend on the input that Adam sees rounding errors
    frozen = (E.requires_grad_(False) for E in (E_0, E_1))
    g, d = rates(i)
    return scaled(sgan(*frozen, *nets, 3, 3, joint_from=joint_from, optimizer_G=g, optimizer_D=d), i)


SMALL = {
    "sgan": Small(partial(build, joint_from=0), MLP, labels=3),
    "sgan independent, then joint": Small(partial(build, joint_from=1), MLP, labels=3),
}


def by_hand(E_0, E_1, G_1, G_0, D_1, D_0, x, y, z_1, z_0, adversarial, condition, entropy, **_):
    def learns(D, real, fake, z):
        cross = torch.sigmoid(D(real)[0]).log().mean() + (1 - torch.sigmoid(D(fake)[0])).log().mean()
        return -adversarial * cross / 2 + entropy * ((D(fake)[1] - z) ** 2).mean()

    def fools(D, fake, wrong, z):
        adv = -torch.sigmoid(D(fake)[0]).log().mean()
        return adversarial * adv + condition * wrong + entropy * ((D(fake)[1] - z) ** 2).mean()

    def g_1():
        h = G_1(y, z_1)
        return fools(D_1, h, -(y * E_1(h).softmax(1).log()).sum(1).mean(), z_1)

    def g_0(h):
        fake = G_0(h, z_0)
        return fools(D_0, fake, ((E_0(fake) - h) ** 2).mean(), z_0)

    losses = {}
    for suffix, h in (("", G_1(y, z_1).detach()), ("_alone", E_0(x))):
        losses["D" + suffix] = {
            "D_1": lambda: learns(D_1, E_0(x), G_1(y, z_1).detach(), z_1),
            "D_0": lambda h=h: learns(D_0, x, G_0(h, z_0).detach(), z_0),
        }
        losses["G" + suffix] = {"G_1": g_1, "G_0": partial(g_0, h)}
    return losses


BY_HAND = {"sgan": by_hand, "sgan independent, then joint": by_hand}


class G_0(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Linear(H + Z, 16)

    def forward(self, h: Tensor, z: Tensor) -> Tensor:
        return self.net(torch.cat([h, z], 1)).tanh().unflatten(1, (1, 4, 4))


def game(seed: int = 0, **settings) -> Game:
    with seeded(0):
        E_0, E_1 = nn.Sequential(nn.Flatten(), nn.Linear(16, H), nn.ReLU()), nn.Linear(H, CLASSES)
    with seeded(seed):
        G_1 = FeatureGenerator(h=H, z=Z, classes=CLASSES, hidden=8)
        D_0 = Discriminator(nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.LeakyReLU(0.2)), 8, Z)
        nets = (G_1, G_0(), feature_discriminator(h=H, z=Z, hidden=8), D_0)
    fast = {"optimizer_G": Adam(1e-2, 0.5), "optimizer_D": Adam(1e-2, 0.5)}
    return sgan(E_0.requires_grad_(False), E_1.requires_grad_(False), *nets, Z, CLASSES, **fast, **settings)


def source(k: int, n: int = 8) -> dict[str, Tensor]:
    g = torch.Generator().manual_seed(k)
    y = torch.eye(CLASSES)[torch.randint(CLASSES, (n,), generator=g)]
    return {"x": torch.rand(n, 1, 4, 4, generator=g) * 2 - 1, "y": y}


def batch(made: Game) -> Batch:
    g = torch.Generator().manual_seed(3)
    noise = {k: draw(g, 8) for k, draw in made.noise.items()}
    return Batch({**source(0), **noise, **{k: torch.tensor(v) for k, v in made.hyperparameters.items()}})


def slopes(made: Game, turn: str, mover: str, of: str) -> list[Tensor | None]:
    """Gradients in the weights of `of` of the loss that `mover` descends."""
    (move,) = (m for m in made.turns[turn] if m.min == (mover,))
    nets = {k: p.net.train() for k, p in made.players.items()}
    loss, _ = move.objective(Players(nets), batch(made))
    return list(torch.autograd.grad(loss, list(nets[of].parameters()), allow_unused=True))


def none(found: list[Tensor | None]) -> bool:
    return all(g is None or not g.any() for g in found)


def test_the_defaults_are_the_authors():
    encoder = Encoder()
    made = sgan(encoder.E_0, encoder.E_1, FeatureGenerator(), ImageGenerator(), *(nn.Identity(),) * 2, 50, 10)
    assert made.hyperparameters == {"adversarial": 1.0, "condition": 1.0, "entropy": 10.0}
    for who in ("G_1", "G_0", "D_1", "D_0"):
        assert made.players[who].optimizer[:3] == (1e-4, 0.5, 0.999)
    g = torch.Generator().manual_seed(0)
    for z in (made.noise["z_1"](g, 500), made.noise["z_0"](g, 500)):
        assert z.shape == (500, 50) and 0 <= float(z.min()) < 0.01 and 0.99 < float(z.max()) < 1
    assert made.turns_at(0) == ("D", "G")


def test_training_is_independent_and_then_joint():
    made = game(joint_from=2)
    assert [made.turns_at(t) for t in range(4)] == [("D_alone", "G_alone")] * 2 + [("D", "G")] * 2
    assert game(joint_from=0).turns_at(0) == ("D", "G")


@pytest.mark.parametrize("joint", [False, True])
def test_g_0_reads_the_code_and_must_give_it_back(joint: bool):
    made = game(adversarial=0.0, entropy=0.0)
    b, nets = batch(made), {k: p.net.train() for k, p in made.players.items()}
    (move,) = (m for m in made.turns["G" if joint else "G_alone"] if m.min == ("G_0",))
    loss, logs = move.objective(Players(nets), b)
    h = nets["G_1"](b.y, b.z_1) if joint else nets["E_0"](b.x)
    expected = mse_loss(nets["E_0"](nets["G_0"](h, b.z_0)), h)
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(logs["condition error"], expected)


@pytest.mark.parametrize("turn", ["G", "G_alone"])
def test_each_generator_has_its_own_loss_only(turn: str):
    made = game()
    assert none(slopes(made, turn, "G_0", of="G_1")) and none(slopes(made, turn, "G_1", of="G_0"))
    assert not none(slopes(made, turn, "G_1", of="G_1")) and not none(slopes(made, turn, "G_0", of="G_0"))


@pytest.mark.parametrize("i", [0, 1])
def test_the_entropy_term_reaches_g_and_q(i: int):
    alone = {"adversarial": 0.0, "condition": 0.0}
    for entropy, there in ((10.0, True), (0.0, False)):
        made = game(**alone, entropy=entropy)
        assert none(slopes(made, "G", f"G_{i}", of=f"G_{i}")) != there
        D = made.players[f"D_{i}"].net
        *_, weight, bias = slopes(made, "D", f"D_{i}", of=f"D_{i}")  # of Q's own layer, the last one
        assert (weight.shape, bias.shape) == (D.noise.weight.shape, D.noise.bias.shape)
        assert bool(weight.any() and bias.any()) == there


def test_the_discriminators_do_not_move_the_generators():
    for i in (0, 1):
        for j in (0, 1):
            assert none(slopes(game(), "D", f"D_{i}", of=f"G_{j}"))


@pytest.mark.parametrize("many", [False, True])
def test_the_encoder_stays_bit_for_bit(many: bool):
    made = game(joint_from=2)
    before = {who: [w.clone() for w in player.net.parameters()] for who, player in made.players.items()}
    one = Ensemble([made, game(1, joint_from=2)], [source] * 2, seeds=[0, 1]) if many else Trainer(made, source)
    for _ in range(4):
        one.step()
    players = one.players(0) if many else one.players
    for who, weights in before.items():
        same = [torch.equal(w, old) for w, old in zip(players.weights(who).values(), weights, strict=True)]
        assert all(same) if who.startswith("E") else not any(same)


def test_samples_are_of_the_class_and_both_noises():
    made = game()
    players, g = Players({k: p.net for k, p in made.players.items()}), torch.Generator().manual_seed(0)
    drawn = {k: draw(g, 8) for k, draw in made.noise.items()}
    x = made.sample(players, Batch(drawn))
    by_hand = players.G_0(players.G_1(drawn["c"], drawn["z_1"]), drawn["z_0"])
    torch.testing.assert_close(x, by_hand)
    other = Batch({**drawn, "c": drawn["c"].roll(1, 1)})
    assert not torch.equal(made.sample(players, other), x)


def test_one_hot_noise_is_uniform():
    c = one_hot(4)(torch.Generator().manual_seed(0), 4000)
    assert c.shape == (4000, 4) and bool((c.sum(1) == 1).all()) and bool(((c == 0) | (c == 1)).all())
    assert float((c.mean(0) - 0.25).abs().max()) < 0.03
    assert torch.equal(one_hot(4)(torch.Generator().manual_seed(0), 4000), c)


# ---- the recipe ----


def small(**changes) -> Game:
    return build_recipe("sgan-mnist", width=2, z=8, steps=10, **changes).game


def test_joint_from_is_a_share_of_the_steps():
    for given, step in ((0.0, 0), (0.3, 3), (1.0, 10)):
        turns = [small(joint_from=given).turns_at(t) for t in range(10)]
        assert turns == [("D_alone", "G_alone")] * step + [("D", "G")] * (10 - step)


def test_a_run_has_the_trained_encoder_and_leaves_it(tmp_path):
    """tests/conftest.py has `trained` give the net of seed 0."""
    folder = trained(tmp_path / "run", "sgan-mnist", joint_from=0.5)
    with seeded(0):
        expected = Encoder().state_dict()
    nets = energan.load(folder).nets
    for name, w in expected.items():
        who, _, rest = name.partition(".")
        assert torch.equal(nets[who].state_dict()[rest], w)


def test_an_encoder_may_be_a_run(tmp_path):
    folder = trained(tmp_path / "encoder", "encoder-mnist", data="digits", net="sgan")
    run = build_recipe("sgan-mnist", data="digits", encoder=str(folder), width=2)
    assert run.initialise is not None  # a folder without a checkpoint, rebuilt, has the weights from there
    E = next(iter(energan.load(folder).nets.values()))
    assert torch.equal(run.game.players["E_1"].net.weight, E.E_1.weight)


def test_an_encoder_of_another_net_is_refused(tmp_path):
    folder = trained(tmp_path / "encoder", "encoder-mnist", data="digits", net="thesis")
    with pytest.raises(UserError, match="is no run of encoder-mnist with net sgan"):
        build_recipe("sgan-mnist", data="digits", encoder=str(folder), width=2)
