"""Digits: the best configurations of the paper's grid search (arXiv:1609.03126, figure 4, appendix C), and the demo.

The demo is ours: convolutional, its settings chosen by experiment (docs/results/ebgan.md).

Any set of 28 x 28 grey images will do: --data fashion-mnist, a folder, an .npz. Images are zero-padded to 32 x 32.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from energan.experiment import Experiment
from energan.recipes.classes import NOBODY, Asked, Classes
from energan.recipes.common import (
    AlternatingTraining,
    Data,
    DecayingAdam,
    LearningRate,
    Training,
    experiment,
    padded_digits,
)
from energan.utils.checks import at_least, fraction, not_negative, positive
from energan.utils.errors import UserError

if TYPE_CHECKING:
    from torch import nn

    from energan.engine.game import Game
    from energan.engine.optimizers import Optimizer

Energy = Literal["l2", "ssq", "mse"]


def margin_in(energy: Energy, margin: float | None, *, norm: float, d: int) -> float:
    """The margin, or, where none was given, `norm` (in units of the l2 norm) converted to the energy's units."""
    from energan.losses.energy import convert_margin

    if margin is None:
        return convert_margin(norm, d, "l2", energy)
    positive(margin=margin)
    return margin


@dataclass(frozen=True, kw_only=True)
class EnergyOptions:
    """EBGAN's energy and hinge, and EBGAN-PT's pulling-away term."""

    margin: float | None = None
    """m of the hinge, in units of the energy; by default the recipe's own, in units of the norm."""
    energy: Energy = "l2"
    """l2 (the paper's norm), ssq (its square) or mse (its square per pixel)."""
    pt: float = 0.1
    """Weight of the pulling-away term; 0 is plain EBGAN."""

    @property
    def system(self) -> str:
        return "ebgan-pt" if self.pt else "ebgan"

    def checked(self, norm: float, d: int) -> float:
        """The margin, which is `norm` unless there is another; d: pixels of an image. UserError for what is none."""
        not_negative(pt=self.pt)
        return margin_in(self.energy, self.margin, norm=norm, d=d)

    def game(
        self, G: "nn.Module", D: "nn.Module", z: int, optimizer: "Optimizer", *, norm: float, d: int = 32 * 32
    ) -> "Game":
        """EBGAN, or EBGAN-PT where pt > 0; d: pixels of an image. The margin is `norm` unless there is another."""
        from energan.games.energy.ebgan import ebgan, ebgan_pt

        margin = self.checked(norm, d)
        if not self.pt:
            return ebgan(G, D, z, margin=margin, kind=self.energy, optimizer_G=optimizer, optimizer_D=optimizer)
        return ebgan_pt(
            G, D, z, margin=margin, pt=self.pt, kind=self.energy, optimizer_G=optimizer, optimizer_D=optimizer
        )


@dataclass(frozen=True, kw_only=True)
class EnergyClasses(Classes):
    """Classes to draw, of which an auto-encoder is told."""

    mismatch: float = 0.0
    """Weight of real images with a wrong class, whose energy D pushes up as it does a generated image's."""

    def game(
        self,
        asked: Asked,
        energies: EnergyOptions,
        G: "nn.Module",
        D: "nn.Module",
        z: int,
        optimizer: "Optimizer",
        *,
        norm: float,
        d: int = 32 * 32,
    ) -> "tuple[Game, str]":
        """The game and its name in GAMES: that of `energies`, or the conditional one where a class is asked for."""
        if asked.names:
            game = conditional_game(energies, G, D, z, optimizer, len(asked.names), self.mismatch, norm=norm, d=d)
            return game, "conditional-ebgan"
        not_negative(mismatch=self.mismatch)
        if self.mismatch:
            raise UserError("`mismatch` is a weight of wrong classes, and none are drawn: give `classes`, too")
        return energies.game(G, D, z, optimizer, norm=norm, d=d), energies.system


