"""Hinge GAN on digits (arXiv:1705.02894), with spectral normalisation."""

from typing import TYPE_CHECKING

from energan.experiment import Experiment
from energan.recipes.common import AdamOptions, Data, DcganPair, GeneratorTraining, experiment, padded_digits

if TYPE_CHECKING:
    from torch import nn


def _spectral(net: "nn.Module") -> "nn.Module":
    """The net, each of its linear and convolutional layers under a spectral norm."""
    from torch import nn

    from energan.networks.layers import SpectralNorm

    for path, layer in list(net.named_modules()):
        if isinstance(layer, nn.Linear | nn.Conv2d):
            net.set_submodule(path, SpectralNorm(layer))
    return net


def hinge_mnist(
    *,
    data: Data = "mnist",
    networks: DcganPair = DcganPair(),
    adam: AdamOptions = AdamOptions(lr=2e-4),
    training: GeneratorTraining = GeneratorTraining(steps=3000, batch=64, save_every=250, ema=0.999),
) -> Experiment:
    """Hinge GAN with spectral norm on the discriminator's layers (arXiv:1802.05957): a yardstick."""
    from energan.games.gan.hinge import hinge

    G, D = networks.build(training, norm=False)
    optimizer = adam.optimizer(training.steps)
    game = hinge(G, _spectral(D), networks.z, optimizer_G=optimizer, optimizer_D=optimizer)
    return experiment(game, "hinge", data, padded_digits, training)
