"""A generator without critic that minimises the energy distance (arXiv:1606.02556), on digits."""

from energan.experiment import Experiment
from energan.recipes.common import Data, GeneratorTraining, LearningRate, NoiseSize, experiment, resized
from energan.recipes.critic_free.gmmn import gmmn_generator
from energan.utils.checks import positive


def energy_distance_mnist(
    *,
    data: Data = "mnist",
    z: NoiseSize = 10,
    lr: LearningRate = 1e-3,
    training: GeneratorTraining = GeneratorTraining(steps=5000, batch=500, save_every=500),
) -> Experiment:
    """A generator descends the energy distance of batches (a scoring rule), without a critic or a kernel's width.

    A step is one turn of G.
    """
    from energan.engine.optimizers import Adam
    from energan.games.critic_free.energy_distance import energy_distance

    positive(lr=lr)
    game = energy_distance(gmmn_generator(z, training), z, optimizer_G=Adam(lr))
    return experiment(game, "energy-distance", data, resized(28, 1), training)
