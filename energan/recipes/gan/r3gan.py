"""R3GAN's objective on digits (arXiv:2501.05441)."""

from energan.experiment import Experiment
from energan.recipes.classes import CriticClasses
from energan.recipes.common import AdamOptions, AlternatingTraining, Data, DcganPair, experiment, padded_digits
from energan.utils.checks import not_negative


def r3gan_mnist(
    *,
    data: Data = "mnist",
    gamma: float = 1.0,
    classes: CriticClasses = CriticClasses(),
    networks: DcganPair = DcganPair(),
    adam: AdamOptions = AdamOptions(lr=2e-4, beta1=0.0),
    training: AlternatingTraining = AlternatingTraining(steps=3000, batch=64, save_every=250, ema=0.999),
) -> Experiment:
    """R3GAN's objective (arXiv:2501.05441): relativistic, with penalties on both gradients; small nets, not its own.

    Args:
        gamma: Weight of the penalties R1 and R2, half of it each.
    """
    from energan.games.gan.r3gan import r3gan

    not_negative(gamma=gamma)
    asked, prepare = classes.asked(data, padded_digits, training.value_range)
    G, D = networks.build(training, asked, norm=False)
    optimizer = adam.optimizer(training.steps).with_settings(beta2=0.99)
    game = asked.game(r3gan(G, D, networks.z, gamma=gamma, optimizer_G=optimizer, optimizer_D=optimizer))
    return asked.shown(experiment(game, "r3gan", data, prepare, training), padded_digits)
