"""Improved GAN as a classifier from few labels.  "Improved techniques for training GANs", Salimans, Goodfellow,
Zaremba, Cheung, Radford & Chen 2016, arXiv:1606.03498, section 5.

    L_D(x, y, u, z) = CE(x, y) - w/2 E log D(u) - w/2 E log(1 - D(G(z)))    D(x) = Z / (Z + 1), Z = sum_k exp l_k(x)
    L_G(u, z)       = ||E f(u) - E f(G(z))||^2 / units                      "feature-matching", the better classifier
    L_G(z)          = E log(1 - D(G(z)))                                    "minibatch", the better images

The net D has K outputs, the logit of "fake" being 0; w = 1 is the code's unlabeled_weight. f is its last hidden layer
before the noise on it, the squares averaged over units, as in the code. x (n, ...) labelled, y (n, K) one-hot, u (n,
...) unlabelled, images in [-1, 1]; z ~ U(0, 1). A turn of D, then one of G, or, for "minibatch", three, as there, each
on a fresh batch. D's layers of minibatch discrimination see labelled, unlabelled and generated images apart.

Also known as the K + 1 class GAN. As a generator, choose "minibatch"; as a classifier, "feature-matching".
Not to be confused with improved WGAN (gan/wgan_gp.py).
NOTE, of the authors' code (its nets: networks/dense/improved_gan.py):
  - Adam divides by sqrt(v + 1e-8); eps = 1e-4 here is nearest to it, ours being added to the root
  - it tests with an average of D's weights that moves by 1e-4 a step, from 0: Trainer's ema={"D": 0.9999} does so from
    the initial weights, of which nothing is left after its 180,000 steps either
  - its data-dependent initialisation on 500 images: networks.layers.initialise_by_data
"""

from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from energan.engine.game import Batch, Game, Logs, Move, Noise, Player, Players
from energan.engine.noise import as_noise, uniform
from energan.engine.optimizers import Adam, Optimizer
from energan.engine.precision import wide
from energan.losses import adversarial
from energan.losses.matching import feature_matching
from energan.utils.errors import UserError
from energan.utils.specification import recorded

Variant = Literal["feature-matching", "minibatch"]


MEANINGS = {
    "weight": "weight of the unlabelled and generated images beside the labelled ones' cross-entropy",
    "CE": (
        "cross-entropy of the labels, in nats; with few labels it soon nears 0, and only the test error says what "
        "was learned"
    ),
    "unsupervised": "D's loss on unlabelled and generated images: log 2 where it cannot tell them apart",
    "D(u)": "mean probability of being real that D gives to unlabelled images; at 0.5 it cannot tell them apart",
    "D(G(z))": "the same for generated images",
    "matching": (
        "how far the mean features of generated images lie from those of unlabelled ones, in D's last hidden "
        "layer; G lowers it"
    ),
    "loss": "what G minimises: the log-probability that its samples are told to be generated",
}


def discriminator_loss(p: Players, b: Batch, apart: bool) -> tuple[Tensor, Logs]:
    kinds = [b.x, b.u, p.G(b.z).detach()]
    if apart:
        x, u, fake = (p.D(rows).logits for rows in kinds)
    else:  # at once: the same, in less time
        x, u, fake = p.D(torch.cat(kinds)).logits.split([len(rows) for rows in kinds])
    ce = cross_entropy(wide(x), b.y)
    real, unreal = adversarial.evidence(u), adversarial.evidence(fake)
    unsupervised = adversarial.discriminator(real, unreal) / 2
    sure = adversarial.probability
    logs = {"CE": ce, "unsupervised": unsupervised, "D(u)": sure(real).mean(), "D(G(z))": sure(unreal).mean()}
    return ce + b.weight * unsupervised, logs


def matching_loss(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    real, fake = p.D(b.u).features, p.D(p.G(b.z)).features
    loss = feature_matching(real, fake) / real[0].numel()
    return loss, {"matching": loss}


def minimax_loss(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    loss = adversarial.minimax(adversarial.evidence(p.D(p.G(b.z)).logits))
    return loss, {"loss": loss}


@recorded
def improved_gan_ssl(
    G: nn.Module,
    D: nn.Module,
    z: int | Noise,
    *,
    variant: Variant = "feature-matching",
    weight: float = 1.0,
    optimizer_G: Optimizer = Adam(3e-3, beta1=0.5, eps=1e-4),
    optimizer_D: Optimizer = Adam(3e-3, beta1=0.5, eps=1e-4),
) -> Game:
    """Improved GAN. z: dimensions of U(0, 1), or a Noise; D returns (logits, features), as its Discriminator does.

    "minibatch" wants a D with minibatch discrimination; the code's rate is then 3e-4. The energy reading is -log Z, low
    where D is sure that an image is of one of its classes. UserError for another variant.
    """
    if variant not in ("feature-matching", "minibatch"):
        raise UserError(f"there is no variant {variant!r}; there are feature-matching and minibatch")
    matching = variant == "feature-matching"
    return Game(
        players={"G": Player(G, optimizer_G), "D": Player(D, optimizer_D)},
        turns={
            "D": (Move(partial(discriminator_loss, apart=not matching), min=("D",)),),
            "G": (Move(matching_loss if matching else minimax_loss, min=("G",)),),
        },
        order=None if matching else lambda t: ("D", "G", "G", "G"),
        noise={"z": as_noise(z, partial(uniform, low=0.0))},
        hyperparameters={"weight": weight},
        sample=lambda p, b: p.G(b.z),
        energy=lambda p, b: -adversarial.evidence(p.D(b.x).logits),
        logits=lambda p, b: p.D(b.x).logits,
        meanings=MEANINGS,
    )
