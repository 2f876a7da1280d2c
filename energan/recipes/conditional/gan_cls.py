"""Text to image: the four systems of arXiv:1605.05396, on digits that sentences describe, and on any captioned images.

The authors trained for 600 epochs at 64 x 64, with a learning rate of 2e-4; defaults on digits are for minutes on two
cores: there, 4,000 steps at 2e-4 drew blots in all four systems (one seed). Without the standardised codes of
networks/conditional/gan_cls.py, as many words were obeyed after 8,000 steps as with them after 2,500 (.75 and .74; one
seed).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import arg

from energan.experiment import Experiment
from energan.recipes.common import AdamOptions, AlternatingTraining, GeneratorTraining, experiment, resized
from energan.utils.checks import not_negative, positive
from energan.utils.specification import named

if TYPE_CHECKING:
    from energan.data import ImageSet
    from energan.data.batches.captioned import Encode
    from energan.engine.game import Game
    from energan.engine.optimizers import Adam
    from energan.networks.layers.bank import Bank
    from energan.networks.layers.condition import Standard

WIDTH = 384  # networks.text.minilm.WIDTH, which needs torch

Worded = Annotated[str, arg(help="worded-mnist, or your own images with captions.")]

Captioned = Annotated[str, arg(help="emoji-captions, icons-captions, or your own images with captions.")]


@dataclass(frozen=True, kw_only=True)
class TextOptions:
    """The nets, and how words come to them."""

    z: int = 100
    """Dimensions of the noise, N(0, I)."""
    width: int = 32
    """Feature maps of D's highest resolution, of which G has twice as many; less is faster."""
    together: int = 1
    """How many of an image's captions are averaged, others each time (4 in the authors' code)."""

    def build(
        self,
        make: "Callable[..., Game]",
        system: str,
        data: str,
        size: int,
        channels: int,
        optimizer: "Adam",
        training: GeneratorTraining,
        network: str,
    ) -> Experiment:
        """The experiment of a game of text at size x size, with the codes of sentences by MiniLM."""
        from energan.networks.conditional import gan_cls as networks
        from energan.networks.layers.bank import Bank
        from energan.networks.text.minilm import sentence_codes

        positive(z=self.z, width=self.width, together=self.together)
        with training.seeded():
            G = networks.Generator(self.z, WIDTH, channels=channels, size=size, width=self.width)
            D = networks.Discriminator(WIDTH, channels=channels, size=size, width=self.width)
        T = Bank(WIDTH)
        game = make(G, D, T, self.z, optimizer_G=optimizer, optimizer_D=optimizer)
        run = experiment(game, system, data, captioned(size, channels), training, network)
        return run._replace(
            initialise=partial(
                _measure_codes,
                T=T,
                standards=(G.standard, D.standard),
                encode=sentence_codes,
                together=self.together,
                seed=training.seed,
            ),
            sentences=(sentence_codes, self.together),
            prepare_any=resized(size, channels),  # to look at others' images takes no captions
        )


@dataclass(frozen=True, kw_only=True)
class HalvingAdam(AdamOptions):
    """Adam, whose learning rate is halved at equal distances."""

    halvings: int = 0
    """How often the learning rate is halved (every 100 of 600 epochs in the paper: 5)."""

    def optimizer(self, steps: int) -> "Adam":
        not_negative(halvings=self.halvings)
        adam = super().optimizer(steps)
        if not self.halvings:
            return adam
        from energan.engine.optimizers import halved

        return adam.with_settings(schedule=halved(self.halvings, steps))


@named
def _measure_codes(
    data: "ImageSet", T: "Bank", standards: "tuple[Standard, ...]", encode: "Encode", together: int, seed: int
) -> None:
    """T keeps codes of the training sentences, as batches have them; the nets standardise by these."""
    from energan.data.batches.captioned import Captioned
    from energan.data.batches.images import Batches

    batches = Captioned(Batches(data.images, None, 1, seed), data.captions, encode, together)
    codes = batches.typical(len(T.codes), seed)
    T.fill(codes)
    for standard in standards:
        standard.measure(codes)


@named
def _captioned(
    source: str, split: str, size: int, channels: int, value_range: tuple[float, float] | None = None
) -> "ImageSet":
    from energan.data import load

    return load(source, split, size=size, channels=channels, value_range=value_range, captions=True)


