"""R3GAN's objective on digits (arXiv:2501.05441)."""

from typing import TYPE_CHECKING

from energan.recipes.common import Precision, dcgan_pair, padded_digits, run
from energan.recipes.flag_docs import documented
from energan.utils.checks import fraction, not_negative, positive

if TYPE_CHECKING:
    from energan.experiment import Experiment


@documented
def r3gan_mnist(
    *,
    data: str = "mnist",
    steps: int = 3000,
    batch: int = 64,
    seed: int = 0,
    save_every: int = 250,
    gamma: float = 1.0,
    z: int = 100,
    width: int = 32,
    lr: float = 2e-4,
    beta1: float = 0.0,
    ema: float = 0.999,
    precision: Precision = "auto",
    device: str = "auto",
    compile: bool = False,
) -> "Experiment":
    """R3GAN's objective (arXiv:2501.05441): relativistic, with penalties on both gradients; small nets, not its own.

    Args:
        gamma: Weight of the penalties R1 and R2, half of it each.
    """
    from energan.engine.optimizers import Adam
    from energan.games.catalog import GAMES

    positive(lr=lr)
    not_negative(gamma=gamma)
    fraction(beta1=beta1)
    G, D = dcgan_pair(z, width, seed, norm=False)
    adam = Adam(lr, beta1, beta2=0.99)
    game = GAMES["r3gan"](G, D, z, gamma=gamma, optimizer_G=adam, optimizer_D=adam)
    return run(
        game, "r3gan", data, padded_digits, steps=steps, batch=batch, seed=seed, save_every=save_every,
        ema=ema, network="mnist", precision=precision, device=device, compile=compile,
    )  # fmt: skip
