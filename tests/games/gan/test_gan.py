"""The GAN's small games, and their steps by hand."""

from functools import partial

import torch
from small_games import CONV, CONV_G, MLP, MLP_D, MLP_G, POINTS, Small, Z, on_points, rates

from energan.engine.game import Game
from energan.engine.rng import seeded
from energan.games.gan.gan import gan
from energan.networks.conv import dcgan


def build(seed: int, i: int, G=MLP_G, D=MLP_D, loss: str = "non-saturating") -> Game:
    with seeded(seed):
        g, d = rates(i)
        return gan(G(), D(), Z, loss=loss, smoothing=0.1 * i, optimizer_G=g, optimizer_D=d)


DROPPED_D = partial(MLP_D, dropout=0.5)
CONV_D = partial(dcgan.Discriminator, channels=2, size=8, width=4)
SMALL = {
    "gan": Small(build, MLP, bounded=False),
    "gan minimax dropout": Small(partial(build, D=DROPPED_D, loss="minimax"), MLP, bounded=False),
    "gan convolutional": Small(partial(build, G=CONV_G, D=CONV_D), CONV, bounded=False),
    "gan simultaneous": Small(on_points(gan, simultaneous=True), POINTS, bounded=False, images=False),
}


def by_hand(G, D, x, z, smoothing, **_):
    def d():
        real, fake = torch.sigmoid(D(x)), torch.sigmoid(D(G(z).detach()))
        smoothed = (1 - smoothing) * real.log() + smoothing * (1 - real).log()
        return -(smoothed.mean() + (1 - fake).log().mean())

    def g():
        return -torch.sigmoid(D(G(z))).log().mean()

    return {"D": d, "G": g, "both": {"D": d, "G": g}}


BY_HAND = {"gan": by_hand, "gan simultaneous": by_hand}
