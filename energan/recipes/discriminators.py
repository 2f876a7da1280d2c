"""Digits by the other games of a discriminator. The first GAN has its own nets; the others share DCGAN's generator.

Unrolled GAN's D is WGAN-GP's critic, which has no batch norm, by choice.
"""

from typing import TYPE_CHECKING, Literal

from energan.errors import UserError
from energan.recipes.common import (
    Precision,
    at_least,
    dcgan_pair,
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

    from energan.run import Run

Divergence = Literal[
    "kl", "reverse-kl", "pearson", "neyman", "squared-hellinger", "jeffrey", "jensen-shannon", "gan", "total-variation"
]


@documented
def maxout_gan_mnist(
    *,
    data: str = "mnist",
    steps: int = 10000,
    batch: int = 100,
    seed: int = 0,
    every: int = 500,
    mean: float = 0.13,
    z: int = 100,
    size_g: int = 1200,
    size_d: int = 240,
    lr: float = 0.1,
    average: float = 0.0,
    precision: Precision = "auto",
    device: str = "auto",
    compile: bool = False,
) -> "Run":
    """The first GAN with its own settings (arXiv:1406.2661): maxout, dropout, both players moving at once.

    Args:
        steps: Training steps, each one turn of D and G together; momentum rises over 125,000, as theirs.
        mean: Where the generator's pixels start, 0 (black) to 1; each at its own mean in the authors' code, which
            needs the data before the nets.
        z: Dimensions of the noise, U(-sqrt 3, sqrt 3).
        size_g: Units of the generator's two hidden layers.
        size_d: Maxout units of the discriminator's two hidden layers, of five pieces each.
        lr: SGD's learning rate of G; D's is half of it, for the authors halve its loss.
    """
    import torch

    from energan.games import GAMES
    from energan.momentum import AnnealedSGD
    from energan.nets import maxout
    from energan.noise import seeded, uniform

    positive(z=z, size_g=size_g, size_d=size_d, lr=lr)
    if not 0 <= mean <= 1:
        raise UserError(f"--mean is a brightness, 0 to 1, got {mean}")
    usable_seed(seed)
    with seeded(seed):
        G = maxout.Generator(z, size=size_g, mean=torch.full((1, 28, 28), 2 * mean - 1))
        D = maxout.Discriminator(units=size_d)
    sgd = AnnealedSGD(lr)
    game = GAMES["gan"](
        G, D, uniform(z, low=-(3**0.5), high=3**0.5), simultaneous=True,
        optimizer_G=sgd, optimizer_D=sgd._replace(lr=lr / 2, floor=sgd.floor / 2),
    )  # fmt: skip
    return run(
        game, "gan", data, resized(28, 1), steps=steps, batch=batch, seed=seed, every=every,
        average=average, network="mnist", precision=precision, device=device, compile=compile,
    )  # fmt: skip


def _connected(z: int, seed: int) -> "tuple[nn.Module, nn.Module]":
    """f-GAN's G and V on 28 x 28 images."""
    from torch import nn

    from energan.nets.perceptron import Perceptron
    from energan.noise import seeded

    positive(z=z)
    usable_seed(seed)
    with seeded(seed):
        G = nn.Sequential(Perceptron((z, 1200, 1200, 784), norm=True, shape=(1, 28, 28)), nn.Tanh())
        return G, Perceptron((784, 240, 240, 1), activation="elu", shape=())


@documented
def fgan_mnist(
    *,
    data: str = "mnist",
    steps: int = 3000,
    batch: int = 64,
    seed: int = 0,
    every: int = 250,
    divergence: Divergence = "jensen-shannon",
    critic_steps: int = 0,
    loss: Literal["bound", "trick"] = "trick",
    nets: Literal["conv", "mlp"] = "conv",
    z: int = 100,
    width: int = 32,
    lr: float = 1e-3,
    beta1: float = 0.5,
    average: float = 0.999,
    precision: Precision = "auto",
    device: str = "auto",
    compile: bool = False,
) -> "Run":
    """f-GAN: any of nine divergences by its variational bound (arXiv:1606.00709).

    Args:
        steps: Training steps, each one turn of V and G together, or several of V and one of G.
        divergence: D_f, between the images and the samples. Those that are infinite where the two do not overlap
            (neyman, reverse-kl, kl, jeffrey) may explode at the start, and train at a lower --lr if at all.
        critic_steps: Turns of V before each of G; 0 for the single-step method, in which both move at once.
        loss: What G descends: the bound itself, or -E g(V(G(z))) (the paper's trick, section 3.2).
        nets: DCGAN's (conv), or fully connected ones after the paper's (mlp).
    """
    from energan.games import GAMES
    from energan.optimizers import Adam

    positive(lr=lr)
    share(beta1=beta1)
    at_least(0, critic_steps=critic_steps)
    G, V = dcgan_pair(z, width, seed) if nets == "conv" else _connected(z, seed)
    adam = Adam(lr, beta1)
    game = GAMES["fgan"](
        G, V, z, divergence=divergence, critic_steps=critic_steps, loss=loss, optimizer_G=adam, optimizer_V=adam
    )
    return run(
        game, "fgan", data, padded_digits if nets == "conv" else resized(28, 1), steps=steps, batch=batch, seed=seed,
        every=every, average=average, network="mnist", precision=precision, device=device, compile=compile,
    )  # fmt: skip


@documented
def unrolled_mnist(
    *,
    data: str = "mnist",
    steps: int = 3000,
    batch: int = 64,
    seed: int = 0,
    every: int = 250,
    unroll: int = 5,
    z: int = 100,
    width: int = 16,
    width_d: int = 16,
    lr: float = 1e-3,
    lr_d: float = 2e-4,
    beta1: float = 0.5,
    average: float = 0.999,
    precision: Precision = "auto",
    device: str = "auto",
    compile: bool = False,
) -> "Run":
    """Unrolled GAN: the generator sees K of the discriminator's next steps (arXiv:1611.02163).

    Args:
        steps: Training steps, each one turn of D and G together.
        unroll: K, the steps that G looks ahead and differentiates through; 0 is the minimax GAN.
        width_d: The discriminator's; less hinders it, and costs less in each of the K steps.
        lr: Adam's learning rate of the generator.
        lr_d: Adam's learning rate of the discriminator, in its own steps and in the K ahead.
    """
    from energan.games import GAMES
    from energan.optimizers import Adam

    positive(lr=lr, lr_d=lr_d)
    share(beta1=beta1)
    at_least(0, unroll=unroll)
    G, D = dcgan_pair(z, width, seed, norm=False, width_d=width_d)
    game = GAMES["unrolled"](G, D, z, steps=unroll, optimizer_G=Adam(lr, beta1), optimizer_D=Adam(lr_d, beta1))
    return run(
        game, "unrolled", data, padded_digits, steps=steps, batch=batch, seed=seed, every=every,
        average=average, network="mnist", precision=precision, device=device, compile=compile,
    )  # fmt: skip