def captioned(size: int, channels: int) -> "Callable[[str, str], ImageSet]":
    """Images at size x size with their captions; those without are left out."""
    return partial(_captioned, size=size, channels=channels)


def gan_text_mnist(
    *,
    data: Worded = "worded-mnist",
    text: TextOptions = TextOptions(width=16),
    adam: HalvingAdam = HalvingAdam(lr=1e-3, halvings=2),
    training: AlternatingTraining = AlternatingTraining(steps=4000, batch=64, save_every=500, ema=0.99),
) -> Experiment:
    """GAN on worded digits, the baseline of text to image (arXiv:1605.05396): D is told the right words only."""
    from energan.games.conditional.gan_cls import gan_text

    return text.build(gan_text, "gan-text", data, 32, 3, adam.optimizer(training.steps), training, "")


def gan_cls_mnist(
    *,
    data: Worded = "worded-mnist",
    text: TextOptions = TextOptions(width=16),
    adam: HalvingAdam = HalvingAdam(lr=1e-3, halvings=2),
    training: AlternatingTraining = AlternatingTraining(steps=4000, batch=64, save_every=500, ema=0.99),
) -> Experiment:
    """GAN-CLS on worded digits (arXiv:1605.05396): D also learns from real images with wrong words."""
    from energan.games.conditional.gan_cls import gan_cls

    return text.build(gan_cls, "gan-cls", data, 32, 3, adam.optimizer(training.steps), training, "")


def gan_int_mnist(
    *,
    data: Worded = "worded-mnist",
    interpolation: float = 1.0,
    text: TextOptions = TextOptions(width=16),
    adam: HalvingAdam = HalvingAdam(lr=1e-3, halvings=2),
    training: AlternatingTraining = AlternatingTraining(steps=4000, batch=64, save_every=500, ema=0.99),
) -> Experiment:
    """GAN-INT on worded digits (arXiv:1605.05396): G also draws for words half-way between two sentences.

    Args:
        interpolation: Weight of images for words half-way between two sentences, in G's loss.
    """
    from energan.games.conditional.gan_cls import gan_int

    positive(interpolation=interpolation)
    make = partial(gan_int, interpolation=interpolation)
    return text.build(make, "gan-int", data, 32, 3, adam.optimizer(training.steps), training, "")


def gan_int_cls_mnist(
    *,
    data: Worded = "worded-mnist",
    interpolation: float = 1.0,
    text: TextOptions = TextOptions(width=16),
    adam: HalvingAdam = HalvingAdam(lr=1e-3, halvings=2),
    training: AlternatingTraining = AlternatingTraining(steps=4000, batch=64, save_every=500, ema=0.99),
) -> Experiment:
    """GAN-INT-CLS on worded digits (arXiv:1605.05396): wrong words for D, and words between sentences for G.

    Args:
        interpolation: Weight of images for words half-way between two sentences, in G's loss.
    """
    from energan.games.conditional.gan_cls import gan_int_cls

    positive(interpolation=interpolation)
    make = partial(gan_int_cls, interpolation=interpolation)
    return text.build(make, "gan-int-cls", data, 32, 3, adam.optimizer(training.steps), training, "")


def gan_int_cls_64(
    data: Captioned,
    *,
    interpolation: float = 1.0,
    channels: Literal[1, 3] = 3,
    text: TextOptions = TextOptions(width=64),
    adam: HalvingAdam = HalvingAdam(lr=2e-4, halvings=5),
    training: AlternatingTraining = AlternatingTraining(steps=50000, batch=64, save_every=1000),
) -> Experiment:
    """GAN-INT-CLS on 64 x 64 images with captions: the nets and settings of arXiv:1605.05396.

    Args:
        interpolation: Weight of images for words half-way between two sentences, in G's loss.
        channels: 3 for colour, 1 for grey.
    """
    from energan.games.conditional.gan_cls import gan_int_cls

    positive(interpolation=interpolation)
    make, optimizer = partial(gan_int_cls, interpolation=interpolation), adam.optimizer(training.steps)
    return text.build(make, "gan-int-cls", data, 64, channels, optimizer, training, "mobilenetv2")
