"""BEGAN.  "BEGAN: boundary equilibrium generative adversarial networks", Berthelot, Schumm & Metz 2017,
arXiv:1703.10717, section 3.4.

    L_D = L(x) - k L(G(z))                             L(v) = mean |v - D(v)|, D an auto-encoder
    L_G = L(G(z))
    k  <- clip(k + rate (gamma L(x) - L(G(z))), 0, 1)  k starts at 0
    M   = L(x) + |gamma L(x) - L(G(z))|                how far training has come

x (n, ...) in [-1, 1]; z (n, d) ~ U(-1, 1); the net D returns (reconstruction, code). k is a player: it ascends
k (gamma L(x) - L(G(z))) by gradient steps of `rate`, projected onto [0, 1]. One turn, in which D, G and k move at once.

Not to be confused with EBGAN (ebgan.py): there samples are pushed up to a margin, here a balance of the two losses is
kept.
"""

from torch import Tensor, nn

from energan.engine.game import Batch, Clip, Game, Logs, Move, Noise, Player, Players
from energan.engine.noise import as_noise, uniform
from energan.engine.optimizers import SGD, Adam, Optimizer
from energan.losses.energy import absolute, absolute_map
from energan.networks.layers import Scalar
from energan.utils.specification import recorded

MEANINGS = {
    "gamma": "the ratio L(G(z)) / L(x) that k keeps: the lower, the sharper and the more alike samples are",
    "L(x)": "how badly D's auto-encoder reconstructs real images, per pixel",
    "L(G(z))": "the same for generated images; kept at gamma times L(x)",
    "k": "how much D minds reconstructing generated images well, from 0 to 1; it rises while they are too easy",
    "M": "L(x) + |gamma L(x) − L(G(z))|: how far training has come; it should fall",
}


def discriminator_loss(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    fake, k = p.G(b.z).detach(), p.k()
    real_loss, fake_loss = absolute(b.x, p.D(b.x)[0]).mean(), absolute(fake, p.D(fake)[0]).mean()
    gap = (b.gamma * real_loss - fake_loss).detach()
    # two players in one objective: D's gradient is that of L_D, k's is minus the gap
    loss = real_loss - k.detach() * fake_loss - k * gap
    return loss, {"L(x)": real_loss, "L(G(z))": fake_loss, "k": k, "M": real_loss + gap.abs()}


def generator_loss(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    fake = p.G(b.z)
    return absolute(fake, p.D(fake)[0]).mean(), {}


@recorded
def began(
    G: nn.Module,
    D: nn.Module,
    z: int | Noise,
    *,
    gamma: float = 0.5,
    rate: float = 1e-3,
    k: float = 0.0,
    optimizer_G: Optimizer = Adam(1e-4),
    optimizer_D: Optimizer = Adam(1e-4),
) -> Game:
    """BEGAN. gamma: diversity, L(G(z)) / L(x) at equilibrium; z: dimensions of U(-1, 1), or a Noise.

    Its energy reading is L(x). The networks' output is linear: samples are clamped to [-1, 1] when they are drawn.
    """
    return Game(
        players={
            "G": Player(G, optimizer_G),
            "D": Player(D, optimizer_D),
            "k": Player(Scalar(k), SGD(rate), Clip(0.0, 1.0)),
        },
        turns={"all": (Move(discriminator_loss, min=("D", "k")), Move(generator_loss, min=("G",)))},
        noise={"z": as_noise(z, uniform)},
        hyperparameters={"gamma": gamma},
        sample=lambda p, b: p.G(b.z).clamp(-1, 1),
        energy=lambda p, b: absolute(b.x, p.D(b.x)[0]),
        energy_map=lambda p, b: absolute_map(b.x, p.D(b.x)[0]),
        meanings=MEANINGS,
    )
