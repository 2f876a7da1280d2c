"""The VAE on digits (arXiv:1312.6114)."""

from typing import Literal

from energan.experiment import Experiment
from energan.recipes.common import AdamOptions, Data, GeneratorTraining, experiment, resized
from energan.utils.checks import at_least, not_negative, positive


def vae_mnist(
    *,
    data: Data = "mnist",
    likelihood: Literal["bernoulli", "gaussian"] = "bernoulli",
    kl: float = 1.0,
    s: float = 0.25,
    z: int = 20,
    size: int = 500,
    adam: AdamOptions = AdamOptions(lr=1e-3, beta1=0.9),
    training: GeneratorTraining = GeneratorTraining(steps=10000, batch=100, save_every=500),
) -> Experiment:
    """VAE: an encoder and a decoder that raise a lower bound of the likelihood (arXiv:1312.6114).

    A step is one turn of both. The bound is logged in nats.

    Args:
        likelihood: What an image is, given its code: pixels that are black or white (bernoulli; grey ones are rounded
            at random), or numbers about a mean (gaussian).
        kl: Weight of the KL divergence between codes and noise; 1 is the paper's, 0 leaves an auto-encoder.
        s: Standard deviation of the gaussian likelihood, pixels from -1 to 1.
        z: Dimensions of the code (3 to 200 in the paper).
        size: Units of the hidden layer of either net.
    """
    from energan.games.latent.vae import vae
    from energan.networks.latent.vae import decoder, encoder

    positive(s=s, z=z)
    at_least(2, size=size)
    not_negative(kl=kl)
    with training.seeded():
        E, G = encoder(z, size=size), decoder(z, size=size)
    opt = adam.optimizer(training.steps)
    game = vae(E, G, z, likelihood=likelihood, kl=kl, s=s, optimizer_E=opt, optimizer_G=opt)
    return experiment(game, "vae", data, resized(28, 1), training)
