"""The conditional GAN's small games, and its step by hand: the paper's eq. 2 with the first GAN's halves."""

from functools import partial

import torch
from small_games import MLP, Small, Z, rates, turn_batch

from energan.engine import Trainer
from energan.engine.game import Batch, Game, Players
from energan.engine.rng import seeded
from energan.games.conditional.cgan import cgan
from energan.networks.conditional.cgan import Discriminator, Generator

CLASSES = 3


def build(seed: int, i: int, dropout: float = 0.0, loss: str = "non-saturating") -> Game:
    with seeded(seed):
        G = Generator(Z, CLASSES, MLP, sizes=(4, 5, 6), dropout=dropout, weights=0.5)
        D = Discriminator(CLASSES, MLP, units=(4, 3, 5), pieces=(2, 2, 3), dropout=dropout, weights=0.5)
        g, d = rates(i)
        return cgan(G, D, Z, CLASSES, loss=loss, smoothing=0.1 * i, optimizer_G=g, optimizer_D=d)


SMALL = {
    "cgan": Small(build, MLP, bounded=False, labels=CLASSES),
    "cgan minimax": Small(partial(build, loss="minimax"), MLP, bounded=False, labels=CLASSES),
}


def by_hand(G, D, x, y, z, smoothing, **_):
    def d():
        real, fake = torch.sigmoid(D(x, y)), torch.sigmoid(D(G(z, y).detach(), y))
        smoothed = (1 - smoothing) * real.log() + smoothing * (1 - real).log()
        return -(smoothed.mean() + (1 - fake).log().mean())

    def g():
        return -torch.sigmoid(D(G(z, y), y)).log().mean()

    return {"both": {"D": d, "G": g}}


BY_HAND = {"cgan": by_hand}


def test_minimax_is_what_the_paper_prints():
    game = build(0, 0, loss="minimax")
    p = Trainer(game, lambda k: {"x": torch.zeros(5, *MLP), "y": torch.eye(CLASSES)[[0] * 5]}).nets
    b = turn_batch(SMALL["cgan"], game, torch.float32)
    of_G = game.turns["both"][1].objective
    value, _ = of_G(Players(p), b)
    expected = (1 - torch.sigmoid(p["D"](p["G"](b.z, b.y), b.y))).log().mean()
    torch.testing.assert_close(value, expected)


def test_a_sample_is_drawn_for_its_class():
    game = build(0, 0)
    nets = Trainer(game, lambda k: {"x": torch.zeros(5, *MLP), "y": torch.eye(CLASSES)[[0] * 5]}).nets
    p = Players({k: net.eval() for k, net in nets.items()})
    z, c = torch.rand(6, Z), torch.eye(CLASSES)[[0, 1, 2, 0, 1, 2]]
    drawn = game.sample(p, Batch({"z": z, "c": c}))
    torch.testing.assert_close(drawn, p.G(z, c))
    assert not torch.allclose(drawn, game.sample(p, Batch({"z": z, "c": c.roll(1, 0)})))
