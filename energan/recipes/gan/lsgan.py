"""Yardsticks of today for the systems of 2014 to 2017, on digits: least squares, hinge, R3GAN's objective.

All have DCGAN's generator. Their D is DCGAN's, or WGAN-GP's critic where batch norm is out: R3GAN's penalties are of
single images, and the spectral norm takes its place in hinge GAN.
"""

from typing import TYPE_CHECKING

from energan.recipes.common import Precision, dcgan_pair, padded_digits, run
from energan.recipes.flag_docs import documented
from energan.utils.checks import fraction, positive

if TYPE_CHECKING:
    from energan.experiment import Experiment


@documented
def lsgan_mnist(
    *,
    data: str = "mnist",
    steps: int = 3000,
    batch: int = 64,
    seed: int = 0,
    save_every: int = 250,
    z: int = 100,
    width: int = 32,
    lr: float = 1e-3,
    beta1: float = 0.5,
    ema: float = 0.999,
    precision: Precision = "auto",
    device: str = "auto",
    compile: bool = False,
) -> "Experiment":
    """LSGAN: least squares in place of the cross-entropy (arXiv:1611.04076)."""
    from energan.engine.optimizers import Adam
    from energan.games.catalog import GAMES

    positive(lr=lr)
    fraction(beta1=beta1)
    G, D = dcgan_pair(z, width, seed)
    game = GAMES["lsgan"](G, D, z, optimizer_G=Adam(lr, beta1), optimizer_D=Adam(lr, beta1))
    return run(
        game, "lsgan", data, padded_digits, steps=steps, batch=batch, seed=seed, save_every=save_every,
        ema=ema, network="mnist", precision=precision, device=device, compile=compile,
    )  # fmt: skip
