"""A recipe of a conditional run that takes a second: what tests of asking for classes train."""

from energan.engine.noise import uniform
from energan.engine.optimizers import Adam
from energan.experiment import Experiment
from energan.games.conditional.conditional import conditional
from energan.games.gan.gan import gan
from energan.networks.conv import dcgan
from energan.networks.layers.condition import Joined, Planes
from energan.recipes.common import Training, experiment, padded_digits

SHORT = Training(steps=4, batch=8, save_every=4)


def recipe(*, data: str = "digits", classes: int = 10, width: int = 4, training: Training = SHORT) -> Experiment:
    """A class-conditional DCGAN on digits."""
    with training.seeded():
        G = Joined(dcgan.Generator(8 + classes, channels=1, size=32, width=width), classes)
        D = Planes(dcgan.Discriminator(channels=1 + classes, size=32, width=width), classes)
    game = gan(G, D, uniform(8), optimizer_G=Adam(2e-4, beta1=0.5), optimizer_D=Adam(2e-4, beta1=0.5))
    return experiment(conditional(game, classes), "gan", data, padded_digits, training)
