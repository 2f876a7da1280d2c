"""WGAN-GP on digits and on stacked MNIST (arXiv:1704.00028)."""

from typing import TYPE_CHECKING, Literal

from energan.recipes.common import Precision, dcgan_pair, padded_digits, resized, run
from energan.recipes.flag_docs import documented
from energan.recipes.gan.wgan import _nets
from energan.utils.checks import at_least, fraction, not_negative, positive
from energan.utils.specification import named

if TYPE_CHECKING:
    from energan.data import ImageSet
    from energan.experiment import Experiment


@documented
def wgan_gp_mnist(
    *,
    data: str = "mnist",
    steps: int = 2000,
    batch: int = 50,
    seed: int = 0,
    save_every: int = 200,
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
    ema: float = 0.0,
    precision: Precision = "auto",
    device: str = "auto",
    compile: bool = False,
) -> "Experiment":
    """WGAN-GP: a critic whose gradient has a norm near 1, by a penalty (arXiv:1704.00028).

    Args:
        steps: Training steps, each several turns of the critic and one of G.
        generator: The convolutional one, or WGAN's four fully connected layers (mlp), which have no batch norm.
        norm: Batch norm in the convolutional generator; the critic reads each image by itself and has none.
        penalty: Weight of the penalty on the critic's gradient.
        width: Feature maps at half resolution (64 in the authors' code); less is faster.
        lr: Adam's learning rate of both players; the authors' 1e-4 is for their 200,000 steps.
        beta2: Adam's second moment.
    """
    from energan.engine.optimizers import Adam
    from energan.games.catalog import GAMES

    positive(lr=lr)
    not_negative(penalty=penalty)
    fraction(beta1=beta1, beta2=beta2)
    at_least(1, critic_steps=critic_steps)
    G, f = _nets(z, width, size_g, seed, generator, norm_g=norm, norm_f=False)
    adam = Adam(lr, beta1, beta2)
    game = GAMES["wgan-gp"](
        G, f, z, penalty=penalty, critic_steps=critic_steps, optimizer_G=adam, optimizer_f=adam
    )  # fmt: skip
    return run(
        game, "wgan-gp", data, resized(28, 1), steps=steps, batch=batch, seed=seed, save_every=save_every,
        ema=ema, network="mnist", precision=precision, device=device, compile=compile,
    )  # fmt: skip


@named
def _stacked(source: str, split: str) -> "ImageSet":
    return padded_digits(source, split, channels=3)


@documented
def wgan_gp_stacked(
    *,
    data: str = "stacked-mnist",
    steps: int = 3000,
    batch: int = 64,
    seed: int = 0,
    save_every: int = 250,
    penalty: float = 10.0,
    critic_steps: int = 5,
    z: int = 128,
    width: int = 16,
    lr: float = 5e-4,
    beta1: float = 0.5,
    beta2: float = 0.9,
    ema: float = 0.999,
    precision: Precision = "auto",
    device: str = "auto",
    compile: bool = False,
) -> "Experiment":
    """WGAN-GP on stacked MNIST: three digits as the channels of an image, a thousand modes to cover.

    Args:
        data: stacked-mnist, or your own images (folder, .zip, .npz, .parquet), in colour, 32 x 32.
        steps: Training steps, each several turns of the critic and one of G.
        penalty: Weight of the penalty on the critic's gradient.
        beta2: Adam's second moment.
    """
    from energan.engine.optimizers import Adam
    from energan.games.catalog import GAMES

    positive(lr=lr)
    not_negative(penalty=penalty)
    fraction(beta1=beta1, beta2=beta2)
    at_least(1, critic_steps=critic_steps)
    G, f = dcgan_pair(z, width, seed, channels=3, norm=False)
    adam = Adam(lr, beta1, beta2)
    game = GAMES["wgan-gp"](
        G, f, z, penalty=penalty, critic_steps=critic_steps, optimizer_G=adam, optimizer_f=adam
    )  # fmt: skip
    return run(
        game, "wgan-gp", data, _stacked, steps=steps, batch=batch, seed=seed, save_every=save_every,
        ema=ema, network="mobilenetv2", precision=precision, device=device, compile=compile,
    )  # fmt: skip
