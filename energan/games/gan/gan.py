"""GAN.  "Generative adversarial nets", Goodfellow et al. 2014, arXiv:1406.2661.

    min_G max_D  E log D(x) + E log(1 - D(G(z)))   eq. 1, D(x) = sigmoid(l(x))
    L_D = - log D(x) - log(1 - D(G(z)))            computed from the logit l that the net D returns
    L_G = log(1 - D(G(z)))                         "minimax"
    L_G = - log D(G(z))                            "non-saturating", what the paper trains with (section 3)

x (n, c, h, w) in [-1, 1]; z (n, d). One turn of D, then one of G (k = 1), each on a fresh batch; or "simultaneous":
one turn in which both move from the same point, on the same batch.

Also known as the vanilla or standard GAN; by its losses, MM-GAN and NS-GAN. DCGAN is this game with convolutional nets.
Not to be confused with SGAN, the stacked GAN (sgan.py).
NOTE: the authors' code is simultaneous, and one pass of D serves both players; here each has its own dropout masks.
NOTE: one-sided label smoothing, a target of 1 - smoothing for real images, is of Salimans et al. 2016.
"""

from functools import partial
from typing import Literal

from torch import Tensor, nn

from energan.engine.game import Batch, Game, Logs, Move, Noise, Player, Players
from energan.engine.noise import as_noise, normal
from energan.engine.optimizers import Adam, Optimizer
from energan.losses import adversarial
from energan.utils.specification import recorded

GENERATOR_LOSSES = {"minimax": adversarial.minimax, "non-saturating": adversarial.non_saturating}


MEANINGS = {
    "smoothing": "real images are given the target 1 − smoothing",
    "loss": "what each player minimises; they pull against each other, so neither has to fall",
    "D(x)": "mean probability of being real that D gives to real images; at 0.5 it cannot tell them apart",
    "D(G(z))": "the same for generated images",
}


def discriminator_loss(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    real, fake = p.D(b.x), p.D(p.G(b.z).detach())
    loss = adversarial.discriminator(real, fake, b.smoothing)
    sure = adversarial.probability
    return loss, {"loss": loss, "D(x)": sure(real).mean(), "D(G(z))": sure(fake).mean()}


def generator_loss(p: Players, b: Batch, loss: Literal["minimax", "non-saturating"]) -> tuple[Tensor, Logs]:
    value = GENERATOR_LOSSES[loss](p.D(p.G(b.z)))
    return value, {"loss": value}


@recorded
def gan(
    G: nn.Module,
    D: nn.Module,
    z: int | Noise,
    *,
    loss: Literal["minimax", "non-saturating"] = "non-saturating",
    smoothing: float = 0.0,
    simultaneous: bool = False,
    optimizer_G: Optimizer = Adam(2e-4, beta1=0.5),
    optimizer_D: Optimizer = Adam(2e-4, beta1=0.5),
) -> Game:
    """GAN. z: dimensions of N(0, I), or a Noise; D returns logits (n,). Its energy reading is -l(x)."""
    of_D, of_G = Move(discriminator_loss, min=("D",)), Move(partial(generator_loss, loss=loss), min=("G",))
    turns: dict[str, tuple[Move, ...]] = {"both": (of_D, of_G)} if simultaneous else {"D": (of_D,), "G": (of_G,)}
    return Game(
        players={"G": Player(G, optimizer_G), "D": Player(D, optimizer_D)},
        turns=turns,
        noise={"z": as_noise(z, normal)},
        hyperparameters={"smoothing": smoothing},
        sample=lambda p, b: p.G(b.z),
        energy=lambda p, b: -p.D(b.x).float(),
        meanings=MEANINGS,
    )
