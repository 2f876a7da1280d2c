"""Digits by a generator alone, against a distance between two batches: no critic, and no energy to score images with.

The generator is the one of moment matching networks (arXiv:1502.02761, section 4). Batches are large, for the
distances are of batches. In [-1, 1], two of MNIST's images lie 20 apart (18 to 22 for half of the pairs), an image and
its nearest among 1,000 others 12: what kernel widths and epsilon are measured by.
"""

from typing import TYPE_CHECKING

from energan.experiment import Experiment
from energan.recipes.common import Data, GeneratorTraining, LearningRate, experiment, resized
from energan.utils.checks import positive

if TYPE_CHECKING:
    from torch import nn


def gmmn_generator(z: int, training: GeneratorTraining) -> "nn.Module":
    """The generator of the three recipes without a critic."""
    from energan.networks.dense.gmmn import generator

    positive(z=z)
    with training.seeded():
        return generator(z)


def gmmn_mnist(
    *,
    data: Data = "mnist",
    widths: tuple[float, ...] = (2.83, 4.47, 6.32, 8.94, 12.6, 17.9),
    z: int = 10,
    lr: LearningRate = 1e-3,
    training: GeneratorTraining = GeneratorTraining(steps=2000, batch=1000, save_every=200),
) -> Experiment:
    """Moment matching (GMMN): a generator descends the kernel MMD of batches, without a critic.

    A step is one turn of G.

    Args:
        widths: Standard deviations of the Gaussian kernels, in units of the distance between images in [-1, 1].
        z: Dimensions of the noise, U(-1, 1).
    """
    from energan.engine.optimizers import Adam
    from energan.games.critic_free.gmmn import gmmn

    positive(lr=lr)
    for width in widths:
        positive(widths=width)
    game = gmmn(gmmn_generator(z, training), z, widths=tuple(widths), optimizer_G=Adam(lr))
    return experiment(game, "gmmn", data, resized(28, 1), training)
