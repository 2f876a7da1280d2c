"""Any folder of images at 64 x 64: EBGAN(-PT) with the nets and margins of the paper's CelebA and LSUN runs, and DCGAN.

The paper states neither optimizers, batch nor length for these; Adam 2e-4 with beta1 .5 is DCGAN's. Ours are the
averaged weights and the learning rate that falls over the last half; --ema 0 --decay 0 does without. The paper
compares EBGAN-PT with EBGAN, all else equal: --pt 0.
"""

from typing import TYPE_CHECKING

from energan.recipes.common import Energy, Precision, decayed, margin_in, run
from energan.recipes.flag_docs import documented
from energan.recipes.image_options import Views
from energan.utils.checks import fraction, not_negative, positive, usable_seed

if TYPE_CHECKING:
    from torch import nn

    from energan.engine.game import Game
    from energan.experiment import Experiment


@documented
def ebgan_pt_64(
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
    margin: float | None = None,
    energy: Energy = "l2",
    pt: float = 0.1,
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
    """EBGAN-PT on 64 x 64 images: the networks of appendix C, a DCGAN generator, CelebA's margin.

    Args:
        data: emoji-noto, emoji-twemoji, emoji-fluent, or your own images: folder, .zip, .npz, .parquet, LSUN's,
            CelebA's, ImageNet's or CIFAR-10's folder.
        margin: m of the hinge, in units of the energy; by default 20 of the norm, the paper's for CelebA (80 for
            LSUN); `energan margin` proposes one.
        pt: Weight of the pulling-away term; 0 is EBGAN.
        width: Feature maps at half resolution (64 in the paper); less is faster.
    """
    from energan.engine.rng import seeded
    from energan.networks.conv import autoencoder, dcgan

    positive(z=z, width=width)
    usable_seed(seed)
    with seeded(seed):
        G = dcgan.Generator(z, channels=channels, size=64, width=width)
        D = autoencoder.Autoencoder(channels=channels, maps=(width, 2 * width, 4 * width))
    views = Views(64, channels, only, centre, patches, flip, augment)
    played = game(views.generator(G), D, z, 20.0, channels * 64**2, energy, margin, pt, lr, beta1, decay, steps)
    made = run(
        played, "ebgan-pt" if pt else "ebgan", data, views.prepare, steps=steps, batch=batch, seed=seed,
        save_every=save_every, ema=ema, network="mobilenetv2", precision=precision, device=device, compile=compile,
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
    from energan.engine.optimizers import Adam
    from energan.games.catalog import GAMES

    positive(lr=lr)
    not_negative(pt=pt)
    fraction(beta1=beta1)
    margin = margin_in(energy, margin, norm=norm, d=d)
    adam = Adam(lr, beta1, schedule=decayed(steps, decay))
    if not pt:
        return GAMES["ebgan"](G, D, z, margin=margin, kind=energy, optimizer_G=adam, optimizer_D=adam)
    return GAMES["ebgan-pt"](G, D, z, margin=margin, pt=pt, kind=energy, optimizer_G=adam, optimizer_D=adam)
