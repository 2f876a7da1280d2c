"""Wasserstein GANs: digits with the nets of WGAN-GP's MNIST experiment, and stacked digits.

The authors trained for 100,000 steps and more, at twice the width; defaults here are for minutes on two cores.
"""

from typing import TYPE_CHECKING, Literal

from energan.recipes.common import Precision, resized, run
from energan.recipes.flag_docs import documented
from energan.utils.checks import at_least, not_negative, positive, usable_seed

if TYPE_CHECKING:
    from torch import nn

    from energan.experiment import Experiment


def _nets(
    z: int, width: int, size_g: int, seed: int, generator: str, *, norm_g: bool, norm_f: bool
) -> "tuple[nn.Module, nn.Module]":
    from energan.engine.rng import seeded
    from energan.networks.conv import wgan_gp

    positive(z=z, width=width, size_g=size_g)
    usable_seed(seed)
    with seeded(seed):
        if generator == "conv":
            G: nn.Module = wgan_gp.Generator(z, width=width, norm=norm_g)
        else:
            G = wgan_gp.mlp_generator(z, (1, 28, 28), size=size_g)
        return G, wgan_gp.Critic(width=width, norm=norm_f)


@documented
def wgan_mnist(
    *,
    data: str = "mnist",
    steps: int = 2000,
    batch: int = 64,
    seed: int = 0,
    save_every: int = 200,
    generator: Literal["conv", "mlp"] = "conv",
    norm: bool = True,
    clip: float = 0.01,
    critic_steps: int = 5,
    warm_steps: int = 100,
    z: int = 128,
    width: int = 32,
    size_g: int = 512,
    lr: float = 5e-5,
    ema: float = 0.0,
    precision: Precision = "auto",
    device: str = "auto",
    compile: bool = False,
) -> "Experiment":
    """WGAN: a critic with clipped weights, by RMSProp (arXiv:1701.07875).

    Args:
        steps: Training steps, each several turns of the critic and one of G.
        generator: The convolutional one, or the paper's four fully connected layers (mlp), which have no batch norm.
        norm: Batch norm in the critic and the convolutional generator.
        clip: The critic's weights are clipped to [-clip, clip] after each of its turns.
        warm_steps: Turns of the critic at each of the first 25 steps and at every 500th; 0 for none.
        width: Feature maps at half resolution (64 in the authors' code); less is faster.
        lr: RMSProp's learning rate of both players.
    """
    from energan.engine.optimizers import RMSProp
    from energan.games.catalog import GAMES

    positive(clip=clip, lr=lr)
    at_least(1, critic_steps=critic_steps)
    not_negative(warm_steps=warm_steps)
    G, f = _nets(z, width, size_g, seed, generator, norm_g=norm, norm_f=norm)
    game = GAMES["wgan"](
        G, f, z, clip=clip, critic_steps=critic_steps, warm_steps=warm_steps,
        optimizer_G=RMSProp(lr), optimizer_f=RMSProp(lr),
    )  # fmt: skip
    return run(
        game, "wgan", data, resized(28, 1), steps=steps, batch=batch, seed=seed, save_every=save_every,
        ema=ema, network="mnist", precision=precision, device=device, compile=compile,
    )  # fmt: skip
