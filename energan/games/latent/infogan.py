"""InfoGAN.  "InfoGAN: interpretable representation learning by information maximizing generative adversarial nets",
Chen, Duan, Houthooft, Schulman, Sutskever & Abbeel 2016, arXiv:1606.03657.

    min_{G, Q} max_D  V(D, G) - lambda L_I(G, Q)                             eq. 6
    L_I = E log Q(c | G(z, c)) + H(c)  <=  I(c; G(z, c))                     eq. 5
    L_D = - log D(x) - log(1 - D(G(z, c))) - lambda L_I                      D and Q, whose layers are shared
    L_G = - log D(G(z, c)) - lambda L_I

x (n, ...) in [-1, 1]; z (n, d) ~ U(-1, 1), noise; c1 (n, k), one of k categories, one-hot; c2 (n, m), numbers, each
~ U(-1, 1); D = sigmoid(l). Q(c1 | x) is a softmax, Q(c2 | x) a Gaussian whose standard deviation is learned, or 1:
its part of L_I is then - E |c2 - mean|^2 / 2 but for a constant. One turn of D and Q, then one of G, each on a fresh
batch.

Where D and Q share a trunk, they are the player D, that returns (l, networks.conv.infogan.Recognised); else Q is a
player of its own, that moves with D. With information 0 this is a GAN whose Q learns and whose G is not told: how much
it says of its codes all the same.

Not to be confused with ACGAN (conditional/acgan.py), whose classes are those of labels.
NOTE: in eq. 6 Q moves with G. In the authors' code its weights are among D's, and learn by D's steps and rate, as here.
NOTE: the authors' code has sigma = 1 for MNIST, and takes the prior of c2 for N(0, 1) in H(c2), so that its L_I of a
number is at most 1/6: a constant, without a gradient. Here the mean squared error is logged; 1/3 knows nothing.
"""

from functools import partial
from math import log

import torch
from torch import Tensor, nn

from energan.engine.game import Batch, Code, Game, Logs, Move, Noise, Player, Players
from energan.engine.noise import as_noise, one_hot, uniform
from energan.engine.optimizers import Adam, Optimizer
from energan.engine.precision import wide
from energan.losses.adversarial import discriminator, non_saturating, probability
from energan.losses.mutual_information import of_category, of_numbers
from energan.networks.conv.infogan import Recognised
from energan.utils.specification import recorded

MEANINGS = {
    "information": "weight of L_I of the category in G’s loss; at 0, G is not told to show it",
    "information_c2": "the same of the numbers",
    "recognition": "weight of L_I of the category in the loss that Q learns by",
    "recognition_c2": "the same of the numbers",
    "loss": "what the player minimises; G and D pull against each other, so neither has to fall",
    "D(x)": "mean probability of being real that D gives to real images; at 0.5 it cannot tell them apart",
    "D(G(z))": "the same for generated images",
    "L_I": "nats that Q reads of the category c1 off generated images; at H(c1) it reads all",
    "H(c1)": "entropy of the category: the most that L_I can be",
    "L_I of c2": "the same of the numbers c2, which has no upper bound",
    "c2 error": "mean squared error of the numbers c2 as Q reads them off generated images; at 1/3 it reads nothing",
}


def drawn(p: Players, b: Batch, numbers: int) -> Tensor:
    """G(z, c)."""
    return p.G(torch.cat([b.z, b.c1, b.c2] if numbers else [b.z, b.c1], 1))


def judged(p: Players, x: Tensor, apart: bool) -> tuple[Tensor, Recognised]:
    """l(x), and what Q says of the codes of x."""
    return (p.D(x), p.Q(x)) if apart else p.D(x)


