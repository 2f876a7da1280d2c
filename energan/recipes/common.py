"""What recipes share: the options of training and of Adam, and how images are brought into a network's shape.

Options that several recipes have are a dataclass, whose fields are flags; a field's docstring is the flag's help.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import arg

from energan.experiment import Experiment
from energan.recipes.classes import NOBODY, Asked
from energan.recipes.critic_options import PLAIN, CriticOptions
from energan.utils.checks import at_least, fraction, not_negative, positive, share, usable_seed
from energan.utils.errors import UserError
from energan.utils.hardware import Precision
from energan.utils.specification import named

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from torch import nn

    from energan.data import ImageSet
    from energan.engine.game import Game
    from energan.engine.optimizers import Adam, Schedule

# single options that many recipes have: types that bring their help
Data = Annotated[str, arg(help="mnist, fashion-mnist, digits, or your own images (folder, .zip, .npz, .parquet).")]
NoiseSize = Annotated[int, arg(help="Dimensions of the noise.")]
LearningRate = Annotated[float, arg(help="Adam's learning rate.")]
Calibration = Annotated[
    float, arg(help="Share of the images that is not trained on, to say which energies are usual; 0 for none.")
]


@dataclass(frozen=True, kw_only=True)
class Training:
    """The options that all recipes have."""

    steps: int
    """Number of steps. A step is one turn of D and one of G, unless the recipe says otherwise."""
    batch: int | Literal["auto"]
    """Images a turn; of `train` also auto, the fastest that memory allows."""
    save_every: int
    """Steps between checkpoints, sample sheets and energy histograms; metrics are measured every fourth time."""
    seed: int = 0
    """Seed of the weights, the noise and the order of the data."""
    precision: Precision = "auto"
    """bf16 (autocast), fp32, or auto (bf16 where the processor has units for it)."""
    device: str = "auto"
    """cpu, cuda, cuda:1, or auto."""
    compile: bool = False
    """Compile the objectives first (minutes on two cores)."""
    graph: Literal["auto", "on", "off"] = "auto"
    """Replay steps as CUDA graphs: auto (on a GPU, where a step can be captured), on (an error where not), off."""
    deterministic: bool = False
    """On a GPU, use algorithms that repeat their bits alone (slower)."""
    value_range: tuple[float, float] | None = None
    """What is black and what is white in images of more than 8 bits, as 0 4095; by default measured over all."""

    def seeded(self) -> "AbstractContextManager[None]":
        """A block in which random numbers depend on the seed alone. UserError for a seed that cannot be used."""
        from energan.engine.rng import seeded

        usable_seed(self.seed)
        return seeded(self.seed)

    @property
    def averages(self) -> dict[str, float]:
        """The decay of each player's averaged weights."""
        return {}


@dataclass(frozen=True, kw_only=True)
class GeneratorTraining(Training):
    """The options of recipes that average the weights of a generator called G."""

    ema: float = 0.0
    """Decay of the generator's averaged weights, which sampling uses; 0 for none (not in the paper)."""

    @property
    def averages(self) -> dict[str, float]:
        fraction(ema=self.ema)
        return {"G": self.ema} if self.ema else {}


@dataclass(frozen=True, kw_only=True)
class AlternatingTraining(GeneratorTraining):
    """The options of recipes whose generator moves in every second turn, after its critic.

    With five turns of a critic, as WGAN's, or random numbers in G's layers, as FastGAN's, sharing saves nothing.
    """

    share_samples: bool = False
    """Show G's turn the samples that D has just learned from: they are drawn once (faster; not in the paper)."""


def experiment(
    game: "Game",
    system: str,
    source: str,
    prepare: "Callable[[str, str], ImageSet]",
    training: Training,
    network: str = "mnist",
    least: int = 2,
) -> Experiment:
    """The Experiment of a game, GAMES[system]. UserError for options of training that cannot be used.

    least: images a batch; of one there are no batch statistics, and no pairs to pull away.
    """
    from energan.data.decoding.values import checked_range
    from energan.experiment import Experiment
    from energan.games.gan.variations import shared
    from energan.utils.hardware import pick_device, pick_precision

    if isinstance(training.batch, str):
        raise UserError("`batch` auto is for `energan train`; elsewhere it is a number")
    positive(steps=training.steps, save_every=training.save_every)
    at_least(least, batch=training.batch)
    usable_seed(training.seed)
    if isinstance(training, AlternatingTraining) and training.share_samples:
        game = shared(game)
    device = pick_device(training.device)
    return Experiment(
        game=game,
        system=system,
        source=source,
        prepare=prepare,
        steps=training.steps,
        batch=training.batch,
        seed=training.seed,
        save_every=training.save_every,
        network=network,
        ema=training.averages,
        precision=pick_precision(training.precision, device),
        device=device,
        compile=training.compile,
        graph=training.graph,
        deterministic=training.deterministic,
        value_range=checked_range(training.value_range),
    )


