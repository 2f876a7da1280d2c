"""A generator without critic that minimises the energy distance (arXiv:1606.02556), on digits."""

from typing import TYPE_CHECKING

from energan.networks.dense.gmmn import _generator
from energan.recipes.common import Precision, resized, run
from energan.recipes.flag_docs import documented
from energan.utils.checks import positive

if TYPE_CHECKING:
    from energan.experiment import Experiment


@documented
def energy_distance_mnist(
    *,
    data: str = "mnist",
    steps: int = 5000,
    batch: int = 500,
    seed: int = 0,
    save_every: int = 500,
    z: int = 10,
    lr: float = 1e-3,
    ema: float = 0.0,
    precision: Precision = "auto",
    device: str = "auto",
    compile: bool = False,
) -> "Experiment":
    """A generator descends the energy distance of batches (a scoring rule), without a critic or a kernel's width.

    Args:
        steps: Training steps, each one turn of G.
        lr: Adam's learning rate.
    """
    from energan.engine.optimizers import Adam
    from energan.games.catalog import GAMES

    positive(lr=lr)
    game = GAMES["energy-distance"](_generator(z, seed), z, optimizer_G=Adam(lr))
    return run(
        game, "energy-distance", data, resized(28, 1), steps=steps, batch=batch, seed=seed, save_every=save_every,
        ema=ema, network="mnist", precision=precision, device=device, compile=compile,
    )  # fmt: skip