def read_codes(q: Recognised, b: Batch) -> tuple[Tensor, Tensor, Logs]:
    """L_I of the category, that of the numbers, and what is logged of both."""
    of_c1 = of_category(q.logits, b.c1)
    logs = {"L_I": of_c1, "H(c1)": torch.full_like(of_c1, log(b.c1.shape[1]))}
    if not q.mean.shape[1]:
        return of_c1, torch.zeros_like(of_c1), logs
    logs["c2 error"] = (wide(q.mean) - b.c2).square().mean()
    if q.log_sigma is None:
        return of_c1, of_numbers(q.mean, torch.zeros_like(q.mean), b.c2), logs
    of_c2 = of_numbers(q.mean, q.log_sigma, b.c2)
    return of_c1, of_c2, {**logs, "L_I of c2": of_c2}


def discriminator_loss(p: Players, b: Batch, numbers: int, apart: bool) -> tuple[Tensor, Logs]:
    real = p.D(b.x) if apart else p.D(b.x)[0]
    fake, q = judged(p, drawn(p, b, numbers).detach(), apart)
    of_c1, of_c2, logs = read_codes(q, b)
    loss = discriminator(real, fake) - b.recognition * of_c1
    if numbers:
        loss = loss - b.recognition_c2 * of_c2
    return loss, {"loss": loss, "D(x)": probability(real).mean(), "D(G(z))": probability(fake).mean(), **logs}


def generator_loss(p: Players, b: Batch, numbers: int, apart: bool) -> tuple[Tensor, Logs]:
    fake, q = judged(p, drawn(p, b, numbers), apart)
    of_c1, of_c2, _ = read_codes(q, b)
    loss = non_saturating(fake) - b.information * of_c1
    if numbers:
        loss = loss - b.information_c2 * of_c2
    return loss, {"loss": loss}


@recorded
def infogan(
    G: nn.Module,
    D: nn.Module,
    z: int | Noise,
    *,
    Q: nn.Module | None = None,
    categories: int = 10,
    numbers: int = 2,
    information: float = 1.0,
    information_c2: float | None = None,
    optimizer_G: Optimizer = Adam(1e-3, beta1=0.5),
    optimizer_D: Optimizer = Adam(2e-4, beta1=0.5),
) -> Game:
    """InfoGAN. z: dimensions of U(-1, 1), or a Noise; G takes z, c1 and c2 side by side.

    D returns (logits, Recognised), or, where Q does, logits; Q learns as D does. information: lambda, of the category;
    information_c2: of the numbers, by default the same. Where one is 0, G does without, and Q learns with a weight of 1
    all the same. Its energy reading is -l(x).
    """
    information_c2 = information if information_c2 is None else information_c2
    apart = Q is not None
    weights = {"information": information, "recognition": information or 1.0}
    if numbers:
        weights |= {"information_c2": information_c2, "recognition_c2": information_c2 or 1.0}

    def codes(p: Players, b: Batch) -> Recognised:
        return judged(p, b.x, apart)[1]

    encode = {"c1": Code(lambda p, b: wide(codes(p, b).logits).softmax(1), "category")}
    if numbers:
        encode["c2"] = Code(lambda p, b: wide(codes(p, b).mean))
    of_D, of_G = (partial(loss, numbers=numbers, apart=apart) for loss in (discriminator_loss, generator_loss))
    return Game(
        players={
            "G": Player(G, optimizer_G),
            "D": Player(D, optimizer_D),
            **({} if Q is None else {"Q": Player(Q, optimizer_D)}),
        },
        turns={"D": (Move(of_D, min=("D", "Q") if apart else ("D",)),), "G": (Move(of_G, min=("G",)),)},
        noise={
            "z": as_noise(z, uniform),
            "c1": one_hot(categories),
            **({"c2": uniform(numbers)} if numbers else {}),
        },
        hyperparameters=weights,
        sample=lambda p, b: drawn(p, b, numbers),
        energy=lambda p, b: -wide(p.D(b.x) if apart else p.D(b.x)[0]),
        encode=encode,
        meanings=MEANINGS,
    )
