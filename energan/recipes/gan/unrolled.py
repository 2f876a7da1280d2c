"""Unrolled GAN on digits (arXiv:1611.02163)."""

from typing import TYPE_CHECKING

from energan.recipes.common import Precision, dcgan_pair, padded_digits, run
from energan.recipes.flag_docs import documented
from energan.utils.checks import at_least, fraction, positive

if TYPE_CHECKING:
    from energan.experiment import Experiment


@documented
def unrolled_mnist(
    *,
    data: str = "mnist",
    steps: int = 3000,
    batch: int = 64,
    seed: int = 0,
    save_every: int = 250,
    unroll: int = 5,
    z: int = 100,
    width: int = 16,
    width_d: int = 16,
    lr: float = 1e-3,
    lr_d: float = 2e-4,
    beta1: float = 0.5,
    ema: float = 0.999,
    precision: Precision = "auto",
    device: str = "auto",
    compile: bool = False,
) -> "Experiment":
    """Unrolled GAN: the generator sees K of the discriminator's next steps (arXiv:1611.02163).

    Args:
        steps: Training steps, each one turn of D and G together.
        unroll: K, the steps that G looks ahead and differentiates through; 0 is the minimax GAN.
        width_d: The discriminator's; less hinders it, and costs less in each of the K steps.
        lr: Adam's learning rate of the generator.
        lr_d: Adam's learning rate of the discriminator, in its own steps and in the K ahead.
    """
    from energan.engine.optimizers import Adam
    from energan.games.catalog import GAMES

    positive(lr=lr, lr_d=lr_d)
    fraction(beta1=beta1)
    at_least(0, unroll=unroll)
    G, D = dcgan_pair(z, width, seed, norm=False, width_d=width_d)
    game = GAMES["unrolled"](G, D, z, steps=unroll, optimizer_G=Adam(lr, beta1), optimizer_D=Adam(lr_d, beta1))
    return run(
        game, "unrolled", data, padded_digits, steps=steps, batch=batch, seed=seed, save_every=save_every,
        ema=ema, network="mnist", precision=precision, device=device, compile=compile,
    )  # fmt: skip
