"""R3GAN's objective: relativistic pairing with R1 and R2.  Huang, Gokaslan, Kuleshov & Tompkin 2024, arXiv:2501.05441.

    L_D = E softplus(-(l(x) - l(G(z)))) + gamma/2 (E ||grad l(x)||^2 + E ||grad l(G(z))||^2)
    L_G = E softplus(-(l(G(z)) - l(x)))

x (n, ...); z (n, d); the net D returns logits (n,); the i-th sample is paired with the i-th image. One turn of D, then
one of G, each on a fresh batch. A yardstick of today for the systems of 2014 to 2017, with whatever nets they have.
"""

from torch import Tensor, nn

from energan.engine.game import Batch, Game, Logs, Move, Noise, Player, Players
from energan.engine.noise import normal
from energan.engine.optimizers import Adam, Optimizer
from energan.losses.adversarial import relativistic
from energan.losses.gradient_penalty import value_and_grad_norm
from energan.utils.specification import recorded


def discriminator_loss(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    fake = p.G(b.z).detach()
    (real_reading, r1), (fake_reading, r2) = value_and_grad_norm(p.D, b.x), value_and_grad_norm(p.D, fake)
    loss = relativistic(real_reading, fake_reading)
    return loss + b.gamma / 2 * (r1 + r2), {"loss": loss, "R1": r1, "R2": r2}


def generator_loss(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    loss = relativistic(p.D(p.G(b.z)), p.D(b.x))
    return loss, {"loss": loss}


@recorded
def r3gan(
    G: nn.Module,
    D: nn.Module,
    z: int | Noise,
    *,
    gamma: float = 1.0,
    optimizer_G: Optimizer = Adam(2e-4, beta1=0.0, beta2=0.99),
    optimizer_D: Optimizer = Adam(2e-4, beta1=0.0, beta2=0.99),
) -> Game:
    """R3GAN. D returns logits (n,); only their differences mean something. Its energy reading is -l(x)."""
    return Game(
        players={"G": Player(G, optimizer_G), "D": Player(D, optimizer_D)},
        turns={"D": (Move(discriminator_loss, min=("D",)),), "G": (Move(generator_loss, min=("G",)),)},
        order=lambda t: ("D", "G"),
        noise={"z": normal(z) if isinstance(z, int) else z},
        hyperparameters={"gamma": gamma},
        sample=lambda p, b: p.G(b.z),
        energy=lambda p, b: -p.D(b.x).float(),
    )
