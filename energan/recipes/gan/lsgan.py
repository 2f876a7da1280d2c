"""Least squares GAN on digits (arXiv:1611.04076), a yardstick for the systems of 2014 to 2017.

It has DCGAN's networks. The other two yardsticks, hinge.py and r3gan.py, have WGAN-GP's critic as D, where batch norm
is out: R3GAN's penalties are of single images, and the spectral norm takes its place in hinge GAN.
"""

from energan.experiment import Experiment
from energan.recipes.classes import CriticClasses
from energan.recipes.common import AdamOptions, Data, DcganPair, GeneratorTraining, experiment, padded_digits


def lsgan_mnist(
    *,
    data: Data = "mnist",
    classes: CriticClasses = CriticClasses(),
    networks: DcganPair = DcganPair(),
    adam: AdamOptions = AdamOptions(lr=1e-3),
    training: GeneratorTraining = GeneratorTraining(steps=3000, batch=64, save_every=250, ema=0.999),
) -> Experiment:
    """LSGAN: least squares in place of the cross-entropy (arXiv:1611.04076)."""
    from energan.games.gan.lsgan import lsgan

    asked, prepare = classes.asked(data, padded_digits, training.value_range)
    G, D = networks.build(training, asked)
    optimizer = adam.optimizer(training.steps)
    game = asked.game(lsgan(G, D, networks.z, optimizer_G=optimizer, optimizer_D=optimizer))
    return asked.shown(experiment(game, "lsgan", data, prepare, training), padded_digits)
