"""A generator without critic that minimises the Sinkhorn divergence (arXiv:1706.00292), on digits."""

from typing import TYPE_CHECKING

from energan.networks.dense.gmmn import _generator
from energan.recipes.common import Precision, resized, run
from energan.recipes.flag_docs import documented
from energan.utils.checks import at_least, positive

if TYPE_CHECKING:
    from energan.experiment import Experiment


@documented
def sinkhorn_mnist(
    *,
    data: str = "mnist",
    steps: int = 2000,
    batch: int = 500,
    seed: int = 0,
    save_every: int = 200,
    epsilon: float = 10.0,
    iterations: int = 20,
    z: int = 10,
    lr: float = 1e-3,
    ema: float = 0.0,
    precision: Precision = "auto",
    device: str = "auto",
    compile: bool = False,
) -> "Experiment":
    """A generator descends the Sinkhorn divergence of batches: entropic optimal transport, without a critic.

    Args:
        steps: Training steps, each one turn of G.
        epsilon: Weight of the entropy, in units of the cost ||x - y||^2 / 2; the less, the more iterations it needs.
        iterations: Of Sinkhorn's algorithm, for each of the three transports of a turn.
        lr: Adam's learning rate.
    """
    from energan.engine.optimizers import Adam
    from energan.games.catalog import GAMES

    positive(lr=lr, epsilon=epsilon)
    at_least(1, iterations=iterations)
    game = GAMES["sinkhorn"](_generator(z, seed), z, epsilon=epsilon, iterations=iterations, optimizer_G=Adam(lr))
    return run(
        game, "sinkhorn", data, resized(28, 1), steps=steps, batch=batch, seed=seed, save_every=save_every,
        ema=ema, network="mnist", precision=precision, device=device, compile=compile,
    )  # fmt: skip
