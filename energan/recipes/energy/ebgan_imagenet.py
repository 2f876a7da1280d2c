"""Any folder of images at 128 x 128 and 256 x 256: EBGAN(-PT) with the nets and margins of the paper's ImageNet runs.

Noise goes into every layer of the generator, and the encoder has four. The rest is as at 64 x 64 (recipes/images.py).
"""

from typing import TYPE_CHECKING

from energan.recipes.common import Energy, Precision, run
from energan.recipes.energy.ebgan_64 import game
from energan.recipes.flag_docs import documented
from energan.recipes.image_options import Views
from energan.utils.checks import positive, usable_seed

if TYPE_CHECKING:
    from torch import nn

    from energan.experiment import Experiment
    from energan.networks.conv.ebgan_imagenet import Generator


@documented
def ebgan_pt_128(
    data: str,
    *,
    steps: int = 100000,
    batch: int = 64,
    seed: int = 0,
    save_every: int = 1000,
    channels: int = 3,
    only: tuple[str, ...] = (),
    centre: int = 0,
    patches: int = 0,
    flip: bool = False,
    augment: tuple[str, ...] = (),
    margin: float | None = None,
    energy: Energy = "l2",
    pt: float = 0.1,
    width: int = 64,
    lr: float = 2e-4,
    beta1: float = 0.5,
    decay: float = 0.5,
    ema: float = 0.999,
    checkpoint_activations: bool = False,
    precision: Precision = "auto",
    device: str = "auto",
    compile: bool = False,
) -> "Experiment":
    """EBGAN-PT on 128 x 128 images: noise into every layer of the generator, ImageNet's margin.

    Args:
        data: emoji-noto, emoji-twemoji, emoji-fluent, or your own images: folder, .zip, .npz, .parquet, LSUN's,
            CelebA's, ImageNet's or CIFAR-10's folder.
        margin: m of the hinge, in units of the energy; by default 40 of the norm, the paper's for ImageNet;
            `energan margin` proposes one.
        pt: Weight of the pulling-away term; 0 is EBGAN.
        width: Feature maps of the encoder's first layer (64 in the paper; all others go with it); less is faster.
    """
    G, D = _imagenet(128, width, channels, seed, checkpoint_activations)
    views = Views(128, channels, only, centre, patches, flip, augment)
    played = game(views.generator(G), D, G.z, 40.0, channels * 128**2, energy, margin, pt, lr, beta1, decay, steps)
    made = run(
        played, "ebgan-pt" if pt else "ebgan", data, views.prepare, steps=steps, batch=batch, seed=seed,
        save_every=save_every, ema=ema, network="mobilenetv2", precision=precision, device=device, compile=compile,
    )  # fmt: skip
    return views.of(made)


@documented
def ebgan_pt_256(
    data: str,
    *,
    steps: int = 100000,
    batch: int = 32,
    seed: int = 0,
    save_every: int = 1000,
    channels: int = 3,
    only: tuple[str, ...] = (),
    centre: int = 0,
    patches: int = 0,
    flip: bool = False,
    augment: tuple[str, ...] = (),
    margin: float | None = None,
    energy: Energy = "l2",
    pt: float = 0.1,
    width: int = 64,
    lr: float = 2e-4,
    beta1: float = 0.5,
    decay: float = 0.5,
    ema: float = 0.999,
    checkpoint_activations: bool = False,
    precision: Precision = "auto",
    device: str = "auto",
    compile: bool = False,
) -> "Experiment":
    """EBGAN-PT on 256 x 256 images: noise into every layer of the generator, the margin of ImageNet's dogs.

    Args:
        data: emoji-noto, emoji-twemoji, emoji-fluent, or your own images: folder, .zip, .npz, .parquet, LSUN's,
            CelebA's, ImageNet's or CIFAR-10's folder.
        margin: m of the hinge, in units of the energy; by default 80 of the norm, the paper's for ImageNet's
            dogs; `energan margin` proposes one.
        pt: Weight of the pulling-away term; 0 is EBGAN.
        width: Feature maps of the encoder's first layer (64 in the paper; all others go with it); less is faster.
    """
    G, D = _imagenet(256, width, channels, seed, checkpoint_activations)
    views = Views(256, channels, only, centre, patches, flip, augment)
    played = game(views.generator(G), D, G.z, 80.0, channels * 256**2, energy, margin, pt, lr, beta1, decay, steps)
    made = run(
        played, "ebgan-pt" if pt else "ebgan", data, views.prepare, steps=steps, batch=batch, seed=seed,
        save_every=save_every, ema=ema, network="mobilenetv2", precision=precision, device=device, compile=compile,
    )  # fmt: skip
    return views.of(made)


def _imagenet(
    size: int, width: int, channels: int, seed: int, checkpoint_activations: bool
) -> "tuple[Generator, nn.Module]":
    """The generator and the auto-encoder of a resolution, all maps in proportion to `width`."""
    from energan.engine.rng import seeded
    from energan.networks.conv import autoencoder
    from energan.networks.conv.ebgan_imagenet import PUBLISHED, Generator

    positive(width=width)
    usable_seed(seed)
    maps = [maps * width // 64 for maps in PUBLISHED[size].maps]
    with seeded(seed):
        G = Generator(
            [max(1, m) for m in maps],
            PUBLISHED[size].planes,
            channels=channels,
            checkpoint_activations=checkpoint_activations,
        )
        D = autoencoder.Autoencoder(
            channels=channels, maps=[width * 2**i for i in range(4)], checkpoint_activations=checkpoint_activations
        )
    return G, D
