"""The fully connected generator of GMMN (arXiv:1502.02761)."""

from typing import TYPE_CHECKING

from energan.utils.checks import positive, usable_seed

if TYPE_CHECKING:
    from torch import nn


def _generator(z: int, seed: int) -> "nn.Module":
    from torch import nn

    from energan.engine.rng import seeded
    from energan.networks.dense.perceptron import Perceptron

    positive(z=z)
    usable_seed(seed)
    with seeded(seed):
        return nn.Sequential(Perceptron((z, 64, 256, 256, 1024, 784), shape=(1, 28, 28)), nn.Tanh())
