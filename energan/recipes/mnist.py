"""Digits: the best configurations of the paper's grid search (arXiv:1609.03126, figure 4, appendix C), and the demo.

The demo is ours: convolutional, its settings chosen by experiment (docs/results.md).

Any set of 28 x 28 grey images will do: --data fashion-mnist, a folder, an .npz. Images are zero-padded to 32 x 32.
"""

from math import prod
from typing import TYPE_CHECKING, Literal

from energan.recipes.common import (
    Energy,
    Precision,
    at_least,
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


@documented
def ebgan_pt_mnist(
    *,
    data: str = "mnist",
    steps: int = 3000,
    batch: int = 64,
    seed: int = 0,
    every: int = 250,
    margin: float | None = None,
    energy: Energy = "l2",
    pt: float = 0.1,
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
    """A convolutional EBGAN-PT that draws digits within minutes on two cores: the demo.

    Args:
        margin: m of the hinge, in units of the energy; by default 16 of the norm, chosen by experiment (the
            paper's grid search has 10).
    """
    from energan.games import GAMES
    from energan.nets import autoencoder, dcgan
    from energan.noise import seeded
    from energan.optimizers import Adam

    positive(z=z, width=width, lr=lr)
    not_negative(pt=pt)
    share(beta1=beta1)
    usable_seed(seed)
    with seeded(seed):
        G = dcgan.Generator(z, channels=1, size=32, width=width)
        D = autoencoder.Autoencoder(channels=1, maps=(width, 2 * width, 4 * width))
    margin = margin_in(energy, margin, norm=16.0, d=prod(SHAPE))
    adam = Adam(lr, beta1, schedule=decayed(steps, decay))
    game = GAMES["ebgan-pt"](G, D, z, margin=margin, pt=pt, kind=energy, optimizer_G=adam, optimizer_D=adam)
    return run(
        game, "ebgan-pt", data, padded_digits, steps=steps, batch=batch, seed=seed, every=every,
        average=average, network="mnist", precision=precision, device=device, compile=compile,
    )  # fmt: skip


@documented
def ebgan_mnist(
    *,
    data: str = "mnist",
    steps: int = 20000,
    batch: int = 128,
    seed: int = 0,
    every: int = 1000,
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
    average: float = 0.0,
    precision: Precision = "auto",
    device: str = "auto",
    compile: bool = False,
) -> "Run":
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
    from energan.games import GAMES
    from energan.nets import mlp
    from energan.noise import seeded
    from energan.optimizers import Adam

    positive(z=z, layers_g=layers_g, size_g=size_g, size_d=size_d, lr=lr)
    at_least(2, layers_d=layers_d)
    not_negative(pt=pt)
    share(dropout_d=dropout_d)
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
        game, "ebgan-pt" if pt else "ebgan", data, padded_digits, steps=steps, batch=batch, seed=seed, every=every,
        average=average, network="mnist", precision=precision, device=device, compile=compile,
    )  # fmt: skip


@documented
def gan_mnist(
    *,
    data: str = "mnist",
    steps: int = 20000,
    batch: int = 128,
    seed: int = 0,
    every: int = 1000,
    loss: Literal["minimax", "non-saturating"] = "non-saturating",
    smoothing: float = 0.0,
    z: int = 100,
    layers_g: int = 5,
    size_g: int = 1600,
    layers_d: int = 2,
    size_d: int = 1024,
    dropout_d: float = 0.0,
    optim_g: Literal["sgd", "adam"] = "sgd",
    optim_d: Literal["sgd", "adam"] = "sgd",
    lr: float = 1e-2,
    average: float = 0.0,
    precision: Precision = "auto",
    device: str = "auto",
    compile: bool = False,
) -> "Run":
    """The paper's best fully connected GAN on MNIST, figure 4 (a): the baseline of its grid search.

    Args:
        steps: Training steps, each one turn of D and one of G (the paper does not state how many).
        batch: Images a turn (not stated in the paper).
        loss: The generator's: -log D(G(z)) (non-saturating) or log(1 - D(G(z))) (minimax).
        z: Dimensions of the noise (not stated in the paper).
        layers_g: Weight layers of the generator, nLayerG.
        size_g: Units of its hidden layers, sizeG.
        layers_d: Weight layers of the discriminator, nLayerD.
        size_d: Units of its hidden layers, sizeD.
        dropout_d: Dropout rate of its hidden layers.
        optim_g: The generator's optimizer (SGD without momentum: the paper states none).
        optim_d: The discriminator's optimizer.
        lr: Learning rate of both players.
    """
    from energan.games import GAMES
    from energan.nets import mlp
    from energan.noise import seeded
    from energan.optimizers import SGD, Adam

    positive(z=z, layers_g=layers_g, size_g=size_g, size_d=size_d, lr=lr)
    at_least(2, layers_d=layers_d)
    share(smoothing=smoothing, dropout_d=dropout_d)
    usable_seed(seed)
    with seeded(seed):
        G = mlp.Generator(z, SHAPE, layers=layers_g, size=size_g)
        D = mlp.Discriminator(SHAPE, layers=layers_d, size=size_d, dropout=dropout_d)
    optimizers = {"sgd": SGD(lr), "adam": Adam(lr)}
    game = GAMES["gan"](
        G, D, z, loss=loss, smoothing=smoothing, optimizer_G=optimizers[optim_g], optimizer_D=optimizers[optim_d]
    )
    return run(
        game, "gan", data, padded_digits, steps=steps, batch=batch, seed=seed, every=every,
        average=average, network="mnist", precision=precision, device=device, compile=compile,
    )  # fmt: skip
