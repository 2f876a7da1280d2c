"""Hinge GAN on digits (arXiv:1705.02894), with spectral normalisation."""

from typing import TYPE_CHECKING

from energan.recipes.common import Precision, dcgan_pair, padded_digits, run
from energan.recipes.flag_docs import documented
from energan.utils.checks import fraction, positive

if TYPE_CHECKING:
    from energan.experiment import Experiment


@documented
def hinge_mnist(
    *,
    data: str = "mnist",
    steps: int = 3000,
    batch: int = 64,
    seed: int = 0,
    save_every: int = 250,
    z: int = 100,
    width: int = 32,
    lr: float = 2e-4,
    beta1: float = 0.5,
    ema: float = 0.999,
    precision: Precision = "auto",
    device: str = "auto",
    compile: bool = False,
) -> "Experiment":
    """Hinge GAN with spectral norm on the discriminator's layers (arXiv:1802.05957): a yardstick."""
    from energan.engine.optimizers import Adam
    from energan.games.catalog import GAMES
    from energan.networks.layers import spectral_norm

    positive(lr=lr)
    fraction(beta1=beta1)
    G, D = dcgan_pair(z, width, seed, norm=False)
    game = GAMES["hinge"](G, spectral_norm(D), z, optimizer_G=Adam(lr, beta1), optimizer_D=Adam(lr, beta1))
    return run(
        game, "hinge", data, padded_digits, steps=steps, batch=batch, seed=seed, save_every=save_every,
        ema=ema, network="mnist", precision=precision, device=device, compile=compile,
    )  # fmt: skip
