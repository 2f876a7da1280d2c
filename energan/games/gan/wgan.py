"""WGAN: Wasserstein GAN.  Arjovsky, Chintala & Bottou 2017, arXiv:1701.07875, algorithm 1.

    W   = E f(x) - E f(G(z))            what the critic f ascends, its weights clipped to [-c, c] after each step
    L_G = - E f(G(z))

x (n, ...); z (n, d); the net f returns (n,). `critic_steps` turns of f, then one of G, each on a fresh batch;
`warm_steps` turns of f at each of G's first 25 steps and at every 500th (the authors' code).
"""

from torch import Tensor, nn

from energan.engine.game import Batch, Clip, Game, Logs, Move, Noise, Player, Players
from energan.engine.noise import normal
from energan.engine.optimizers import Optimizer, RMSProp
from energan.losses.adversarial import critic_generator, wasserstein
from energan.utils.specification import recorded


def critic_loss(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    loss = wasserstein(p.f(b.x), p.f(p.G(b.z).detach()))
    return loss, {"W": -loss}


def generator_loss(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    loss = critic_generator(p.f(p.G(b.z)))
    return loss, {"loss": loss}


@recorded
def wgan(
    G: nn.Module,
    f: nn.Module,
    z: int | Noise,
    *,
    clip: float = 0.01,
    critic_steps: int = 5,
    warm_steps: int = 100,
    optimizer_G: Optimizer = RMSProp(5e-5),
    optimizer_f: Optimizer = RMSProp(5e-5),
) -> Game:
    """WGAN. f returns scores (n,), high for real images; its energy reading is -f(x). warm_steps 0 for none."""

    def order(t: int) -> tuple[str, ...]:
        warm = warm_steps and (t < 25 or t % 500 == 0)
        return (*["f"] * (warm_steps if warm else critic_steps), "G")

    return Game(
        players={"G": Player(G, optimizer_G), "f": Player(f, optimizer_f, Clip(-clip, clip))},
        turns={"f": (Move(critic_loss, min=("f",)),), "G": (Move(generator_loss, min=("G",)),)},
        order=order,
        noise={"z": normal(z) if isinstance(z, int) else z},
        hyperparameters={},
        sample=lambda p, b: p.G(b.z),
        energy=lambda p, b: -p.f(b.x).float(),
    )
