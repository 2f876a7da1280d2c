"""WGAN.  "Wasserstein GAN", Arjovsky, Chintala & Bottou 2017, arXiv:1701.07875, algorithm 1.

    W   = E f(x) - E f(G(z))            what the critic f ascends, its weights clipped to [-c, c] after each step
    L_G = - E f(G(z))

x (n, ...); z (n, d); the net f returns (n,). `critic_steps` turns of f, then one of G, each on a fresh batch;
`warm_steps` turns of f at each of G's first 25 steps and at every 500th (the authors' code).

Not to be confused with WGAN-GP (wgan_gp.py), which penalises gradients in place of clipping weights.
NOTE: in the authors' code f is low for real images, and weights are clipped before each of f's steps, not after.
"""

from functools import partial

from torch import Tensor, nn

from energan.engine.game import Batch, Clip, Game, Logs, Move, Noise, Player, Players
from energan.engine.noise import as_noise, normal
from energan.engine.optimizers import Optimizer, RMSProp
from energan.losses.adversarial import critic_generator, wasserstein
from energan.utils.specification import recorded

MEANINGS = {
    "W": (
        "f's estimate of the Wasserstein distance between real and generated images, as far as clipping allows; "
        "unlike a GAN's loss, it should fall as samples improve"
    ),
    "loss": "what G minimises, minus f's mean score of its samples; its level means nothing",
}


def critic_loss(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    loss = wasserstein(p.f(b.x), p.f(p.G(b.z).detach()))
    return loss, {"W": -loss}


def generator_loss(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    loss = critic_generator(p.f(p.G(b.z)))
    return loss, {"loss": loss}


def critic_schedule(t: int, steps: int, warm: int, critic: str = "f") -> tuple[str, ...]:
    """The turns of step t: the critic's, then G's, by the rule of WGAN's authors.

    Args:
        t: Step of G.
        steps: Turns of the critic.
        warm: Its turns at each of the first 25 steps and at every 500th. 0: as many as elsewhere.
        critic: Name of the critic's turn.

    >>> critic_schedule(30, steps=2, warm=100)
    ('f', 'f', 'G')
    """
    return (*[critic] * (warm if warm and is_warm(t) else steps), "G")


def is_warm(t: int) -> bool:
    """Whether step t is one of the first 25, or a 500th."""
    return t < 25 or t % 500 == 0


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
    return Game(
        players={"G": Player(G, optimizer_G), "f": Player(f, optimizer_f, Clip(-clip, clip))},
        turns={"f": (Move(critic_loss, min=("f",)),), "G": (Move(generator_loss, min=("G",)),)},
        order=partial(critic_schedule, steps=critic_steps, warm=warm_steps),
        noise={"z": as_noise(z, normal)},
        sample=lambda p, b: p.G(b.z),
        energy=lambda p, b: -p.f(b.x).float(),
        meanings=MEANINGS,
    )
