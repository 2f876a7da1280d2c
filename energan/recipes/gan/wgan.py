"""WGAN on digits (arXiv:1701.07875), with the nets of WGAN-GP's MNIST experiment.

The authors trained for 100,000 steps and more, at twice the width; defaults here are for minutes on two cores.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from energan.experiment import Experiment
from energan.recipes.classes import NOBODY, Asked
from energan.recipes.common import Data, GeneratorTraining, NoiseSize, experiment, resized
from energan.utils.checks import at_least, not_negative, positive

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class WassersteinNetworks:
    """The generator and the critic of 28 x 28 digits."""

    generator: Literal["conv", "mlp"] = "conv"
    """The convolutional one, or WGAN's four fully connected layers (mlp), which have no batch norm."""
    z: NoiseSize = 128
    width: int = 32
    """Feature maps at half resolution (64 in the authors' code); less is faster."""
    size_g: int = 512
    """Units of the generator's hidden layers, where it is fully connected."""

    def build(
        self, training: GeneratorTraining, asked: Asked = NOBODY, *, norm_g: bool, norm_f: bool
    ) -> "tuple[nn.Module, nn.Module]":
        from energan.networks.conv import wgan_gp

        positive(z=self.z, width=self.width, size_g=self.size_g)
        with training.seeded():
            if self.generator == "conv":
                G = asked.generator(lambda k: wgan_gp.Generator(self.z + k, width=self.width, norm=norm_g))
            else:
                G = asked.generator(lambda k: wgan_gp.mlp_generator(self.z + k, (1, 28, 28), size=self.size_g))
            return G, asked.critic(lambda k: wgan_gp.Critic(channels=1 + k, width=self.width, norm=norm_f))


def wgan_mnist(
    *,
    data: Data = "mnist",
    norm: bool = True,
    clip: float = 0.01,
    critic_steps: int = 5,
    warm_steps: int = 100,
    lr: float = 5e-5,
    networks: WassersteinNetworks = WassersteinNetworks(),
    training: GeneratorTraining = GeneratorTraining(steps=2000, batch=64, save_every=200),
) -> Experiment:
    """WGAN: a critic with clipped weights, by RMSProp (arXiv:1701.07875).

    A step is several turns of the critic and one of G.

    Args:
        norm: Batch norm in the critic and the convolutional generator.
        clip: The critic's weights are clipped to [-clip, clip] after each of its turns.
        critic_steps: Turns of the critic before each of the generator.
        warm_steps: Turns of the critic at each of the first 25 steps and at every 500th; 0 for none.
        lr: RMSProp's learning rate of both players.
    """
    from energan.engine.optimizers import RMSProp
    from energan.games.gan.wgan import wgan

    positive(clip=clip, lr=lr)
    at_least(1, critic_steps=critic_steps)
    not_negative(warm_steps=warm_steps)
    G, f = networks.build(training, norm_g=norm, norm_f=norm)
    opt, z = RMSProp(lr), networks.z
    game = wgan(G, f, z, clip=clip, critic_steps=critic_steps, warm_steps=warm_steps, optimizer_G=opt, optimizer_f=opt)
    return experiment(game, "wgan", data, resized(28, 1), training)
