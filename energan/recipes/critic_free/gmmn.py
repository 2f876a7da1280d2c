"""Digits by a generator alone, against a distance between two batches: no critic, and no energy to score images with.

The generator is the one of moment matching networks (arXiv:1502.02761, section 4): 64, 256, 256 and 1024 ReLU units.
Batches are large, for the distances are of batches. In [-1, 1], two of MNIST's images lie 20 apart (18 to 22 for half
of the pairs), an image and its nearest among 1,000 others 12: what kernel widths and epsilon are measured by.
"""

from typing import TYPE_CHECKING

from energan.networks.dense.gmmn import _generator
from energan.recipes.common import Precision, resized, run
from energan.recipes.flag_docs import documented
from energan.utils.checks import positive

if TYPE_CHECKING:
    from energan.experiment import Experiment


@documented
def gmmn_mnist(
    *,
    data: str = "mnist",
    steps: int = 2000,
    batch: int = 1000,
    seed: int = 0,
    save_every: int = 200,
    widths: tuple[float, ...] = (2.83, 4.47, 6.32, 8.94, 12.6, 17.9),
    z: int = 10,
    lr: float = 1e-3,
    ema: float = 0.0,
    precision: Precision = "auto",
    device: str = "auto",
    compile: bool = False,
) -> "Experiment":
    """Moment matching (GMMN): a generator descends the kernel MMD of batches, without a critic.

    Args:
        steps: Training steps, each one turn of G.
        widths: Standard deviations of the Gaussian kernels, in units of the distance between images in [-1, 1].
        z: Dimensions of the noise, U(-1, 1).
        lr: Adam's learning rate.
    """
    from energan.engine.optimizers import Adam
    from energan.games.catalog import GAMES

    positive(lr=lr)
    for width in widths:
        positive(widths=width)
    game = GAMES["gmmn"](_generator(z, seed), z, widths=tuple(widths), optimizer_G=Adam(lr))
    return run(
        game, "gmmn", data, resized(28, 1), steps=steps, batch=batch, seed=seed, save_every=save_every,
        ema=ema, network="mnist", precision=precision, device=device, compile=compile,
    )  # fmt: skip
