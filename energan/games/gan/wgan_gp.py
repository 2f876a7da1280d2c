"""WGAN-GP.  "Improved training of Wasserstein GANs", Gulrajani et al. 2017, arXiv:1704.00028, algorithm 1.

    L_f = E f(G(z)) - E f(x) + penalty E (||grad f(x^)||_2 - 1)^2        x^ = eps x + (1 - eps) G(z)     eq. 3
    L_G = - E f(G(z))

x (n, ...); z (n, d); eps (n,) ~ U(0, 1), one for each pair; the net f returns (n,) and has no batch norm, under which
a sample's score would not be its own. `critic_steps` turns of f, then one of G, each on a fresh batch.

Also known as improved WGAN, which is not improved GAN (semi_supervised/improved_gan.py).
Not to be confused with R1 and R2 (r3gan.py): zero-centred penalties, at images and at samples, not between them.
"""

from torch import Tensor, nn

from energan.engine.game import Batch, Game, Logs, Move, Noise, Player, Players
from energan.engine.noise import as_noise, normal, uniform
from energan.engine.optimizers import Adam, Optimizer
from energan.games.gan.wgan import generator_loss
from energan.losses import gradient_penalty
from energan.losses.adversarial import wasserstein
from energan.utils.specification import recorded

MEANINGS = {
    "penalty": "weight of the gradient penalty in f's loss",
    "W": (
        "f's estimate of the Wasserstein distance between real and generated images, as far as the penalty "
        "allows; unlike a GAN's loss, it should fall as samples improve"
    ),
    "gradient penalty": "E (‖∇f‖ − 1)² between images and samples: near 0, W can be read as a distance",
    "loss": "what G minimises, minus f's mean score of its samples; its level means nothing",
}


def critic_loss(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    fake = p.G(b.z).detach()
    distance = wasserstein(p.f(b.x), p.f(fake))
    steep = gradient_penalty.wgan_gp(p.f, b.x, fake, b.eps)
    return distance + b.penalty * steep, {"W": -distance, "gradient penalty": steep}


@recorded
def wgan_gp(
    G: nn.Module,
    f: nn.Module,
    z: int | Noise,
    *,
    penalty: float = 10.0,
    critic_steps: int = 5,
    optimizer_G: Optimizer = Adam(1e-4, beta1=0.0, beta2=0.9),
    optimizer_f: Optimizer = Adam(1e-4, beta1=0.0, beta2=0.9),
) -> Game:
    """WGAN-GP. f returns scores (n,), high for real images; its energy reading is -f(x)."""
    order = (*["f"] * critic_steps, "G")
    return Game(
        players={"G": Player(G, optimizer_G), "f": Player(f, optimizer_f)},
        turns={"f": (Move(critic_loss, min=("f",)),), "G": (Move(generator_loss, min=("G",)),)},
        order=lambda t: order,
        noise={"z": as_noise(z, normal), "eps": uniform(low=0.0, high=1.0)},
        hyperparameters={"penalty": penalty},
        sample=lambda p, b: p.G(b.z),
        energy=lambda p, b: -p.f(b.x).float(),
        meanings=MEANINGS,
    )