def conditional_game(
    energies: EnergyOptions,
    G: "nn.Module",
    D: "nn.Module",
    z: int,
    optimizer: "Optimizer",
    classes: int,
    mismatch: float,
    *,
    norm: float,
    d: int = 32 * 32,
) -> "Game":
    """Conditional EBGAN, or EBGAN-PT where pt > 0, of a D that is told the class."""
    from energan.games.conditional.conditional_ebgan import conditional_ebgan

    not_negative(mismatch=mismatch)
    return conditional_ebgan(
        G, D, z, classes, margin=energies.checked(norm, d), pt=energies.pt, mismatch=mismatch, kind=energies.energy,
        optimizer_G=optimizer, optimizer_D=optimizer,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ConvPair:
    """DCGAN's G, and the auto-encoder of appendix C as D."""

    z: int = 100
    """Dimensions of the noise."""
    width: int = 32
    """Feature maps of the widest resolution; less is faster."""

    def build(
        self, training: Training, asked: Asked = NOBODY, *, channels: int = 1, size: "int | tuple[int, int]" = 32
    ) -> "tuple[nn.Module, nn.Module]":
        from energan.networks.conv import autoencoder, dcgan

        positive(z=self.z, width=self.width)
        with training.seeded():
            G = asked.generator(lambda k: dcgan.Generator(self.z + k, channels=channels, size=size, width=self.width))
            side = size if isinstance(size, int) else min(size)
            maps = [self.width * 2**i for i in range(3 if side <= 64 else 4)]  # the paper's depths, at 64 and 128
            return G, autoencoder.Autoencoder(channels=channels, maps=maps, classes=len(asked.names))


def ebgan_pt_mnist(
    *,
    data: Data = "mnist",
    networks: ConvPair = ConvPair(),
    energies: EnergyOptions = EnergyOptions(),
    classes: EnergyClasses = EnergyClasses(),
    adam: DecayingAdam = DecayingAdam(lr=1e-3),
    training: AlternatingTraining = AlternatingTraining(steps=5500, batch=32, save_every=500, ema=0.999),
) -> Experiment:
    """A convolutional EBGAN-PT that draws digits within minutes on two cores: the demo.

    The default margin is 16 of the norm, chosen by experiment (the paper's grid
    search has 10).
    """
    asked, prepare = classes.asked(data, padded_digits, training.value_range)
    G, D = networks.build(training, asked)
    game, system = classes.game(asked, energies, G, D, networks.z, adam.optimizer(training.steps), norm=16.0)
    return asked.shown(experiment(game, system, data, prepare, training), padded_digits)


def ebgan_mnist(
    *,
    data: Data = "mnist",
    z: int = 100,
    layers_g: int = 5,
    size_g: int = 800,
    layers_d: int = 2,
    size_d: int = 1024,
    dropout_d: float = 0.0,
    code: Literal["pre", "post"] = "pre",
    lr: LearningRate = 1e-3,
    energies: EnergyOptions = EnergyOptions(pt=0.0),
    training: AlternatingTraining = AlternatingTraining(steps=20000, batch=128, save_every=1000),
) -> Experiment:
    """The paper's best fully connected EBGAN on MNIST, figure 4 (b); with --pt 0.1 its EBGAN-PT, figure 4 (c).

    The paper states neither how many steps, nor the batch. The default margin is
    the paper's 10 of the norm.

    Args:
        z: Dimensions of the noise (not stated in the paper).
        layers_g: Weight layers of the generator, nLayerG.
        size_g: Units of its hidden layers, sizeG.
        layers_d: Weight layers of encoder and decoder together, nLayerD.
        size_d: Units of the encoder's layers, sizeD.
        dropout_d: Dropout rate of the encoder's hidden layers (the paper tried with and without; no rate stated).
        code: What the pulling-away term sees: the code before or after its ReLU.
    """
    from energan.engine.optimizers import Adam
    from energan.networks.dense import mlp

    positive(z=z, layers_g=layers_g, size_g=size_g, size_d=size_d, lr=lr)
    at_least(2, layers_d=layers_d)
    fraction(dropout_d=dropout_d)
    image = (1, 32, 32)
    with training.seeded():
        G = mlp.Generator(z, image, layers=layers_g, size=size_g)
        D = mlp.Autoencoder(image, layers=layers_d, size=size_d, dropout=dropout_d, code=code)
    game = energies.game(G, D, z, Adam(lr), norm=10.0)
    return experiment(game, energies.system, data, padded_digits, training)
