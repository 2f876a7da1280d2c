"""A model of the paper's grid search, as a recipe: what `energan sweep` and `energan train` take by this name.

energan train reproductions.grid.trial:trial --system gan --layers-g 5 --optim-g adam --lr 1e-3
"""

from typing import Literal

from energan.experiment import Experiment
from energan.recipes.common import Data, GeneratorTraining
from energan.recipes.energy.ebgan import EnergyOptions, ebgan_mnist
from energan.recipes.gan.gan import Optimizers, gan_mnist
from energan.utils.errors import UserError
from reproductions.grid.table1 import OF_EBGAN

RECIPE = "reproductions.grid.trial:trial"
OPEN = (
    "the paper states neither length, batch, z nor the rate of dropout: batch 128, z 100, dropout .5 of D's hidden "
    "layers; Adam's beta1 .5, SGD without momentum"
)


def trial(
    *,
    system: Literal["ebgan", "gan"] = "ebgan",
    data: Data = "mnist",
    z: int = 100,
    layers_g: int = 5,
    size_g: int = 800,
    layers_d: int = 2,
    size_d: int = 1024,
    dropout_d: float = 0.0,
    optim_g: Optimizers = "adam",
    optim_d: Optimizers = "adam",
    lr: float = 1e-3,
    margin: float = 10.0,
    pt: float = 0.0,
    training: GeneratorTraining = GeneratorTraining(steps=1000, batch=128, save_every=1000),
) -> Experiment:
    """A model of the grid search of EBGAN's paper, table 1.

    Args:
        system: An EBGAN, whose optimizers are Adam, or a GAN.
        z: Dimensions of the noise.
        layers_g: Weight layers of the generator, nLayerG.
        size_g: Units of its hidden layers, sizeG.
        layers_d: Weight layers of the discriminator, or of encoder and decoder together, nLayerD.
        size_d: Units of its hidden layers, sizeD.
        dropout_d: Dropout rate of its hidden layers.
        optim_g: The generator's optimizer.
        optim_d: The discriminator's.
        lr: Learning rate of both players.
        margin: Of an EBGAN.
        pt: Weight of an EBGAN's pulling-away term.
    """
    if system == "gan":
        return gan_mnist(
            data=data, z=z, layers_g=layers_g, size_g=size_g, layers_d=layers_d, size_d=size_d, dropout_d=dropout_d,
            optim_g=optim_g, optim_d=optim_d, lr=lr, training=training,
        )  # fmt: skip
    if (optim_g, optim_d) != (OF_EBGAN["optim_g"], OF_EBGAN["optim_d"]):
        raise UserError("an EBGAN of the grid is optimised by Adam: leave out `optim_g` and `optim_d`")
    return ebgan_mnist(
        data=data, z=z, layers_g=layers_g, size_g=size_g, layers_d=layers_d, size_d=size_d, dropout_d=dropout_d,
        lr=lr, energies=EnergyOptions(margin=margin, pt=pt), training=training,
    )  # fmt: skip
