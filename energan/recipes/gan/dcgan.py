"""DCGAN on images of 64 x 64 (arXiv:1511.06434)."""

from typing import TYPE_CHECKING

from energan.recipes.common import Precision, decayed, run
from energan.recipes.flag_docs import documented
from energan.recipes.image_options import Views
from energan.utils.checks import fraction, positive, usable_seed

if TYPE_CHECKING:
    from energan.experiment import Experiment


@documented
def dcgan_64(
    data: str,
    *,
    steps: int = 50000,
    batch: int = 128,
    seed: int = 0,
    save_every: int = 1000,
    channels: int = 3,
    only: tuple[str, ...] = (),
    centre: int = 0,
    patches: int = 0,
    flip: bool = False,
    augment: tuple[str, ...] = (),
    smoothing: float = 0.0,
    z: int = 100,
    width: int = 64,
    lr: float = 2e-4,
    beta1: float = 0.5,
    decay: float = 0.5,
    ema: float = 0.999,
    precision: Precision = "auto",
    device: str = "auto",
    compile: bool = False,
) -> "Experiment":
    """DCGAN on 64 x 64 images (Radford et al. 2015), with 4 x 4 kernels.

    Args:
        data: emoji-noto, emoji-twemoji, emoji-fluent, or your own images: folder, .zip, .npz, .parquet, LSUN's,
            CelebA's, ImageNet's or CIFAR-10's folder.
        z: Dimensions of the noise, U(-1, 1).
        width: Feature maps at half resolution (64 or 128 in published code); less is faster.
    """
    from energan.engine.noise import uniform
    from energan.engine.optimizers import Adam
    from energan.engine.rng import seeded
    from energan.games.catalog import GAMES
    from energan.networks.conv import dcgan

    positive(z=z, width=width, lr=lr)
    fraction(smoothing=smoothing, beta1=beta1)
    usable_seed(seed)
    with seeded(seed):
        G = dcgan.Generator(z, channels=channels, size=64, width=width)
        D = dcgan.Discriminator(channels=channels, size=64, width=width)
    views = Views(64, channels, only, centre, patches, flip, augment)
    adam = Adam(lr, beta1, schedule=decayed(steps, decay))
    game = GAMES["gan"](views.generator(G), D, uniform(z), smoothing=smoothing, optimizer_G=adam, optimizer_D=adam)
    made = run(
        game, "gan", data, views.prepare, steps=steps, batch=batch, seed=seed, save_every=save_every,
        ema=ema, network="mobilenetv2", precision=precision, device=device, compile=compile,
    )  # fmt: skip
    return views.of(made)
