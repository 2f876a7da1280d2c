"""Text to image: GAN-CLS, GAN-INT, GAN-INT-CLS.  "Generative adversarial text to image synthesis", Reed, Akata, Yan,
Logeswaran, Schiele & Lee 2016, arXiv:1605.05396, algorithm 1 and eq. 5.

    L_D = - log s_r - (log(1 - s_w) + log(1 - s_f)) / 2     GAN-CLS: a matching-aware D
    L_D = - log s_r - log(1 - s_f)                          GAN
    L_G = - log s_f                                         both
          - log D(G(z', h'), h'),  h' = (h_1 + h_2) / 2     and, for GAN-INT, this too: eq. 5, beta = 1/2

    s_r = D(x, h), s_w = D(x, h_wrong), s_f = D(G(z, h), h);  D = sigmoid(l);  h = phi(words)

GAN-INT-CLS has both. x (n, c, h, w) in [-1, 1]; h (n, d), the code of words that describe x; h_wrong (n, d), of words
that describe another image; z (n, z) ~ N(0, I). h_1 is the first half of a batch's h and h_2 the second, so there are
n / 2 of h'; no image is shown with them, so D never learns from them. One turn of D, then one of G, each on a fresh
batch.

The frozen player T keeps codes of training sentences, for images that nobody asked for.

Not to be confused with StackGAN (arXiv:1612.03242), whose first stage is much like this; nor with a D that classifies
(acgan.py).
NOTE: algorithm 1 as it is printed *descends* L_D and L_G with the opposite sign, the log-likelihoods; these are to be
ascended. The authors' code pairs a sentence with a wrong image, the paper an image with a wrong sentence.
NOTE: G descends - log D, "non-saturating", as in algorithm 1; eq. 5 writes log(1 - D). The second term of GAN-INT has
the weight `interpolation`, 1 in the paper. The paper's t is the words themselves, h = phi(t) their code.
"""

from functools import partial

import torch
from torch import Tensor, nn

from energan.engine.game import Batch, Conditions, Game, Logs, Move, Noise, Player, Players
from energan.engine.noise import as_noise, normal, uniform
from energan.engine.optimizers import Adam, Optimizer
from energan.engine.precision import wide
from energan.losses.adversarial import discriminator, matching_aware, non_saturating, probability
from energan.utils.specification import recorded

MEANINGS = {
    "interpolation": "weight, in G’s loss, of images for words half-way between two sentences",
    "loss": "what each player minimises; they pull against each other, so neither has to fall",
    "D(x,h)": "mean probability of being a real image with its own words, that D gives to such",
    "D(x,h_wrong)": "the same for real images with another’s words; at D(x,h), D does not read the words",
    "D(G(z,h),h)": "the same for generated images with the words that they were drawn for",
    "T": "keeps codes of training sentences, to draw images that nobody asked for; it does not learn",
}


def discriminator_loss(p: Players, b: Batch, matching: bool) -> tuple[Tensor, Logs]:
    right, fake = p.D(b.x, b.h), p.D(p.G(b.z, b.h).detach(), b.h)
    logs = {"D(x,h)": probability(right).mean(), "D(G(z,h),h)": probability(fake).mean()}
    if not matching:
        loss = discriminator(right, fake)
        return loss, {"loss": loss, **logs}
    wrong = p.D(b.x, b.h_wrong)
    loss = matching_aware(right, wrong, fake)
    return loss, {"loss": loss, **logs, "D(x,h_wrong)": probability(wrong).mean()}


def generator_loss(p: Players, b: Batch, between: bool) -> tuple[Tensor, Logs]:
    loss = non_saturating(p.D(p.G(b.z, b.h), b.h))
    if between:
        half = len(b.h) // 2
        h = torch.lerp(b.h[:half], b.h[half : 2 * half], 0.5)
        loss = loss + b.interpolation * non_saturating(p.D(p.G(b.z_between[:half], h), h))
    return loss, {"loss": loss}


@recorded
def gan_int_cls(
    G: nn.Module,
    D: nn.Module,
    T: nn.Module,
    z: int | Noise,
    *,
    matching: bool = True,
    interpolation: float = 1.0,
    optimizer_G: Optimizer = Adam(2e-4, beta1=0.5),
    optimizer_D: Optimizer = Adam(2e-4, beta1=0.5),
) -> Game:
    """GAN-INT-CLS. G takes (z, h), D takes (x, h) and returns logits (n,); T: networks.layers.bank.Bank.

    matching: False for a D that sees no wrong words. interpolation: the weight of eq. 5; 0: G is shown no t'.
    """
    between = interpolation > 0
    noise = as_noise(z, normal)
    return Game(
        players={"G": Player(G, optimizer_G), "D": Player(D, optimizer_D), "T": Player(T)},
        turns={
            "D": (Move(partial(discriminator_loss, matching=matching), min=("D",)),),
            "G": (Move(partial(generator_loss, between=between), min=("G",)),),
        },
        noise={"z": noise, **({"z_between": noise} if between else {}), "u": uniform(low=0.0)},
        hyperparameters={"interpolation": interpolation} if between else {},
        sample=lambda p, b: p.G(b.z, b.c),
        conditions=Conditions("text", lambda p, b: wide(p.D(b.x, b.c)), data="h", draw=lambda p, b: p.T(b.u)),
        meanings=MEANINGS,
    )


@recorded
def gan_cls(
    G: nn.Module,
    D: nn.Module,
    T: nn.Module,
    z: int | Noise,
    *,
    optimizer_G: Optimizer = Adam(2e-4, beta1=0.5),
    optimizer_D: Optimizer = Adam(2e-4, beta1=0.5),
) -> Game:
    """GAN-CLS: as `gan_int_cls`, without interpolated words."""
    return gan_int_cls(G, D, T, z, interpolation=0.0, optimizer_G=optimizer_G, optimizer_D=optimizer_D)


@recorded
def gan_int(
    G: nn.Module,
    D: nn.Module,
    T: nn.Module,
    z: int | Noise,
    *,
    interpolation: float = 1.0,
    optimizer_G: Optimizer = Adam(2e-4, beta1=0.5),
    optimizer_D: Optimizer = Adam(2e-4, beta1=0.5),
) -> Game:
    """GAN-INT: as `gan_int_cls`, whose D sees no wrong words."""
    return gan_int_cls(
        G, D, T, z, matching=False, interpolation=interpolation, optimizer_G=optimizer_G, optimizer_D=optimizer_D
    )


@recorded
def gan_text(
    G: nn.Module,
    D: nn.Module,
    T: nn.Module,
    z: int | Noise,
    *,
    optimizer_G: Optimizer = Adam(2e-4, beta1=0.5),
    optimizer_D: Optimizer = Adam(2e-4, beta1=0.5),
) -> Game:
    """The paper's baseline, "GAN": its networks, told the words, without wrong and without interpolated ones."""
    return gan_int_cls(G, D, T, z, matching=False, interpolation=0.0, optimizer_G=optimizer_G, optimizer_D=optimizer_D)
