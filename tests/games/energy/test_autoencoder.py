"""The auto-encoder's small game, and its steps by hand."""

from small_games import MLP, MLP_AE, Small, norm, rates

from energan.engine.game import Game
from energan.engine.rng import seeded
from energan.games.energy.autoencoder import autoencoder


def build(seed: int, i: int) -> Game:
    with seeded(seed):
        return autoencoder(MLP_AE(), optimizer_D=rates(i)[0])


SMALL = {"autoencoder": Small(build, MLP)}
BY_HAND = {"autoencoder": lambda D, x, **_: {"D": lambda: norm(x - D(x)[0]).mean()}}
