"""Digits by other games of an auto-encoder's energy: LeCun's losses in place of the hinge, and BEGAN."""

from math import prod
from typing import TYPE_CHECKING, Literal

from energan.recipes.common import (
    Energy,
    Precision,
    decayed,
    margin_in,
    not_negative,
    padded_digits,
    positive,
    run,
    share,
    usable_seed,
)
from energan.recipes.flags import documented

if TYPE_CHECKING:
    from energan.run import Run

SHAPE = (1, 32, 32)
Loss = Literal[
    "energy", "perceptron", "pairwise-hinge", "ebgan-margin", "log", "lvq2", "mce", "square-square",
    "square-exponential", "nll", "mee",
]  # fmt: skip


@documented
def energy_losses_mnist(
    *,
    data: str = "mnist",
    steps: int = 3000,
    batch: int = 64,
    seed: int = 0,
    every: int = 250,
    loss: Loss = "square-square",
    margin: float | None = None,
    scale: float = 1.0,
    energy: Energy = "l2",
    z: int = 100,
    width: int = 32,
    lr: float = 1e-3,
    beta1: float = 0.5,
    decay: float = 0.5,
    average: float = 0.999,
    precision: Precision = "auto",
    device: str = "auto",
    compile: bool = False,
) -> "Run":
    """EBGAN with another loss of LeCun's tutorial (2006) for its energies; nets and settings of ebgan-pt-mnist.

    Args:
        loss: The discriminator's, a row of the tutorial's table 1; ebgan-margin is EBGAN's own hinge, and energy, which
            has no margin, collapses.
        margin: m of the losses that have one, in units of the energy; by default 16 of the norm.
        scale: Of lvq2 (delta), square-exponential (gamma), nll and mee (beta, per unit of energy).
        energy: l2 (the norm), ssq (its square) or mse (its square per pixel).
    """
    from energan.games import GAMES
    from energan.nets import autoencoder, dcgan
    from energan.noise import seeded
    from energan.optimizers import Adam

    positive(z=z, width=width, lr=lr, scale=scale)
    share(beta1=beta1)
    usable_seed(seed)
    with seeded(seed):
        G = dcgan.Generator(z, channels=1, size=32, width=width)
        D = autoencoder.Autoencoder(channels=1, maps=(width, 2 * width, 4 * width))
    margin = margin_in(energy, margin, norm=16.0, d=prod(SHAPE))
    adam = Adam(lr, beta1, schedule=decayed(steps, decay))
    game = GAMES["energy-losses"](
        G, D, z, loss=loss, margin=margin, scale=scale, kind=energy, optimizer_G=adam, optimizer_D=adam
    )
    return run(
        game, "energy-losses", data, padded_digits, steps=steps, batch=batch, seed=seed, every=every,
        average=average, network="mnist", precision=precision, device=device, compile=compile,
    )  # fmt: skip


@documented
def began_mnist(
    *,
    data: str = "mnist",
    steps: int = 5000,
    batch: int = 16,
    seed: int = 0,
    every: int = 500,
    gamma: float = 0.5,
    rate: float = 1e-3,
    z: int = 64,
    width: int = 16,
    lr: float = 1e-4,
    average: float = 0.0,
    precision: Precision = "auto",
    device: str = "auto",
    compile: bool = False,
) -> "Run":
    """BEGAN: an auto-encoder's discriminator kept in balance with the generator (arXiv:1703.10717), at 32 x 32.

    Args:
        steps: Training steps, each one turn of D, G and k together.
        gamma: Diversity, the ratio of samples' to images' losses that the balance k holds; 0.3 to 0.7 in the paper.
        rate: Step size of the balance k.
        z: Dimensions of the noise, U(-1, 1), and of D's code.
        width: Feature maps of the networks (128 in the paper, for faces); less is faster.
    """
    from energan.games import GAMES
    from energan.nets import began
    from energan.noise import seeded
    from energan.optimizers import Adam

    positive(z=z, width=width, lr=lr, gamma=gamma)
    not_negative(rate=rate)
    usable_seed(seed)
    with seeded(seed):
        G = began.Generator(z, channels=1, size=32, width=width)
        D = began.Autoencoder(channels=1, size=32, width=width, code=z)
    game = GAMES["began"](G, D, z, gamma=gamma, rate=rate, optimizer_G=Adam(lr), optimizer_D=Adam(lr))
    return run(
        game, "began", data, padded_digits, steps=steps, batch=batch, seed=seed, every=every,
        average=average, network="mnist", precision=precision, device=device, compile=compile,
    )  # fmt: skip
