"""Any folder of images at 64 x 64: EBGAN(-PT) with the nets and margins of the paper's CelebA and LSUN runs, and DCGAN.

The paper states neither optimizers, batch nor length for these; Adam 2e-4 with beta1 .5 is DCGAN's. Ours are the
averaged weights and the learning rate that falls over the last half; --average 0 --decay 0 does without. The paper
compares EBGAN-PT with EBGAN, all else equal: --pt 0.
"""

from typing import TYPE_CHECKING

from energan.recipes.common import (
    Energy,
    Precision,
    decayed,
    margin_in,
    not_negative,
    positive,
    run,
    share,
    usable_seed,
)
from energan.recipes.flags import documented
from energan.recipes.views import Views

if TYPE_CHECKING:
    from torch import nn

    from energan.game import Game
    from energan.run import Run


@documented
def ebgan_pt_64(
    data: str,
    *,
    steps: int = 50000,
    batch: int = 128,
    seed: int = 0,
    every: int = 1000,
    channels: int = 3,
    only: tuple[str, ...] = (),
    centre: int = 0,
    patches: int = 0,
    flip: bool = False,
    augment: tuple[str, ...] = (),
    margin: float | None = None,
    energy: Energy = "l2",
    pt: float = 0.1,
    z: int = 100,
    width: int = 64,
    lr: float = 2e-4,
    beta1: float = 0.5,
    decay: float = 0.5,
    average: float = 0.999,
    precision: Precision = "auto",
    device: str = "auto",
    compile: bool = False,
) -> "Run":
    """EBGAN-PT on 64 x 64 images: the networks of appendix C, a DCGAN generator, CelebA's margin.

    Args:
        data: emoji-noto, emoji-twemoji, emoji-fluent, or your own images: folder, .zip, .npz, .parquet, LSUN's,
            CelebA's, ImageNet's or CIFAR-10's folder.
        margin: m of the hinge, in units of the energy; by default 20 of the norm, the paper's for CelebA (80 for
            LSUN); `energan margin` proposes one.
        pt: Weight of the pulling-away term; 0 is EBGAN.
        width: Feature maps at half resolution (64 in the paper); less is faster.
    """
    from energan.nets import autoencoder, dcgan
    from energan.noise import seeded

    positive(z=z, width=width)
    usable_seed(seed)
    with seeded(seed):
        G = dcgan.Generator(z, channels=channels, size=64, width=width)
        D = autoencoder.Autoencoder(channels=channels, maps=(width, 2 * width, 4 * width))
    views = Views(64, channels, only, centre, patches, flip, augment)
    played = game(views.generator(G), D, z, 20.0, channels * 64**2, energy, margin, pt, lr, beta1, decay, steps)
    made = run(
        played, "ebgan-pt" if pt else "ebgan", data, views.prepare, steps=steps, batch=batch, seed=seed,
        every=every, average=average, network="mobilenetv2", precision=precision, device=device, compile=compile,
    )  # fmt: skip
    return views.of(made)


def game(
    G: "nn.Module",
    D: "nn.Module",
    z: int,
    norm: float,
    d: int,
    energy: Energy,
    margin: float | None,
    pt: float,
    lr: float,
    beta1: float,
    decay: float,
    steps: int,
) -> "Game":
    """EBGAN, or EBGAN-PT where pt > 0; the margin is `norm` unless one is given."""
    from energan.games import GAMES
    from energan.optimizers import Adam

    positive(lr=lr)
    not_negative(pt=pt)
    share(beta1=beta1)
    margin = margin_in(energy, margin, norm=norm, d=d)
    adam = Adam(lr, beta1, schedule=decayed(steps, decay))
    if not pt:
        return GAMES["ebgan"](G, D, z, margin=margin, kind=energy, optimizer_G=adam, optimizer_D=adam)
    return GAMES["ebgan-pt"](G, D, z, margin=margin, pt=pt, kind=energy, optimizer_G=adam, optimizer_D=adam)


@documented
def dcgan_64(
    data: str,
    *,
    steps: int = 50000,
    batch: int = 128,
    seed: int = 0,
    every: int = 1000,
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
    average: float = 0.999,
    precision: Precision = "auto",
    device: str = "auto",
    compile: bool = False,
) -> "Run":
    """DCGAN on 64 x 64 images (Radford et al. 2015), with 4 x 4 kernels.

    Args:
        data: emoji-noto, emoji-twemoji, emoji-fluent, or your own images: folder, .zip, .npz, .parquet, LSUN's,
            CelebA's, ImageNet's or CIFAR-10's folder.
        z: Dimensions of the noise, U(-1, 1).
        width: Feature maps at half resolution (64 or 128 in published code); less is faster.
    """
    from energan.games import GAMES
    from energan.nets import dcgan
    from energan.noise import seeded, uniform
    from energan.optimizers import Adam

    positive(z=z, width=width, lr=lr)
    share(smoothing=smoothing, beta1=beta1)
    usable_seed(seed)
    with seeded(seed):
        G = dcgan.Generator(z, channels=channels, size=64, width=width)
        D = dcgan.Discriminator(channels=channels, size=64, width=width)
    views = Views(64, channels, only, centre, patches, flip, augment)
    adam = Adam(lr, beta1, schedule=decayed(steps, decay))
    game = GAMES["gan"](views.generator(G), D, uniform(z), smoothing=smoothing, optimizer_G=adam, optimizer_D=adam)
    made = run(
        game, "gan", data, views.prepare, steps=steps, batch=batch, seed=seed, every=every,
        average=average, network="mobilenetv2", precision=precision, device=device, compile=compile,
    )  # fmt: skip
    return views.of(made)
