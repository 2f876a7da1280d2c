"""Hinge GAN.  "Geometric GAN", Lim & Ye 2017, arXiv:1705.02894; "Spectral normalization for generative adversarial
networks", Miyato et al. 2018, arXiv:1802.05957, eq. 16 and 17.

    L_D = E [1 - D(x)]+ + E [1 + D(G(z))]+
    L_G = - E D(G(z))

x (n, ...); z (n, d); the net D returns (n,). One turn of D, then one of G, each on a fresh batch.

Also known as geometric GAN; as SN-GAN where D's layers are normalisation.SpectralNorm, as in the second paper.
Not to be confused with EBGAN's hinge, [m - E(G(z))]+: that one is of energies, of samples alone, with a margin to
choose.
"""

from torch import Tensor, nn

from energan.engine.game import Batch, Game, Logs, Move, Noise, Player, Players
from energan.engine.noise import as_noise, normal
from energan.engine.optimizers import Adam, Optimizer
from energan.losses.adversarial import critic_generator, hinge_discriminator
from energan.utils.specification import recorded

MEANINGS = {
    "loss": (
        "what each player minimises; they pull against each other, so neither has to fall. D's is 2 while it "
        "knows nothing, 0 once all scores are past ±1"
    ),
}


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
        noise={"z": as_noise(z, normal)},
        sample=lambda p, b: p.G(b.z),
        energy=lambda p, b: -p.D(b.x).float(),
        meanings=MEANINGS,
    )
