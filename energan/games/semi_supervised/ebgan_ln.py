"""EBGAN-LN: an EBGAN whose discriminator is a ladder network.  "Energy-based generative adversarial network", Zhao,
Mathieu & LeCun 2016, arXiv:1609.03126, section 4.2.

    L_D(x, y, u, z) = CE(x, y) + lambda (E(u) + [m(t) - E(G(z))]+)         section 4.2, appendix D
    L_G(z)          = E(G(z))
    E(u)            = ||u^ - u||^2 = 784 C_0(u)                            the ladder's bottom cost, pixels in [0, 1]
    m(t)            = margin (1 - t / switch)                              until step `switch`
    L_D(x, y, u)    = CE(x, y) + lambda E(u)                               after it: G is off

D is a networks.dense.ladder.Ladder; n_x, n_u, n_z are its noise on labelled, unlabelled and generated rows, each
kind normalised by itself. In L_D, G(z) is a constant; in L_G the gradient flows through D and through the target.
The paper leaves open (the readings of this file; docs/results/few-labels.md compares them):
  - whether lambda is on the fake term too: `scaled`, yes
  - whether G(z) goes through the corrupted encoder, as u does: `corrupted`, yes; if not, it is reconstructed from the
    clean path
  - whether D's logits have a gain: "BN without gamma" is all that it says. Without it they are normalised to unit
    variance and cannot be sure (of ten balanced classes, CE >= 0.28). The laboratory has none; Ladder's default and the
    recipe have one, as in the ladder's paper
  - how the margin decays: linearly; what G is: any net with images in [-1, 1]

Not to be confused with EBGAN on an auto-encoder (energy/ebgan.py), whose energy is the norm, not its square.
"""

from functools import partial

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from energan.engine.game import Batch, Game, Logs, Move, Noise, Player, Players
from energan.engine.noise import as_noise, normal
from energan.engine.optimizers import Adam, Optimizer
from energan.engine.precision import wide
from energan.games.semi_supervised import ladder
from energan.losses.energy import hinge
from energan.networks.dense.ladder import Ladder
from energan.utils.specification import recorded

MEANINGS = {
    "margin": "m: the energy up to which generated images are pushed; it falls to 0, which ends the contest",
    "weight": "lambda: weight of the energies beside the labelled images' cross-entropy",
    "sigma": "standard deviation of the noise on every layer above the pixels",
    "sigma_x": "standard deviation of the noise on the pixels",
    "switch": "step at which the margin has fallen to 0 and G is switched off",
    "CE": (
        "cross-entropy of the labels, in nats; with few labels it soon nears 0, and only the test error says what "
        "was learned"
    ),
    "E(u)": "mean energy of unlabelled images, how badly D reconstructs them; D lowers it",
    "E(G(z))": "mean energy of generated images; D pushes it up to the margin, G pulls it down",
    "active": "share of generated images whose energy is below the margin: D learns from no other generated ones",
}


def energy(p: Players, b: Batch, fake: Tensor, corrupted: bool) -> Float[Tensor, " n"]:
    """||x^ - x||^2 of generated rows alone, pixels in [0, 1]."""
    noise = ladder.scaled(b, b.n_z) if corrupted else 0 * b.n_z
    return p.D(fake, noise, 0, 1).costs[0] * fake[0].numel()


def discriminator_loss(p: Players, b: Batch, corrupted: bool, scaled: bool) -> tuple[Tensor, Logs]:
    logits, costs = ladder.denoised(p, b, 1)
    ce, real = cross_entropy(wide(logits), b.y), costs[0].mean() * b.u[0].numel()
    margin = b.margin * (1 - b.t / b.switch).clamp(min=0)
    fake = energy(p, b, p.G(b.z).detach(), corrupted)
    pushed = hinge(margin, fake).mean() * (b.weight if scaled else 1.0)
    active = (fake < margin).to(fake.dtype).mean()
    logs = {"CE": ce, "E(u)": real, "E(G(z))": fake.mean(), "margin": margin, "active": active}
    return ce + b.weight * real + pushed, logs


def generator_loss(p: Players, b: Batch, corrupted: bool) -> tuple[Tensor, Logs]:
    value = energy(p, b, p.G(b.z), corrupted).mean()
    return value, {"E(G(z))": value}


def ladder_loss(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    logits, costs = ladder.denoised(p, b, 1)
    ce, real = cross_entropy(wide(logits), b.y), costs[0].mean() * b.u[0].numel()
    return ce + b.weight * real, {"CE": ce, "E(u)": real}


@recorded
def ebgan_ln(
    G: nn.Module,
    D: Ladder,
    z: int | Noise,
    *,
    margin: float = 16.0,
    switch: int = 60000,
    weight: float = 1000 / 784,
    sigma: float = 0.3,
    corrupted: bool = True,
    scaled: bool = True,
    optimizer_G: Optimizer = Adam(2.5e-4, beta1=0.5),
    optimizer_D: Optimizer = Adam(5e-4, beta1=0.5),
) -> Game:
    """EBGAN-LN. margin in squared pixels of [0, 1], falling to 0 at step `switch`, from which on D learns alone.

    weight: lambda; z: dimensions of N(0, I), or a Noise. The paper's schedule is switch 60,000 of 180,000 steps, both
    rates falling linearly to 0 from step 120,000 on (G is off by then).
    """
    widths = sum(D.sizes)
    return Game(
        players={"G": Player(G, optimizer_G), "D": Player(D, optimizer_D)},
        turns={
            "D": (Move(partial(discriminator_loss, corrupted=corrupted, scaled=scaled), min=("D",)),),
            "G": (Move(partial(generator_loss, corrupted=corrupted), min=("G",)),),
            "L": (Move(ladder_loss, min=("D",)),),
        },
        order=lambda t: ("D", "G") if t < switch else ("L",),
        noise={"z": as_noise(z, normal), **{n: normal(widths) for n in ("n_x", "n_u", "n_z")}},
        hyperparameters={"margin": margin, "weight": weight, "sigma": sigma, "sigma_x": sigma, "switch": float(switch)},
        sample=lambda p, b: p.G(b.z),
        logits=lambda p, b: p.D(b.x),
        meanings=MEANINGS,
    )
