"""Hinge GAN on digits (arXiv:1705.02894), with spectral normalisation."""

from energan.experiment import Experiment
from energan.recipes.classes import CriticClasses
from energan.recipes.common import AdamOptions, AlternatingTraining, Data, DcganPair, experiment, padded_digits
from energan.recipes.critic_options import CriticOptions


def hinge_mnist(
    *,
    data: Data = "mnist",
    classes: CriticClasses = CriticClasses(),
    networks: DcganPair = DcganPair(),
    critics: CriticOptions = CriticOptions(),
    adam: AdamOptions = AdamOptions(lr=2e-4),
    training: AlternatingTraining = AlternatingTraining(steps=3000, batch=64, save_every=250, ema=0.999),
) -> Experiment:
    """Hinge GAN with spectral norm on the discriminator's layers (arXiv:1802.05957): a yardstick."""
    from energan.games.gan.hinge import hinge
    from energan.networks.layers import spectral_norm

    asked, prepare = classes.asked(data, padded_digits, training.value_range)
    G, D = networks.build(training, asked, norm=False, critics=critics)
    optimizer = adam.optimizer(training.steps)
    game = hinge(G, spectral_norm(D), networks.z, optimizer_G=optimizer, optimizer_D=optimizer)
    game = asked.game(critics.game(game))
    return asked.shown(experiment(game, "hinge", data, prepare, training), padded_digits)
