"""Digits by other games of an auto-encoder's energy: LeCun's losses in place of the hinge, and BEGAN."""

from math import prod
from typing import TYPE_CHECKING, Literal

from energan.recipes.common import Energy, Precision, decayed, margin_in, padded_digits, run
from energan.recipes.flag_docs import documented
from energan.utils.checks import fraction, positive, usable_seed

if TYPE_CHECKING:
    from energan.experiment import Experiment

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
    save_every: int = 250,
    loss: Loss = "square-square",
    margin: float | None = None,
    scale: float = 1.0,
    energy: Energy = "l2",
    z: int = 100,
    width: int = 32,
    lr: float = 1e-3,
    beta1: float = 0.5,
    decay: float = 0.5,
    ema: float = 0.999,
    precision: Precision = "auto",
    device: str = "auto",
    compile: bool = False,
) -> "Experiment":
    """EBGAN with another loss of LeCun's tutorial (2006) for its energies; nets and settings of ebgan-pt-mnist.

    Args:
        loss: The discriminator's, a row of the tutorial's table 1; ebgan-margin is EBGAN's own hinge, and energy, which
            has no margin, collapses.
        margin: m of the losses that have one, in units of the energy; by default 16 of the norm.
        scale: Of lvq2 (delta), square-exponential (gamma), nll and mee (beta, per unit of energy).
        energy: l2 (the norm), ssq (its square) or mse (its square per pixel).
    """
    from energan.engine.optimizers import Adam
    from energan.engine.rng import seeded
    from energan.games.catalog import GAMES
    from energan.networks.conv import autoencoder, dcgan

    positive(z=z, width=width, lr=lr, scale=scale)
    fraction(beta1=beta1)
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
        game, "energy-losses", data, padded_digits, steps=steps, batch=batch, seed=seed, save_every=save_every,
        ema=ema, network="mnist", precision=precision, device=device, compile=compile,
    )  # fmt: skip
