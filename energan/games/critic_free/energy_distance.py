"""A generator trained by the energy distance.  "DISCO nets: dissimilarity coefficient networks", Bouchacourt, Mudigonda
& Nowozin 2016, arXiv:1606.02556, section 3, without its condition; Székely & Rizzo 2013.

    L_G = 2 E ||x - G(z)|| - E ||x - x'|| - E ||G(z) - G(z')||

No critic, no kernel width. x (n, ...); z (n, d) ~ N(0, I); distances are of flattened images.

Not to be confused with the energy of EBGAN; nor with Cramér GAN (Bellemare et al. 2017, arXiv:1705.10743), which takes
this distance between features that a critic learns.
"""

from torch import Tensor, nn

from energan.engine.game import Batch, Game, Logs, Move, Noise, Player, Players
from energan.engine.noise import as_noise, normal
from energan.engine.optimizers import Adam, Optimizer
from energan.losses import matching
from energan.utils.specification import recorded

MEANINGS = {
    "energy distance": (
        "distance between the images and the samples of a batch; around 0, of either sign, where they are alike"
    ),
}


def generator_loss(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    loss = matching.energy_distance(b.x, p.G(b.z))
    return loss, {"energy distance": loss}


@recorded
def energy_distance(G: nn.Module, z: int | Noise, *, optimizer_G: Optimizer = Adam(1e-3)) -> Game:
    """A game of one player, against a distance between batches. z: dimensions of N(0, I), or a Noise."""
    return Game(
        players={"G": Player(G, optimizer_G)},
        turns={"G": (Move(generator_loss, min=("G",)),)},
        noise={"z": as_noise(z, normal)},
        sample=lambda p, b: p.G(b.z),
        meanings=MEANINGS,
    )
