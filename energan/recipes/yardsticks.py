"""Yardsticks of today for the systems of 2014 to 2017, on digits: least squares, hinge, R3GAN's objective.

All have DCGAN's generator. Their D is DCGAN's, or WGAN-GP's critic where batch norm is out: R3GAN's penalties are of
single images, and the spectral norm takes its place in hinge GAN.
"""

from typing import TYPE_CHECKING

from energan.recipes.common import Precision, dcgan_pair, not_negative, padded_digits, positive, run, share
from energan.recipes.flags import documented

if TYPE_CHECKING:
    from torch import nn

    from energan.run import Run


@documented
def lsgan_mnist(
    *,
    data: str = "mnist",
    steps: int = 3000,
    batch: int = 64,
    seed: int = 0,
    every: int = 250,
    z: int = 100,
    width: int = 32,
    lr: float = 1e-3,
    beta1: float = 0.5,
    average: float = 0.999,
    precision: Precision = "auto",
    device: str = "auto",
    compile: bool = False,
) -> "Run":
    """LSGAN: least squares in place of the cross-entropy (arXiv:1611.04076)."""
    from energan.games import GAMES
    from energan.optimizers import Adam

    positive(lr=lr)
    share(beta1=beta1)
    G, D = dcgan_pair(z, width, seed)
    game = GAMES["lsgan"](G, D, z, optimizer_G=Adam(lr, beta1), optimizer_D=Adam(lr, beta1))
    return run(
        game, "lsgan", data, padded_digits, steps=steps, batch=batch, seed=seed, every=every,
        average=average, network="mnist", precision=precision, device=device, compile=compile,
    )  # fmt: skip


def _spectral(net: "nn.Module") -> "nn.Module":
    """The net, each of its linear and convolutional layers under a spectral norm."""
    from torch import nn

    from energan.nets.normalisation import SpectralNorm

    for path, layer in list(net.named_modules()):
        if isinstance(layer, nn.Linear | nn.Conv2d):
            net.set_submodule(path, SpectralNorm(layer))
    return net


@documented
def hinge_mnist(
    *,
    data: str = "mnist",
    steps: int = 3000,
    batch: int = 64,
    seed: int = 0,
    every: int = 250,
    z: int = 100,
    width: int = 32,
    lr: float = 2e-4,
    beta1: float = 0.5,
    average: float = 0.999,
    precision: Precision = "auto",
    device: str = "auto",
    compile: bool = False,
) -> "Run":
    """Hinge GAN with spectral norm on the discriminator's layers (arXiv:1802.05957): a yardstick."""
    from energan.games import GAMES
    from energan.optimizers import Adam

    positive(lr=lr)
    share(beta1=beta1)
    G, D = dcgan_pair(z, width, seed, norm=False)
    game = GAMES["hinge"](G, _spectral(D), z, optimizer_G=Adam(lr, beta1), optimizer_D=Adam(lr, beta1))
    return run(
        game, "hinge", data, padded_digits, steps=steps, batch=batch, seed=seed, every=every,
        average=average, network="mnist", precision=precision, device=device, compile=compile,
    )  # fmt: skip


@documented
def r3gan_mnist(
    *,
    data: str = "mnist",
    steps: int = 3000,
    batch: int = 64,
    seed: int = 0,
    every: int = 250,
    gamma: float = 1.0,
    z: int = 100,
    width: int = 32,
    lr: float = 2e-4,
    beta1: float = 0.0,
    average: float = 0.999,
    precision: Precision = "auto",
    device: str = "auto",
    compile: bool = False,
) -> "Run":
    """R3GAN's objective (arXiv:2501.05441): relativistic, with penalties on both slopes; small nets, not its own.

    Args:
        gamma: Weight of the penalties R1 and R2, half of it each.
    """
    from energan.games import GAMES
    from energan.optimizers import Adam

    positive(lr=lr)
    not_negative(gamma=gamma)
    share(beta1=beta1)
    G, D = dcgan_pair(z, width, seed, norm=False)
    adam = Adam(lr, beta1, beta2=0.99)
    game = GAMES["r3gan"](G, D, z, gamma=gamma, optimizer_G=adam, optimizer_D=adam)
    return run(
        game, "r3gan", data, padded_digits, steps=steps, batch=batch, seed=seed, every=every,
        average=average, network="mnist", precision=precision, device=device, compile=compile,
    )  # fmt: skip
