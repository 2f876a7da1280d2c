"""A generator trained by the energy distance, the scoring rule of DISCO nets without their condition.
Bouchacourt, Mudigonda & Nowozin 2016, arXiv:1606.02556, section 3; Székely & Rizzo 2013.

    L_G = 2 E ||x - G(z)|| - E ||x - x'|| - E ||G(z) - G(z')||

No critic, no kernel width. x (n, ...); z (n, d); distances are of flattened images.
"""

from torch import Tensor, nn

from energan.engine.game import Batch, Game, Logs, Move, Noise, Player, Players
from energan.engine.noise import normal
from energan.engine.optimizers import Adam, Optimizer
from energan.losses import matching
from energan.utils.specification import recorded


def generator_loss(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    loss = matching.energy_distance(b.x, p.G(b.z))
    return loss, {"energy distance": loss}


@recorded
def energy_distance(G: nn.Module, z: int | Noise, *, optimizer_G: Optimizer = Adam(1e-3)) -> Game:
    """A game of one player, against a distance between batches. z: dimensions of N(0, I), or a Noise."""
    return Game(
        players={"G": Player(G, optimizer_G)},
        turns={"G": (Move(generator_loss, min=("G",)),)},
        order=lambda t: ("G",),
        noise={"z": normal(z) if isinstance(z, int) else z},
        hyperparameters={},
        sample=lambda p, b: p.G(b.z),
    )
