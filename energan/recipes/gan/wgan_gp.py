"""WGAN-GP on digits and on stacked MNIST (arXiv:1704.00028).

The authors trained for 200,000 steps, at twice the width; defaults here are for minutes on two cores.
"""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from energan.experiment import Experiment
from energan.recipes.classes import CriticClasses
from energan.recipes.common import AdamMoments, Data, DcganPair, GeneratorTraining, experiment, padded_digits, resized
from energan.recipes.gan.wgan import WassersteinNetworks
from energan.utils.checks import at_least, not_negative

if TYPE_CHECKING:
    from torch import nn

    from energan.engine.game import Game


@dataclass(frozen=True, kw_only=True)
class PenalisedCritic:
    """What WGAN-GP asks of its critic."""

    penalty: float = 10.0
    """Weight of the penalty on the norm of the critic's gradient, which should be 1."""
    critic_steps: int = 5
    """Turns of the critic before each of the generator."""

    def game(self, G: "nn.Module", f: "nn.Module", z: int, adam: AdamMoments, steps: int) -> "Game":
        from energan.games.gan.wgan_gp import wgan_gp

        not_negative(penalty=self.penalty)
        at_least(1, critic_steps=self.critic_steps)
        opt = adam.optimizer(steps)
        return wgan_gp(G, f, z, penalty=self.penalty, critic_steps=self.critic_steps, optimizer_G=opt, optimizer_f=opt)


def wgan_gp_mnist(
    *,
    data: Data = "mnist",
    norm: bool = False,
    critic: PenalisedCritic = PenalisedCritic(),
    classes: CriticClasses = CriticClasses(),
    networks: WassersteinNetworks = WassersteinNetworks(),
    adam: AdamMoments = AdamMoments(lr=5e-4),
    training: GeneratorTraining = GeneratorTraining(steps=2000, batch=50, save_every=200),
) -> Experiment:
    """WGAN-GP: a critic whose gradient has a norm near 1, by a penalty (arXiv:1704.00028).

    A step is several turns of the critic and one of G. The authors' --lr 1e-4 is for their 200,000 steps.

    Args:
        norm: Batch norm in the convolutional generator; the critic reads each image by itself and has none.
    """
    images = resized(28, 1)
    asked, prepare = classes.asked(data, images, training.value_range)
    G, f = networks.build(training, asked, norm_g=norm, norm_f=False)
    game = asked.game(critic.game(G, f, networks.z, adam, training.steps), "f")
    return asked.shown(experiment(game, "wgan-gp", data, prepare, training), images)


def wgan_gp_stacked(
    *,
    data: str = "stacked-mnist",
    critic: PenalisedCritic = PenalisedCritic(),
    classes: CriticClasses = CriticClasses(),
    networks: DcganPair = DcganPair(z=128, width=16),
    adam: AdamMoments = AdamMoments(lr=5e-4),
    training: GeneratorTraining = GeneratorTraining(steps=3000, batch=64, save_every=250, ema=0.999),
) -> Experiment:
    """WGAN-GP on stacked MNIST: three digits as the channels of an image, a thousand modes to cover.

    A step is several turns of the critic and one of G.

    Args:
        data: stacked-mnist, or your own images (folder, .zip, .npz, .parquet), in colour, 32 x 32.
    """
    images = partial(padded_digits, channels=3)
    asked, prepare = classes.asked(data, images, training.value_range)
    G, f = networks.build(training, asked, channels=3, norm=False)
    game = asked.game(critic.game(G, f, networks.z, adam, training.steps), "f")
    return asked.shown(experiment(game, "wgan-gp", data, prepare, training, "mobilenetv2"), images)
