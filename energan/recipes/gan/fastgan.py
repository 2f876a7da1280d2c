"""FastGAN on any folder of images (arXiv:2101.04775): for few images, and for little time."""

from functools import partial

from energan.experiment import Experiment
from energan.recipes.classes import CriticClasses
from energan.recipes.common import DecayingAdam, GeneratorTraining, experiment
from energan.recipes.image_options import Pictures, SizedViews
from energan.utils.checks import not_negative, positive


def fastgan_64(
    data: Pictures,
    *,
    z: int = 256,
    width: int = 16,
    reconstruction_weight: float = 1.0,
    classes: CriticClasses = CriticClasses(),
    adam: DecayingAdam = DecayingAdam(lr=4e-4),
    views: SizedViews = SizedViews(augment=("colour", "translation")),
    training: GeneratorTraining = GeneratorTraining(steps=10000, batch=32, save_every=500, ema=0.999),
) -> Experiment:
    """FastGAN on 64 x 64 images, or others of --size: for some hundreds to thousands of pictures and little time.

    The authors' rate is 2e-4, with batches of 8; 4e-4 with 32 is what was tried here (docs/results/images.md).

    Args:
        z: Dimensions of the noise, N(0, 1).
        width: Feature maps of G at full resolution; less is faster. The authors' networks, for 256 to 1024 pixels, have
            64 at 128 pixels.
        reconstruction_weight: Of what is decoded from D's maps; 0 for a hinge GAN with FastGAN's networks.
    """
    from energan.engine.noise import normal
    from energan.games.gan.fastgan import fastgan
    from energan.networks.conditional.fastgan import ConditionalGenerator, Projected
    from energan.networks.conv.fastgan import Decoders, Discriminator, Generator, maps_of

    positive(z=z, width=width)
    not_negative(reconstruction_weight=reconstruction_weight)
    size, channels = views.sides(64), views.channels
    asked, prepare = classes.asked(data, views.prepare(size), training.value_range, only=views.only)
    with training.seeded():
        G = asked.generator(lambda k: Generator(z + k, channels=channels, size=size, width=width), ConditionalGenerator)
        D = asked.critic(
            lambda k: Discriminator(channels=channels + k, size=size, width=width), partial(Projected, over="sum")
        )
        R = Decoders(maps_of(size, width)[-2:], channels=channels, size=size)
    adam_of = {f"optimizer_{letter}": adam.optimizer(training.steps) for letter in "GD"}
    game = fastgan(views.generator(G), D, R, normal(z), reconstruction_weight=reconstruction_weight, **adam_of)
    return views.shown(experiment(asked.game(game), "fastgan", data, prepare, training, "mobilenetv2"), size, sign=True)