def with_calibration(experiment: Experiment, share: float) -> Experiment:
    """The experiment, which sets this share of its images apart. UserError for what is no share."""
    fraction(calibration=share)
    return experiment._replace(calibration=float(share))


@dataclass(frozen=True, kw_only=True)
class AdamOptions:
    """Adam, with a constant learning rate."""

    lr: float
    """Adam's learning rate of all players; where there is an --lr-d, of G alone."""
    beta1: float = 0.5
    """Adam's first moment."""

    def optimizer(self, steps: int) -> "Adam":
        """The optimizer of a run of so many steps. UserError for options that cannot be used."""
        from energan.engine.optimizers import Adam

        positive(lr=self.lr)
        fraction(beta1=self.beta1)
        return Adam(self.lr, self.beta1)


@dataclass(frozen=True, kw_only=True)
class AdamMoments(AdamOptions):
    """Adam, with both moments."""

    beta2: float = 0.9
    """Adam's second moment."""

    def optimizer(self, steps: int) -> "Adam":
        fraction(beta2=self.beta2)
        return super().optimizer(steps).with_settings(beta2=self.beta2)


@dataclass(frozen=True, kw_only=True)
class DecayingAdam(AdamOptions):
    """Adam, with a learning rate that falls at the end."""

    decay: float = 0.5
    """Share of the steps, the last ones, over which the learning rate falls linearly to 0 (not in the paper)."""

    def optimizer(self, steps: int) -> "Adam":
        return super().optimizer(steps).with_settings(schedule=decayed(steps, self.decay))


def decayed(steps: int, decay: float) -> "Schedule | None":
    """A learning rate that falls linearly to 0 over the last share of the steps; None where it does not fall."""
    from energan.engine.optimizers import linear_decay_last

    share(decay=decay)
    return linear_decay_last(decay, steps) if decay and steps > 0 else None


@dataclass(frozen=True, kw_only=True)
class DcganPair:
    """DCGAN's G, and its D, for 32 x 32 images."""

    z: int = 100
    """Dimensions of the noise."""
    width: int = 32
    """Feature maps of the widest resolution; less is faster."""

    def build(
        self,
        training: Training,
        asked: Asked = NOBODY,
        *,
        channels: int = 1,
        norm: bool = True,
        width_d: int | None = None,
        critics: CriticOptions = PLAIN,
    ) -> "tuple[nn.Module, nn.Module]":
        """G and D, checked, told the classes that are asked for. norm False: D without batch norm reads each image by
        itself.

        That D is WGAN-GP's critic, which takes 32 x 32 as it takes 28 x 28. D is as wide as G unless `width_d` says
        else. critics: what is added to D.
        """
        from energan.networks.conv import dcgan, wgan_gp

        width_d = self.width if width_d is None else width_d
        positive(z=self.z, width=self.width, width_d=width_d)
        with training.seeded():
            G = asked.generator(lambda k: dcgan.Generator(self.z + k, channels=channels, size=32, width=self.width))
            batch = training.batch
            if norm and critics.norm:
                plain = partial(dcgan.Discriminator, size=32, width=width_d)
                return G, critics.critic(asked, lambda k: plain(channels=k), channels, batch)
            return G, critics.critic(asked, lambda k: wgan_gp.Critic(channels=k, width=width_d), channels, batch)


@named
def padded_digits(
    source: str,
    split: str,
    channels: int = 1,
    value_range: tuple[float, float] | None = None,
    label: str = "",
) -> "ImageSet":
    """28 x 28 images, grey by default, zero-padded to 32 x 32 as in the paper's grid search (appendix D)."""
    from energan.data import load, pad
    from energan.data.decoding.fitting import check_channels

    check_channels(channels, most=3)
    return pad(load(source, split, size=28, channels=channels, label=label, value_range=value_range), 32)


@named
def _resized(
    source: str,
    split: str,
    size: "int | Sequence[int]",
    channels: int,
    centre: int,
    only: tuple[str, ...],
    value_range: tuple[float, float] | None = None,
    label: str = "",
) -> "ImageSet":
    from energan.data import load

    return load(
        source, split, size=size if isinstance(size, int) else (size[0], size[1]), channels=channels,
        centre=centre or None, only=only, label=label, value_range=value_range,
    )  # fmt: skip


def resized(
    size: "int | tuple[int, int]", channels: int, centre: int = 0, only: tuple[str, ...] = ()
) -> "Callable[[str, str], ImageSet]":
    """Any images at size x size, or of this height and width; `centre` and `only` as data.load has them (0: none)."""
    not_negative(centre=centre)
    return partial(_resized, size=size, channels=channels, centre=centre, only=tuple(only))
