"""A generator trained by the Sinkhorn divergence, entropic Wasserstein without its bias.  "Learning generative models
with Sinkhorn divergences", Genevay, Peyré & Cuturi 2018, arXiv:1706.00292; Feydy et al. 2019, arXiv:1810.08278.

    L_G = W_e(x, G(z)) - 1/2 W_e(x, x) - 1/2 W_e(G(z), G(z))      cost ||x - y||^2 / 2, entropy weighed by epsilon

No critic: the transport between the two batches is solved by Sinkhorn's iterations. x (n, ...); z (n, d) ~ N(0, I).

Not to be confused with WGAN, whose critic estimates the distance between distributions, not between batches.
NOTE: this is Feydy's form; Genevay's is twice this, without the entropy's value, and its cost may be learned.
"""

from functools import partial

from torch import Tensor, nn

from energan.engine.game import Batch, Game, Logs, Move, Noise, Player, Players
from energan.engine.noise import as_noise, normal
from energan.engine.optimizers import Adam, Optimizer
from energan.losses import matching
from energan.utils.specification import recorded

MEANINGS = {
    "epsilon": "weight of the transport's entropy, in units of its cost",
    "Sinkhorn divergence": "cost of moving the samples of a batch onto its images, debiased; 0 where they are alike",
}


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
        noise={"z": as_noise(z, normal)},
        hyperparameters={"epsilon": epsilon},
        sample=lambda p, b: p.G(b.z),
        meanings=MEANINGS,
    )
