"""Unrolled GAN on digits (arXiv:1611.02163). Its D is WGAN-GP's critic, which has no batch norm, by choice."""

from energan.experiment import Experiment
from energan.recipes.common import AdamOptions, Data, DcganPair, GeneratorTraining, experiment, padded_digits
from energan.utils.checks import at_least, positive


def unrolled_mnist(
    *,
    data: Data = "mnist",
    unroll: int = 5,
    networks: DcganPair = DcganPair(width=16),
    width_d: int = 16,
    lr_d: float = 2e-4,
    adam: AdamOptions = AdamOptions(lr=1e-3),
    training: GeneratorTraining = GeneratorTraining(steps=3000, batch=64, save_every=250, ema=0.999),
) -> Experiment:
    """Unrolled GAN: the generator sees K of the discriminator's next steps (arXiv:1611.02163).

    A step is one turn of D and G together.

    Args:
        unroll: K, the steps that G looks ahead and differentiates through; 0 is the minimax GAN.
        width_d: The discriminator's; less hinders it, and costs less in each of the K steps.
        lr_d: Adam's learning rate of the discriminator, in its own steps and in the K ahead.
    """
    from energan.games.gan.unrolled import unrolled

    positive(lr_d=lr_d)
    at_least(0, unroll=unroll)
    G, D = networks.build(training, norm=False, width_d=width_d)
    opt = adam.optimizer(training.steps)
    game = unrolled(G, D, networks.z, steps=unroll, optimizer_G=opt, optimizer_D=opt.with_settings(lr=lr_d))
    return experiment(game, "unrolled", data, padded_digits, training)
