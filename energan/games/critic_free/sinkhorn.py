"""A generator trained by the Sinkhorn divergence: entropic Wasserstein without its bias.
Genevay, Peyré & Cuturi 2018, arXiv:1706.00292 (twice this, without the entropy's value); as here, Feydy et al. 2019,
arXiv:1810.08278.

    L_G = W_e(x, G(z)) - 1/2 W_e(x, x) - 1/2 W_e(G(z), G(z))      cost ||x - y||^2 / 2, entropy weighed by epsilon

No critic: the transport between the two batches is solved by Sinkhorn's iterations. x (n, ...); z (n, d).
"""

from functools import partial

from torch import Tensor, nn

from energan.engine.game import Batch, Game, Logs, Move, Noise, Player, Players
from energan.engine.noise import normal
from energan.engine.optimizers import Adam, Optimizer
from energan.losses import matching
from energan.utils.specification import recorded


def generator_loss(p: Players, b: Batch, iterations: int) -> tuple[Tensor, Logs]:
    loss = matching.sinkhorn(b.x, p.G(b.z), b.epsilon, iterations)
    return loss, {"Sinkhorn divergence": loss}


@recorded
def sinkhorn(
    G: nn.Module,
    z: int | Noise,
    *,
    epsilon: float = 1.0,
    iterations: int = 20,
    optimizer_G: Optimizer = Adam(1e-3),
) -> Game:
    """A game of one player. epsilon: in units of the cost ||x - y||^2 / 2; z: dimensions of N(0, I), or a Noise."""
    return Game(
        players={"G": Player(G, optimizer_G)},
        turns={"G": (Move(partial(generator_loss, iterations=iterations), min=("G",)),)},
        order=lambda t: ("G",),
        noise={"z": normal(z) if isinstance(z, int) else z},
        hyperparameters={"epsilon": epsilon},
        sample=lambda p, b: p.G(b.z),
    )
