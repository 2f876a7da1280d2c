"""The conditional DCGAN of digits (arXiv:1511.06434, section 5.2; settings in the authors' code).

They trained nets of twice this width for 200 epochs, 94,000 steps of 128; defaults here are for minutes on two cores.
"""

from energan.experiment import Experiment
from energan.recipes.classes import Labels
from energan.recipes.common import AlternatingTraining, Data, DecayingAdam, experiment, resized
from energan.utils.checks import not_negative, positive


def conditional_dcgan_mnist(
    *,
    data: Data = "mnist",
    z: int = 100,
    width: int = 32,
    units: int = 512,
    l2: float = 2.5e-5,
    labels: Labels = Labels(),
    adam: DecayingAdam = DecayingAdam(lr=5e-4),
    training: AlternatingTraining = AlternatingTraining(steps=3000, batch=64, save_every=250, ema=0.999),
) -> Experiment:
    """DCGAN asked for a digit: the class joins the input of every layer of G and D (arXiv:1511.06434).

    The authors' --width 64 --units 1024 --lr 2e-4 --batch 128 --ema 0 are for their 94,000 steps.

    Args:
        z: Dimensions of the noise, U(-1, 1).
        width: Feature maps at half resolution; less is faster.
        units: Units of the fully connected layers.
        l2: Adam's weight decay.
    """
    from energan.engine.noise import uniform
    from energan.games.conditional.conditional import conditional
    from energan.games.gan.gan import gan
    from energan.networks.conditional.conditional_dcgan import Discriminator, Generator

    positive(z=z, width=width, units=units)
    not_negative(l2=l2)
    images = resized(28, 1)
    asked, prepare = labels.asked(data, images, training.value_range)
    classes = len(asked.names)
    with training.seeded():
        G = Generator(z, classes=classes, width=width, units=units)
        D = Discriminator(classes=classes, width=width, units=units)
    optimizer = adam.optimizer(training.steps).with_settings(weight_decay=l2)
    game = conditional(gan(G, D, uniform(z), optimizer_G=optimizer, optimizer_D=optimizer), classes)
    return asked.shown(experiment(game, "gan", data, prepare, training), images)
