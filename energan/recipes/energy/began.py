"""BEGAN on digits (arXiv:1703.10717)."""

from typing import TYPE_CHECKING

from energan.recipes.common import Precision, padded_digits, run
from energan.recipes.flag_docs import documented
from energan.utils.checks import not_negative, positive, usable_seed

if TYPE_CHECKING:
    from energan.experiment import Experiment


@documented
def began_mnist(
    *,
    data: str = "mnist",
    steps: int = 5000,
    batch: int = 16,
    seed: int = 0,
    save_every: int = 500,
    gamma: float = 0.5,
    rate: float = 1e-3,
    z: int = 64,
    width: int = 16,
    lr: float = 1e-4,
    ema: float = 0.0,
    precision: Precision = "auto",
    device: str = "auto",
    compile: bool = False,
) -> "Experiment":
    """BEGAN: an auto-encoder's discriminator kept in balance with the generator (arXiv:1703.10717), at 32 x 32.

    Args:
        steps: Training steps, each one turn of D, G and k together.
        gamma: Diversity, the ratio of samples' to images' losses that the balance k holds; 0.3 to 0.7 in the paper.
        rate: Step size of the balance k.
        z: Dimensions of the noise, U(-1, 1), and of D's code.
        width: Feature maps of the networks (128 in the paper, for faces); less is faster.
    """
    from energan.engine.optimizers import Adam
    from energan.engine.rng import seeded
    from energan.games.catalog import GAMES
    from energan.networks.conv import began

    positive(z=z, width=width, lr=lr, gamma=gamma)
    not_negative(rate=rate)
    usable_seed(seed)
    with seeded(seed):
        G = began.Generator(z, channels=1, size=32, width=width)
        D = began.Autoencoder(channels=1, size=32, width=width, code=z)
    game = GAMES["began"](G, D, z, gamma=gamma, rate=rate, optimizer_G=Adam(lr), optimizer_D=Adam(lr))
    return run(
        game, "began", data, padded_digits, steps=steps, batch=batch, seed=seed, save_every=save_every,
        ema=ema, network="mnist", precision=precision, device=device, compile=compile,
    )  # fmt: skip
