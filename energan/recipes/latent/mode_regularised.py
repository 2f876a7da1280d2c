"""Mode-regularised GANs on digits and on stacked MNIST (arXiv:1612.02136), with DCGAN's networks."""

from functools import partial
from typing import Any, Literal

from energan.experiment import Experiment
from energan.recipes.common import AdamOptions, DcganPair, GeneratorTraining, experiment, padded_digits
from energan.utils.checks import at_least, not_negative


def mode_regularised_mnist(
    *,
    data: str = "mnist",
    variant: Literal["regularised", "manifold-diffusion"] = "regularised",
    distance: float = 0.2,
    mode: float = 0.4,
    weight: float = 0.01,
    channels: int = 1,
    networks: DcganPair = DcganPair(),
    adam: AdamOptions = AdamOptions(lr=1e-3),
    training: GeneratorTraining = GeneratorTraining(steps=3000, batch=64, save_every=250, ema=0.999),
) -> Experiment:
    """A GAN that must be able to draw every training image, so that no mode is missed (arXiv:1612.02136).

    A step is one turn of D and one of G with its encoder; of manifold-diffusion one of each of its two steps.

    Args:
        data: mnist, fashion-mnist, digits, stacked-mnist (--channels 3), or your own images (folder, .zip, .npz,
            .parquet).
        variant: One discriminator and the regularisers (regularised), or two, of reconstructions and of samples.
        distance: Weight of the distance between images and reconstructions; of regularised.
        mode: Weight of the discriminator's verdict on reconstructions; of regularised.
        weight: Weight of the first discriminator's verdict beside the distance; of manifold-diffusion.
        channels: 1 for grey images, 3 for colour and for stacked digits.
    """
    from energan.games.latent.mode_regularised import manifold_diffusion, mode_regularised
    from energan.networks.conv import dcgan
    from energan.networks.latent.mode_regularised import encoder

    not_negative(distance=distance, mode=mode, weight=weight)
    at_least(1, channels=channels)
    G, D = networks.build(training, channels=channels)
    shape: dict[str, Any] = {"channels": channels, "size": 32, "width": networks.width}
    with training.seeded():
        E = encoder(networks.z, **shape)
        D_2 = dcgan.Discriminator(**shape)
    opt = adam.optimizer(training.steps)
    adams = {"optimizer_G": opt, "optimizer_D": opt, "optimizer_E": opt}
    if variant == "regularised":
        system = "mode-regularised"
        game = mode_regularised(G, D, E, networks.z, lambda_1=distance, lambda_2=mode, **adams)
    else:
        system = "manifold-diffusion"
        game = manifold_diffusion(G, D, D_2, E, networks.z, weight=weight, **adams)
    prepare, network = partial(padded_digits, channels=channels), "mnist" if channels == 1 else "mobilenetv2"
    return experiment(game, system, data, prepare, training, network)
