"""LSGAN.  "Least squares generative adversarial networks", Mao et al. 2016, arXiv:1611.04076, eq. 9.

    L_D = 1/2 E (D(x) - 1)^2 + 1/2 E D(G(z))^2
    L_G = 1/2 E (D(G(z)) - 1)^2

x (n, ...); z (n, d); the net D returns (n,), without an output activation. One turn of D, then one of G, each on a
fresh batch. The targets are the paper's a = 0, b = c = 1.

Not to be confused with the loss-sensitive GAN, LS-GAN (Qi 2017, arXiv:1701.06264), which has a margin between losses.
"""

from torch import Tensor, nn

from energan.engine.game import Batch, Game, Logs, Move, Noise, Player, Players
from energan.engine.noise import as_noise, normal
from energan.engine.optimizers import Adam, Optimizer
from energan.losses.adversarial import least_squares_discriminator, least_squares_generator
from energan.utils.specification import recorded

MEANINGS = {
    "loss": (
        "what each player minimises; they pull against each other, so neither has to fall. D's is 1/4 if D(x) is "
        "1/2 for every image"
    ),
}


def discriminator_loss(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    loss = least_squares_discriminator(p.D(b.x), p.D(p.G(b.z).detach()))
    return loss, {"loss": loss}


def generator_loss(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    loss = least_squares_generator(p.D(p.G(b.z)))
    return loss, {"loss": loss}


@recorded
def lsgan(
    G: nn.Module,
    D: nn.Module,
    z: int | Noise,
    *,
    optimizer_G: Optimizer = Adam(2e-4, beta1=0.5),
    optimizer_D: Optimizer = Adam(2e-4, beta1=0.5),
) -> Game:
    """LSGAN. D returns (n,), 1 for real and 0 for samples. Its energy reading is -D(x)."""
    return Game(
        players={"G": Player(G, optimizer_G), "D": Player(D, optimizer_D)},
        turns={"D": (Move(discriminator_loss, min=("D",)),), "G": (Move(generator_loss, min=("G",)),)},
        noise={"z": as_noise(z, normal)},
        sample=lambda p, b: p.G(b.z),
        energy=lambda p, b: -p.D(b.x).float(),
        meanings=MEANINGS,
    )
