"""Hinge GAN.  Lim & Ye 2017, arXiv:1705.02894; Miyato et al. 2018, arXiv:1802.05957, eq. 16 and 17.

    L_D = E [1 - D(x)]+ + E [1 + D(G(z))]+
    L_G = - E D(G(z))

x (n, ...); z (n, d); the net D returns (n,), in the second paper of layers with nets.normalisation.SpectralNorm. One
turn of D, then one of G, each on a fresh batch.
"""

from torch import Tensor, nn

from energan.engine.game import Batch, Game, Logs, Move, Noise, Player, Players
from energan.engine.noise import normal
from energan.engine.optimizers import Adam, Optimizer
from energan.losses.adversarial import critic_generator, hinge_discriminator
from energan.utils.specification import recorded


def discriminator_loss(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    loss = hinge_discriminator(p.D(b.x), p.D(p.G(b.z).detach()))
    return loss, {"loss": loss}


def generator_loss(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    loss = critic_generator(p.D(p.G(b.z)))
    return loss, {"loss": loss}


@recorded
def hinge(
    G: nn.Module,
    D: nn.Module,
    z: int | Noise,
    *,
    optimizer_G: Optimizer = Adam(2e-4, beta1=0.5),
    optimizer_D: Optimizer = Adam(2e-4, beta1=0.5),
) -> Game:
    """Hinge GAN. D returns (n,), high for real images. Its energy reading is -D(x)."""
    return Game(
        players={"G": Player(G, optimizer_G), "D": Player(D, optimizer_D)},
        turns={"D": (Move(discriminator_loss, min=("D",)),), "G": (Move(generator_loss, min=("G",)),)},
        order=lambda t: ("D", "G"),
        noise={"z": normal(z) if isinstance(z, int) else z},
        hyperparameters={},
        sample=lambda p, b: p.G(b.z),
        energy=lambda p, b: -p.D(b.x).float(),
    )
