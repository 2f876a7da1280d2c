"""Digits by a generator alone, against a distance between two batches: no critic, and no energy to score images with.

The generator is the one of moment matching networks (arXiv:1502.02761, section 4): 64, 256, 256 and 1024 ReLU units.
Batches are large, for the distances are of batches. In [-1, 1], two of MNIST's images lie 20 apart (18 to 22 for half
of the pairs), an image and its nearest among 1,000 others 12: what kernel widths and epsilon are measured by.
"""

from typing import TYPE_CHECKING

from energan.recipes.common import Precision, at_least, positive, resized, run, usable_seed
from energan.recipes.flags import documented

if TYPE_CHECKING:
    from torch import nn

    from energan.run import Run


def _generator(z: int, seed: int) -> "nn.Module":
    from torch import nn

    from energan.nets.perceptron import Perceptron
    from energan.noise import seeded

    positive(z=z)
    usable_seed(seed)
    with seeded(seed):
        return nn.Sequential(Perceptron((z, 64, 256, 256, 1024, 784), shape=(1, 28, 28)), nn.Tanh())


@documented
def gmmn_mnist(
    *,
    data: str = "mnist",
    steps: int = 2000,
    batch: int = 1000,
    seed: int = 0,
    every: int = 200,
    widths: tuple[float, ...] = (2.83, 4.47, 6.32, 8.94, 12.6, 17.9),
    z: int = 10,
    lr: float = 1e-3,
    average: float = 0.0,
    precision: Precision = "auto",
    device: str = "auto",
    compile: bool = False,
) -> "Run":
    """Moment matching (GMMN): a generator descends the kernel MMD of batches, without a critic.

    Args:
        steps: Training steps, each one turn of G.
        widths: Standard deviations of the Gaussian kernels, in units of the distance between images in [-1, 1].
        z: Dimensions of the noise, U(-1, 1).
        lr: Adam's learning rate.
    """
    from energan.games import GAMES
    from energan.optimizers import Adam

    positive(lr=lr)
    for width in widths:
        positive(widths=width)
    game = GAMES["gmmn"](_generator(z, seed), z, widths=tuple(widths), optimizer_G=Adam(lr))
    return run(
        game, "gmmn", data, resized(28, 1), steps=steps, batch=batch, seed=seed, every=every,
        average=average, network="mnist", precision=precision, device=device, compile=compile,
    )  # fmt: skip


@documented
def energy_distance_mnist(
    *,
    data: str = "mnist",
    steps: int = 5000,
    batch: int = 500,
    seed: int = 0,
    every: int = 500,
    z: int = 10,
    lr: float = 1e-3,
    average: float = 0.0,
    precision: Precision = "auto",
    device: str = "auto",
    compile: bool = False,
) -> "Run":
    """A generator descends the energy distance of batches (a scoring rule), without a critic or a kernel's width.

    Args:
        steps: Training steps, each one turn of G.
        lr: Adam's learning rate.
    """
    from energan.games import GAMES
    from energan.optimizers import Adam

    positive(lr=lr)
    game = GAMES["energy-distance"](_generator(z, seed), z, optimizer_G=Adam(lr))
    return run(
        game, "energy-distance", data, resized(28, 1), steps=steps, batch=batch, seed=seed, every=every,
        average=average, network="mnist", precision=precision, device=device, compile=compile,
    )  # fmt: skip


@documented
def sinkhorn_mnist(
    *,
    data: str = "mnist",
    steps: int = 2000,
    batch: int = 500,
    seed: int = 0,
    every: int = 200,
    epsilon: float = 10.0,
    iterations: int = 20,
    z: int = 10,
    lr: float = 1e-3,
    average: float = 0.0,
    precision: Precision = "auto",
    device: str = "auto",
    compile: bool = False,
) -> "Run":
    """A generator descends the Sinkhorn divergence of batches: entropic optimal transport, without a critic.

    Args:
        steps: Training steps, each one turn of G.
        epsilon: Weight of the entropy, in units of the cost ||x - y||^2 / 2; the less, the more iterations it needs.
        iterations: Of Sinkhorn's algorithm, for each of the three transports of a turn.
        lr: Adam's learning rate.
    """
    from energan.games import GAMES
    from energan.optimizers import Adam

    positive(lr=lr, epsilon=epsilon)
    at_least(1, iterations=iterations)
    game = GAMES["sinkhorn"](_generator(z, seed), z, epsilon=epsilon, iterations=iterations, optimizer_G=Adam(lr))
    return run(
        game, "sinkhorn", data, resized(28, 1), steps=steps, batch=batch, seed=seed, every=every,
        average=average, network="mnist", precision=precision, device=device, compile=compile,
    )  # fmt: skip
