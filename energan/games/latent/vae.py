"""VAE.  "Auto-encoding variational Bayes", Kingma & Welling 2013, arXiv:1312.6114.

    q(z|x) = N(mu, sigma^2), both of E(x);   z = mu + sigma eps,  eps ~ N(0, I);   l = G(z)       eq. 4, 9
    log p(x) >= - L,   L = E - log p(x|z) + KL(q(z|x) || N(0, I))                                 eq. 3, 10
    p(x|z) = prod Bernoulli(sigmoid(l))         "bernoulli", appendix C.1: a pixel is white or black
    p(x|z) = N(tanh(l / 2), s^2)                "gaussian", appendix C.2 with a fixed s, pixels from -1 to 1

x (n, ...) in [-1, 1]; z (n, d). E returns networks.latent.Gaussian, G the logits l; an image is tanh(l / 2), which is
2 sigmoid(l) - 1. E and G move at once. G is the paper's decoder. Grey pixels under the Bernoulli likelihood are
probabilities of being white: the bound is that of images rounded at random.

Not to be confused with EBGAN's auto-encoder (energy/autoencoder.py), whose code has no distribution, nor with the
adversarial auto-encoder, which has a critic of codes in the place of the KL divergence.
NOTE: the weight of the KL is beta-VAE's (Higgins et al. 2017). 1 is the paper's; 0 leaves an auto-encoder, whose codes
have no known distribution: its samples show why the KL is there.
NOTE: the paper draws z once an image, by Adagrad of rate 0.01 to 0.02; here by Adam.
"""

from collections.abc import Callable
from functools import partial
from typing import Literal

from torch import Tensor, nn

from energan.engine.game import Batch, Code, Game, Logs, Move, Noise, Player, Players
from energan.engine.noise import as_noise, normal
from energan.engine.optimizers import Adam, Optimizer
from energan.engine.precision import wide
from energan.losses import variational
from energan.utils.specification import recorded

Likelihood = Literal["bernoulli", "gaussian"]

MEANINGS = {
    "kl": "weight of the KL divergence; 1 is the bound’s, 0 leaves an auto-encoder",
    "bound": "a lower bound of the images’ mean log-likelihood, in nats; it should rise",
    "reconstruction": "−log p(x|z), in nats: how badly images are drawn again from their codes",
    "KL": "divergence of the codes’ distribution from the noise, in nats: how much a code says of its image",
    "E": "the encoder: images to the mean and the variance of their codes",
    "G": "the decoder: codes to images",
}


def image(logits: Tensor) -> Tensor:
    """2 sigmoid(l) - 1: the mean of a pixel, in [-1, 1]. Its gradient lives where bfloat16 rounds it to -1 or 1."""
    return wide(logits / 2).tanh().to(logits.dtype)


def surprise(x: Tensor, logits: Tensor, likelihood: Likelihood, s: float) -> Tensor:
    """- log p(x|z), (n,)."""
    if likelihood == "bernoulli":
        return variational.bernoulli(x, logits)
    return variational.gaussian(x, image(logits), s)


def bound_loss(p: Players, b: Batch, unlike: Callable[[Tensor, Tensor], Tensor]) -> tuple[Tensor, Logs]:
    q = p.E(b.x)
    reconstruction = unlike(b.x, p.G(q.at(b.eps))).mean()
    kl = variational.kl_to_normal(*q).mean()
    logs = {"bound": -reconstruction - kl, "reconstruction": reconstruction, "KL": kl}
    return reconstruction + b.kl * kl, logs


def unlikelihood(p: Players, b: Batch, unlike: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """- log p(x|mu) + KL of each image, (n,): minus the bound, but for z, which is at its mean; so it is less."""
    q = p.E(b.x)
    return unlike(b.x, p.G(q.mean)) + variational.kl_to_normal(*q)


@recorded
def vae(
    E: nn.Module,
    G: nn.Module,
    z: int | Noise,
    *,
    likelihood: Likelihood = "bernoulli",
    kl: float = 1.0,
    s: float = 0.25,
    optimizer_E: Optimizer = Adam(1e-3),
    optimizer_G: Optimizer = Adam(1e-3),
) -> Game:
    """VAE. z: dimensions of N(0, I), or a Noise, of which the samples are; the noise of the codes is its like.

    s: standard deviation of the Gaussian likelihood, pixels from -1 to 1.

    Its codes are the means of q(z|x); its energy reading is - log p(x|mu) + KL, minus the bound but for the noise
    of z: less than that by a few nats, and the same each time.
    """
    noise, unlike = as_noise(z, normal), partial(surprise, likelihood=likelihood, s=s)
    return Game(
        players={"E": Player(E, optimizer_E), "G": Player(G, optimizer_G)},
        turns={"both": (Move(partial(bound_loss, unlike=unlike), min=("E", "G")),)},
        noise={"z": noise, "eps": noise},
        hyperparameters={"kl": kl},
        sample=lambda p, b: image(p.G(b.z)),
        energy=partial(unlikelihood, unlike=unlike),
        encode={"z": Code(lambda p, b: p.E(b.x).mean)},
        meanings=MEANINGS,
    )
