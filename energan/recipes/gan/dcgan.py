"""DCGAN on images of 64 x 64 (arXiv:1511.06434)."""

from energan.experiment import Experiment
from energan.recipes.common import DecayingAdam, GeneratorTraining, experiment
from energan.recipes.image_options import Pictures, Views
from energan.utils.checks import fraction, positive


def dcgan_64(
    data: Pictures,
    *,
    smoothing: float = 0.0,
    z: int = 100,
    width: int = 64,
    adam: DecayingAdam = DecayingAdam(lr=2e-4),
    views: Views = Views(),
    training: GeneratorTraining = GeneratorTraining(steps=50000, batch=128, save_every=1000, ema=0.999),
) -> Experiment:
    """DCGAN on 64 x 64 images (Radford et al. 2015), with 4 x 4 kernels.

    Args:
        smoothing: One-sided label smoothing: the target of real images is 1 less this.
        z: Dimensions of the noise, U(-1, 1).
        width: Feature maps at half resolution (64 or 128 in published code); less is faster.
    """
    from energan.engine.noise import uniform
    from energan.games.gan.gan import gan
    from energan.networks.conv import dcgan

    positive(z=z, width=width)
    fraction(smoothing=smoothing)
    with training.seeded():
        G = dcgan.Generator(z, channels=views.channels, size=64, width=width)
        D = dcgan.Discriminator(channels=views.channels, size=64, width=width)
    optimizer = adam.optimizer(training.steps)
    game = gan(views.generator(G), D, uniform(z), smoothing=smoothing, optimizer_G=optimizer, optimizer_D=optimizer)
    return views.shown(experiment(game, "gan", data, views.prepare(64), training, "mobilenetv2"), 64)
