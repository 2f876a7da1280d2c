"""Least squares GAN on digits (arXiv:1611.04076), a yardstick for the systems of 2014 to 2017.

It has DCGAN's networks. The other two yardsticks, hinge.py and r3gan.py, have WGAN-GP's critic as D, where batch norm
is out: R3GAN's penalties are of single images, and the spectral norm takes its place in hinge GAN.
"""

from energan.experiment import Experiment
from energan.recipes.classes import CriticClasses
from energan.recipes.common import AdamOptions, AlternatingTraining, Data, DcganPair, experiment, padded_digits
from energan.recipes.critic_options import CriticOptions
from energan.utils.errors import UserError


def lsgan_mnist(
    *,
    data: Data = "mnist",
    targets: tuple[float, float, float] = (0.0, 1.0, 1.0),
    classes: CriticClasses = CriticClasses(),
    networks: DcganPair = DcganPair(),
    critics: CriticOptions = CriticOptions(),
    adam: AdamOptions = AdamOptions(lr=1e-3),
    training: AlternatingTraining = AlternatingTraining(steps=3000, batch=64, save_every=250, ema=0.999),
) -> Experiment:
    """LSGAN: least squares in place of the cross-entropy (arXiv:1611.04076).

    Args:
        targets: a b c: what D says of samples and of real images, and what G wants it to say of samples. -1 1 0 are
            those by which G lowers a Pearson chi^2 divergence.
    """
    from energan.games.gan.lsgan import lsgan

    asked, prepare = classes.asked(data, padded_digits, training.value_range)
    G, D = networks.build(training, asked, critics=critics)
    optimizer = adam.optimizer(training.steps)
    if not targets[0] < targets[1]:
        raise UserError(f"`targets` are a b c, and D can tell real images if a < b, got {targets[0]:g} {targets[1]:g}")
    game = lsgan(G, D, networks.z, targets=targets, optimizer_G=optimizer, optimizer_D=optimizer)
    game = asked.game(critics.game(game))
    return asked.shown(experiment(game, "lsgan", data, prepare, training), padded_digits)
