"""A generator without critic that minimises the Sinkhorn divergence (arXiv:1706.00292), on digits."""

from energan.experiment import Experiment
from energan.recipes.common import Data, GeneratorTraining, LearningRate, NoiseSize, experiment, resized
from energan.recipes.critic_free.gmmn import gmmn_generator
from energan.utils.checks import at_least, positive


def sinkhorn_mnist(
    *,
    data: Data = "mnist",
    epsilon: float = 10.0,
    iterations: int = 20,
    z: NoiseSize = 10,
    lr: LearningRate = 1e-3,
    training: GeneratorTraining = GeneratorTraining(steps=2000, batch=500, save_every=200),
) -> Experiment:
    """A generator descends the Sinkhorn divergence of batches: entropic optimal transport, without a critic.

    A step is one turn of G.

    Args:
        epsilon: Weight of the entropy, in units of the cost ||x - y||^2 / 2; the less, the more iterations it needs.
        iterations: Of Sinkhorn's algorithm, for each of the three transports of a turn.
    """
    from energan.engine.optimizers import Adam
    from energan.games.critic_free.sinkhorn import sinkhorn

    positive(lr=lr, epsilon=epsilon)
    at_least(1, iterations=iterations)
    G = gmmn_generator(z, training)
    game = sinkhorn(G, z, epsilon=epsilon, iterations=iterations, optimizer_G=Adam(lr))
    return experiment(game, "sinkhorn", data, resized(28, 1), training)
