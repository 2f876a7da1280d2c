"""R3GAN's objective.  "The GAN is dead; long live the GAN! A modern GAN baseline", Huang, Gokaslan, Kuleshov & Tompkin
2024, arXiv:2501.05441.

    L_D = E softplus(-(l(x) - l(G(z)))) + gamma/2 (E ||grad l(x)||^2 + E ||grad l(G(z))||^2)
    L_G = E softplus(-(l(G(z)) - l(x)))

x (n, ...); z (n, d); the net D returns logits (n,); the i-th sample is paired with the i-th image. One turn of D, then
one of G, each on a fresh batch. A yardstick of today for the systems of 2014 to 2017, with whatever nets they have.

Also known as RpGAN + R1 + R2: relativistic pairing, and both zero-centred gradient penalties.
Not to be confused with RaGAN, the relativistic average GAN (Jolicoeur-Martineau 2018, arXiv:1807.00734), which compares
each logit with the mean of the other kind.
NOTE: the paper's networks, a ResNet without normalisation, are not here; its results are theirs, too.
"""

from torch import Tensor, nn

from energan.engine.game import Batch, Game, Logs, Move, Noise, Player, Players
from energan.engine.noise import as_noise, normal
from energan.engine.optimizers import Adam, Optimizer
from energan.losses.adversarial import relativistic
from energan.losses.gradient_penalty import value_and_grad_norm
from energan.utils.specification import recorded

MEANINGS = {
    "gamma": "weight of the gradient penalties in D's loss",
    "loss": (
        "what each player minimises; they pull against each other, so neither has to fall. Each is log 2 where "
        "samples cannot be told from images"
    ),
    "R1": "E ‖∇D‖² at real images: how steep D is there",
    "R2": "E ‖∇D‖² at generated images",
}


def discriminator_loss(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    fake = p.G(b.z).detach()
    (real, r1), (unreal, r2) = value_and_grad_norm(p.D, b.x), value_and_grad_norm(p.D, fake)
    loss = relativistic(real, unreal)
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
        noise={"z": as_noise(z, normal)},
        hyperparameters={"gamma": gamma},
        sample=lambda p, b: p.G(b.z),
        energy=lambda p, b: -p.D(b.x).float(),
        meanings=MEANINGS,
    )
