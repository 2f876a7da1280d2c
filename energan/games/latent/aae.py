"""Adversarial auto-encoder.  "Adversarial autoencoders", Makhzani, Shlens, Jaitly, Goodfellow & Frey 2015,
arXiv:1511.05644, section 2.

    reconstruction  E, G   - E log p(x | E(x)), Bernoulli;  or E |x - G(E(x))|^2 / pixels
    critic          D      - log D(z) - log(1 - D(E(x)))            z ~ p(z)
    regularisation  E      - log D(E(x))

The critic of codes is what a VAE has the KL divergence for: it needs samples of the prior p(z), not its density. The
posterior q(z|x) is

    deterministic   z = E(x)
    gaussian        z = mu(x) + sigma(x) eps,  eps ~ N(0, I)
    universal       z = E(x, eps),             eps ~ N(0, I): any distribution

x (n, ...) in [-1, 1]; z (n, d). G returns logits l of the pixels, an image is tanh(l / 2) = 2 sigmoid(l) - 1. Three
turns, each on a fresh batch.

With labels (section 2.3), p(z | y) is a part of the prior for each class, drawn as z_y (n, K, d), and D is told y,
one-hot of K + 1: the last one is of images without a label, for which the prior is all of p(z).

Not to be confused with a VAE (vae.py), nor with auto-encoders whose critic sees images (vae_gan.py), nor with
adversarially learned inference and BiGAN, whose critic sees an image and its code together.
NOTE: the paper's optimizer is SGD with momentum, at rates that it does not state; here Adam. E has two optimizers, one
for each of its turns, with moments of their own (`Alternating`): with one for both, momentum of the reconstruction
would move E in its step against D. Public reproductions that share one have a momentum of 0.1.
"""

from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn

from energan.engine.game import Batch, Code, Game, Logs, Move, Noise, Player, Players
from energan.engine.noise import as_noise, normal
from energan.engine.optimizers import Adam, Alternating, Optimizer
from energan.games.latent.vae import Likelihood, image
from energan.losses.adversarial import discriminator, non_saturating, probability
from energan.losses.energy import energy, energy_map
from energan.losses.variational import bernoulli
from energan.utils.errors import UserError
from energan.utils.specification import recorded

PosteriorKind = Literal["deterministic", "gaussian", "universal"]

MEANINGS = {
    "reconstruction error": "mean squared error of the pixels, black −1 and white 1, of images drawn again",
    "D(z)": "mean probability of being the prior’s that D gives to the prior’s codes; at 0.5 it cannot tell them apart",
    "D(E(x))": "the same for codes of images",
    "loss": "what E minimises where it moves against D: surprise that its codes are taken for the prior’s",
    "E": "the encoder: images to codes",
    "G": "the decoder: codes to images",
    "D": "the critic of codes",
}


def drawn_again(x: Tensor, logits: Tensor, likelihood: Likelihood) -> tuple[Tensor, Logs]:
    """The loss of an image that is drawn again, and the error that is logged."""
    error = energy(x, image(logits), "mse").mean()
    return (bernoulli(x, logits).mean() if likelihood == "bernoulli" else error), {"reconstruction error": error}


def code(p: Players, b: Batch, posterior: PosteriorKind) -> Tensor:
    """z ~ q(z|x)."""
    if posterior == "universal":
        return p.E(b.x, b.eps)
    return p.E(b.x).at(b.eps) if posterior == "gaussian" else p.E(b.x)


def told(b: Batch) -> tuple[Tensor, Tensor]:
    """z ~ p(z | y), and y of K + 1."""
    none = 1 - b.y.sum(1, keepdim=True)
    return (b.y[:, :, None] * b.z_y).sum(1) + none * b.z, torch.cat([b.y, none], 1)


def reconstruction_loss(p: Players, b: Batch, posterior: PosteriorKind, likelihood: Likelihood) -> tuple[Tensor, Logs]:
    return drawn_again(b.x, p.G(code(p, b, posterior)), likelihood)


def critic_loss(p: Players, b: Batch, posterior: PosteriorKind, labels: bool) -> tuple[Tensor, Logs]:
    z, *y = told(b) if labels else (b.z,)
    real, fake = p.D(z, *y), p.D(code(p, b, posterior).detach(), *y)
    return discriminator(real, fake), {"D(z)": probability(real).mean(), "D(E(x))": probability(fake).mean()}


def regularisation_loss(p: Players, b: Batch, posterior: PosteriorKind, labels: bool) -> tuple[Tensor, Logs]:
    y = told(b)[1:] if labels else ()
    loss = non_saturating(p.D(code(p, b, posterior), *y))
    return loss, {"loss": loss}


@recorded
def aae(
    E: nn.Module,
    G: nn.Module,
    D: nn.Module,
    z: int | Noise,
    *,
    posterior: PosteriorKind = "deterministic",
    eps: int = 0,
    z_y: Noise | None = None,
    likelihood: Likelihood = "bernoulli",
    optimizer_E: Optimizer = Adam(2e-4),
    optimizer_G: Optimizer = Adam(2e-4),
    optimizer_D: Optimizer = Adam(1e-4, beta1=0.5),
    optimizer_R: Optimizer = Adam(1e-4, beta1=0.5),
) -> Game:
    """An adversarial auto-encoder. z: dimensions of N(0, I), or a Noise: the prior. E returns codes (n, d), or for the
    gaussian posterior networks.latent.posterior.Gaussian; D(z) returns logits (n,).

    eps: numbers of the posterior's noise. z_y: one draw from each class's part of the prior, (n, K, d); the batches
    then have y, and D is D(z, y). optimizer_E is E's for the reconstruction, optimizer_R for the regularisation.

    An image's code is the mean of a gaussian posterior, that of eps = 0 of a universal one. The energy reading is the
    mean squared error of an image that is drawn again. UserError where eps does not fit the posterior.
    """
    if (posterior == "deterministic") != (eps == 0):
        raise UserError(f"a {posterior} posterior cannot have `eps` {eps}: it is 0 for a deterministic one alone")

    def read(p: Players, b: Batch) -> Tensor:
        if posterior == "universal":
            return p.E(b.x, b.x.new_zeros(b.x.shape[0], eps))
        return p.E(b.x).mean if posterior == "gaussian" else p.E(b.x)

    labels = z_y is not None
    redraw = partial(reconstruction_loss, posterior=posterior, likelihood=likelihood)
    criticise, confuse = (
        partial(loss, posterior=posterior, labels=labels) for loss in (critic_loss, regularisation_loss)
    )
    return Game(
        players={
            "E": Player(E, Alternating((optimizer_E, optimizer_R))),
            "G": Player(G, optimizer_G),
            "D": Player(D, optimizer_D),
        },
        turns={
            "reconstruction": (Move(redraw, min=("E", "G")),),
            "critic": (Move(criticise, min=("D",)),),
            "regularisation": (Move(confuse, min=("E",)),),
        },
        noise={
            "z": as_noise(z, normal),
            **({"eps": normal(eps)} if eps else {}),
            **({} if z_y is None else {"z_y": z_y}),
        },
        sample=lambda p, b: image(p.G(b.z)),
        energy=lambda p, b: energy(b.x, image(p.G(read(p, b))), "mse"),
        energy_map=lambda p, b: energy_map(b.x, image(p.G(read(p, b))), "mse"),
        encode={"z": Code(read)},
        meanings=MEANINGS,
    )
