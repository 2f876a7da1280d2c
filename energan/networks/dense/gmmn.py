"""The fully connected generator of GMMN (arXiv:1502.02761)."""

from typing import TYPE_CHECKING

from energan.utils.checks import positive, usable_seed

if TYPE_CHECKING:
    from torch import nn


def _generator(z: int, seed: int) -> "nn.Module":
    from energan.engine.rng import seeded
    from energan.networks.dense.perceptron import Perceptron, with_tanh

    positive(z=z)
    usable_seed(seed)
    with seeded(seed):
        return with_tanh(Perceptron((z, 64, 256, 256, 1024, 784), shape=(1, 28, 28)))
