"""Wasserstein GANs: digits with the nets of WGAN-GP's MNIST experiment, and stacked digits.

The authors trained for 100,000 steps and more, at twice the width; defaults here are for minutes on two cores.
"""

from typing import TYPE_CHECKING, Literal

from energan.recipes.common import (
    Precision,
    at_least,
    dcgan_pair,
    not_negative,
    padded_digits,
    positive,
    resized,
    run,
    share,
    usable_seed,
)
from energan.recipes.flags import documented

if TYPE_CHECKING:
    from torch import nn

    from energan.data import Images
    from energan.run import Run


def _nets(
    z: int, width: int, size_g: int, seed: int, generator: str, *, norm_g: bool, norm_f: bool
) -> "tuple[nn.Module, nn.Module]":
    from energan.nets import wgan_gp
    from energan.noise import seeded

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
    every: int = 200,
    generator: Literal["conv", "mlp"] = "conv",
    norm: bool = True,
    clip: float = 0.01,
    critic_steps: int = 5,
    warm_steps: int = 100,
    z: int = 128,
    width: int = 32,
    size_g: int = 512,
    lr: float = 5e-5,
    average: float = 0.0,
    precision: Precision = "auto",
    device: str = "auto",
    compile: bool = False,
) -> "Run":
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
    from energan.games import GAMES
    from energan.optimizers import RMSProp

    positive(clip=clip, lr=lr)
    at_least(1, critic_steps=critic_steps)
    not_negative(warm_steps=warm_steps)
    G, f = _nets(z, width, size_g, seed, generator, norm_g=norm, norm_f=norm)
    game = GAMES["wgan"](
        G, f, z, clip=clip, critic_steps=critic_steps, warm_steps=warm_steps,
        optimizer_G=RMSProp(lr), optimizer_f=RMSProp(lr),
    )  # fmt: skip
    return run(
        game, "wgan", data, resized(28, 1), steps=steps, batch=batch, seed=seed, every=every,
        average=average, network="mnist", precision=precision, device=device, compile=compile,
    )  # fmt: skip


@documented
def wgan_gp_mnist(
    *,
    data: str = "mnist",
    steps: int = 2000,
    batch: int = 50,
    seed: int = 0,
    every: int = 200,
    generator: Literal["conv", "mlp"] = "conv",
    norm: bool = False,
    penalty: float = 10.0,
    critic_steps: int = 5,
    z: int = 128,
    width: int = 32,
    size_g: int = 512,
    lr: float = 5e-4,
    beta1: float = 0.5,
    beta2: float = 0.9,
    average: float = 0.0,
    precision: Precision = "auto",
    device: str = "auto",
    compile: bool = False,
) -> "Run":
    """WGAN-GP: a critic whose slope is held near 1 by a penalty (arXiv:1704.00028).

    Args:
        steps: Training steps, each several turns of the critic and one of G.
        generator: The convolutional one, or WGAN's four fully connected layers (mlp), which have no batch norm.
        norm: Batch norm in the convolutional generator; the critic reads each image by itself and has none.
        penalty: Weight of the penalty on the critic's slope.
        width: Feature maps at half resolution (64 in the authors' code); less is faster.
        lr: Adam's learning rate of both players; the authors' 1e-4 is for their 200,000 steps.
        beta2: Adam's second moment.
    """
    from energan.games import GAMES
    from energan.optimizers import Adam

    positive(lr=lr)
    not_negative(penalty=penalty)
    share(beta1=beta1, beta2=beta2)
    at_least(1, critic_steps=critic_steps)
    G, f = _nets(z, width, size_g, seed, generator, norm_g=norm, norm_f=False)
    adam = Adam(lr, beta1, beta2)
    game = GAMES["wgan-gp"](
        G, f, z, penalty=penalty, critic_steps=critic_steps, optimizer_G=adam, optimizer_f=adam
    )  # fmt: skip
    return run(
        game, "wgan-gp", data, resized(28, 1), steps=steps, batch=batch, seed=seed, every=every,
        average=average, network="mnist", precision=precision, device=device, compile=compile,
    )  # fmt: skip


def _stacked(source: str, split: str) -> "Images":
    return padded_digits(source, split, channels=3)


@documented
def wgan_gp_stacked(
    *,
    data: str = "stacked-mnist",
    steps: int = 3000,
    batch: int = 64,
    seed: int = 0,
    every: int = 250,
    penalty: float = 10.0,
    critic_steps: int = 5,
    z: int = 128,
    width: int = 16,
    lr: float = 5e-4,
    beta1: float = 0.5,
    beta2: float = 0.9,
    average: float = 0.999,
    precision: Precision = "auto",
    device: str = "auto",
    compile: bool = False,
) -> "Run":
    """WGAN-GP on stacked MNIST: three digits as the channels of an image, a thousand modes to cover.

    Args:
        data: stacked-mnist, or your own images (folder, .zip, .npz, .parquet), in colour, 32 x 32.
        steps: Training steps, each several turns of the critic and one of G.
        penalty: Weight of the penalty on the critic's slope.
        beta2: Adam's second moment.
    """
    from energan.games import GAMES
    from energan.optimizers import Adam

    positive(lr=lr)
    not_negative(penalty=penalty)
    share(beta1=beta1, beta2=beta2)
    at_least(1, critic_steps=critic_steps)
    G, f = dcgan_pair(z, width, seed, channels=3, norm=False)
    adam = Adam(lr, beta1, beta2)
    game = GAMES["wgan-gp"](
        G, f, z, penalty=penalty, critic_steps=critic_steps, optimizer_G=adam, optimizer_f=adam
    )  # fmt: skip
    return run(
        game, "wgan-gp", data, _stacked, steps=steps, batch=batch, seed=seed, every=every,
        average=average, network="mobilenetv2", precision=precision, device=device, compile=compile,
    )  # fmt: skip
