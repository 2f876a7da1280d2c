"""LSGAN.  "Least squares generative adversarial networks", Mao et al. 2016, arXiv:1611.04076, eq. 2.

    L_D = 1/2 E (D(x) - b)^2 + 1/2 E (D(G(z)) - a)^2
    L_G = 1/2 E (D(G(z)) - c)^2

x (n, ...); z (n, d); the net D returns (n,), without an output activation. One turn of D, then one of G, each on a
fresh batch. Targets (a, b, c):

    (0, 1, 1)    eq. 9, as the paper trains: G wants its samples to be taken for real
    (-1, 1, 0)   eq. 8: of the best D, L_G is then half a Pearson chi^2 divergence of (p_d + p_g) and 2 p_g, plus a
                 constant (b - c = 1, b - a = 2; theorem 1)

Not to be confused with the loss-sensitive GAN, LS-GAN (Qi 2017, arXiv:1701.06264), which has a margin between losses.
"""

from functools import partial

from torch import Tensor, nn

from energan.engine.game import Batch, Game, Logs, Move, Noise, Player, Players
from energan.engine.noise import as_noise, normal
from energan.engine.optimizers import Adam, Optimizer
from energan.losses.adversarial import least_squares_discriminator, least_squares_generator
from energan.utils.specification import recorded

MEANINGS = {
    "loss": (
        "what each player minimises; they pull against each other, so neither has to fall. D's is ((b − a)/2)² if it "
        "gives (a + b)/2 to every image: 1/4 for the targets 0 and 1"
    ),
}


Targets = tuple[float, float, float]  # a, b, c


def discriminator_loss(p: Players, b: Batch, targets: Targets) -> tuple[Tensor, Logs]:
    loss = least_squares_discriminator(p.D(b.x), p.D(p.G(b.z).detach()), targets[0], targets[1])
    return loss, {"loss": loss}


def generator_loss(p: Players, b: Batch, targets: Targets) -> tuple[Tensor, Logs]:
    loss = least_squares_generator(p.D(p.G(b.z)), targets[2])
    return loss, {"loss": loss}


@recorded
def lsgan(
    G: nn.Module,
    D: nn.Module,
    z: int | Noise,
    *,
    targets: Targets = (0.0, 1.0, 1.0),
    optimizer_G: Optimizer = Adam(2e-4, beta1=0.5),
    optimizer_D: Optimizer = Adam(2e-4, beta1=0.5),
) -> Game:
    """LSGAN. D returns (n,), b for real and a for samples, a < b. Its energy reading is -D(x). targets: a, b, c."""
    of_D, of_G = partial(discriminator_loss, targets=targets), partial(generator_loss, targets=targets)
    return Game(
        players={"G": Player(G, optimizer_G), "D": Player(D, optimizer_D)},
        turns={"D": (Move(of_D, min=("D",)),), "G": (Move(of_G, min=("G",)),)},
        noise={"z": as_noise(z, normal)},
        sample=lambda p, b: p.G(b.z),
        energy=lambda p, b: -p.D(b.x).float(),
        meanings=MEANINGS,
    )
