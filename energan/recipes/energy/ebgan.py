"""Digits: the best configurations of the paper's grid search (arXiv:1609.03126, figure 4, appendix C), and the demo.

The demo is ours: convolutional, its settings chosen by experiment (docs/results.md).

Any set of 28 x 28 grey images will do: --data fashion-mnist, a folder, an .npz. Images are zero-padded to 32 x 32.
"""

from math import prod
from typing import TYPE_CHECKING, Literal

from energan.recipes.common import Energy, Precision, decayed, margin_in, padded_digits, run
from energan.recipes.flag_docs import documented
from energan.utils.checks import at_least, fraction, not_negative, positive, usable_seed

if TYPE_CHECKING:
    from energan.experiment import Experiment

SHAPE = (1, 32, 32)


@documented
def ebgan_pt_mnist(
    *,
    data: str = "mnist",
    steps: int = 3000,
    batch: int = 64,
    seed: int = 0,
    save_every: int = 250,
    margin: float | None = None,
    energy: Energy = "l2",
    pt: float = 0.1,
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
    """A convolutional EBGAN-PT that draws digits within minutes on two cores: the demo.

    Args:
        margin: m of the hinge, in units of the energy; by default 16 of the norm, chosen by experiment (the
            paper's grid search has 10).
    """
    from energan.engine.optimizers import Adam
    from energan.engine.rng import seeded
    from energan.games.catalog import GAMES
    from energan.networks.conv import autoencoder, dcgan

    positive(z=z, width=width, lr=lr)
    not_negative(pt=pt)
    fraction(beta1=beta1)
    usable_seed(seed)
    with seeded(seed):
        G = dcgan.Generator(z, channels=1, size=32, width=width)
        D = autoencoder.Autoencoder(channels=1, maps=(width, 2 * width, 4 * width))
    margin = margin_in(energy, margin, norm=16.0, d=prod(SHAPE))
    adam = Adam(lr, beta1, schedule=decayed(steps, decay))
    game = GAMES["ebgan-pt"](G, D, z, margin=margin, pt=pt, kind=energy, optimizer_G=adam, optimizer_D=adam)
    return run(
        game, "ebgan-pt", data, padded_digits, steps=steps, batch=batch, seed=seed,
        save_every=save_every, ema=ema, network="mnist", precision=precision, device=device, compile=compile,
    )  # fmt: skip


@documented
def ebgan_mnist(
    *,
    data: str = "mnist",
    steps: int = 20000,
    batch: int = 128,
    seed: int = 0,
    save_every: int = 1000,
    margin: float | None = None,
    energy: Energy = "l2",
    pt: float = 0.0,
    z: int = 100,
    layers_g: int = 5,
    size_g: int = 800,
    layers_d: int = 2,
    size_d: int = 1024,
    dropout_d: float = 0.0,
    code: Literal["pre", "post"] = "pre",
    lr: float = 1e-3,
    ema: float = 0.0,
    precision: Precision = "auto",
    device: str = "auto",
    compile: bool = False,
) -> "Experiment":
    """The paper's best fully connected EBGAN on MNIST, figure 4 (b); with --pt 0.1 its EBGAN-PT, figure 4 (c).

    Args:
        steps: Training steps, each one turn of D and one of G (the paper does not state how many).
        batch: Images a turn (not stated in the paper).
        margin: m of the hinge, in units of the energy; by default the paper's 10 of the norm.
        pt: Weight of the pulling-away term; 0 is plain EBGAN.
        z: Dimensions of the noise (not stated in the paper).
        layers_g: Weight layers of the generator, nLayerG.
        size_g: Units of its hidden layers, sizeG.
        layers_d: Weight layers of encoder and decoder together, nLayerD.
        size_d: Units of the encoder's layers, sizeD.
        dropout_d: Dropout rate of the encoder's hidden layers (the paper tried with and without; no rate stated).
        code: What the pulling-away term sees: the code before or after its ReLU.
    """
    from energan.engine.optimizers import Adam
    from energan.engine.rng import seeded
    from energan.games.catalog import GAMES
    from energan.networks.dense import mlp

    positive(z=z, layers_g=layers_g, size_g=size_g, size_d=size_d, lr=lr)
    at_least(2, layers_d=layers_d)
    not_negative(pt=pt)
    fraction(dropout_d=dropout_d)
    usable_seed(seed)
    with seeded(seed):
        G = mlp.Generator(z, SHAPE, layers=layers_g, size=size_g)
        D = mlp.Autoencoder(SHAPE, layers=layers_d, size=size_d, dropout=dropout_d, code=code)
    margin = margin_in(energy, margin, norm=10.0, d=prod(SHAPE))
    adam = Adam(lr)
    if pt:
        game = GAMES["ebgan-pt"](G, D, z, margin=margin, pt=pt, kind=energy, optimizer_G=adam, optimizer_D=adam)
    else:
        game = GAMES["ebgan"](G, D, z, margin=margin, kind=energy, optimizer_G=adam, optimizer_D=adam)
    return run(
        game, "ebgan-pt" if pt else "ebgan", data, padded_digits, steps=steps, batch=batch, seed=seed,
        save_every=save_every, ema=ema, network="mnist", precision=precision, device=device, compile=compile,
    )  # fmt: skip
