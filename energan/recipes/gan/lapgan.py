"""LAPGAN on digits, and on images of 64 x 64 (arXiv:1506.05751). Defaults are for minutes, or hours, on two cores."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from energan.experiment import Experiment
from energan.recipes.classes import NOBODY, Asked, Classes
from energan.recipes.common import Data, DecayingAdam, GeneratorTraining, experiment, resized
from energan.recipes.image_options import Pictures, Views
from energan.utils.checks import at_least, fraction, positive
from energan.utils.errors import UserError

if TYPE_CHECKING:
    from energan.engine.game import Game


@dataclass(frozen=True, kw_only=True)
class Pyramid:
    """The pyramid's levels and their nets."""

    levels: int = 3
    """Levels of the pyramid, each of half the side of the one before: 28, 14 and 7 pixels are three; 1: a GAN."""
    z: int = 100
    """Dimensions of the coarsest level's noise, U(-1, 1); each other level's is one more plane of its images."""
    width: int = 16
    """Feature maps of the levels' convolutions (64 in the authors' code); less is faster."""
    size_g: int = 512
    """Units of the two hidden layers of the coarsest level's generator (8,000 in the authors' code)."""
    size_d: int = 512
    """Units of the two hidden layers of its discriminator (1,600 in the authors' code)."""
    dropout: float = 0.5
    """Dropout rate of all discriminators."""

    def sides(self, size: int) -> tuple[int, ...]:
        """The levels' sides in pixels, the finest first. UserError for levels that images of `size` do not have."""
        from energan.networks.conditional.lapgan import LEAST

        at_least(1, levels=self.levels)
        sides = [size]
        while sides[-1] % 2 == 0 and sides[-1] >= LEAST:
            sides.append(sides[-1] // 2)
        if self.levels > len(sides):
            raise UserError(
                f"`levels` is at most {len(sides)} for images of {size} pixels a side: each level halves the side, and "
                f"all but the coarsest need {LEAST} pixels or more; got {self.levels}"
            )
        return tuple(sides[: self.levels])

    def game(
        self,
        training: GeneratorTraining,
        adam: DecayingAdam,
        *,
        size: int,
        channels: int,
        asked: Asked = NOBODY,
    ) -> "Game":
        """The game, on new nets, told the classes that are asked for. UserError for settings that cannot be used."""
        from energan.engine.noise import uniform
        from energan.games.conditional.conditional import conditional
        from energan.games.gan.lapgan import lapgan
        from energan.networks.conditional import lapgan as nets

        positive(z=self.z, width=self.width, size_g=self.size_g, size_d=self.size_d)
        fraction(dropout=self.dropout)
        if asked.embedding:
            raise UserError("`embedding` is not LAPGAN's, whose levels make a plane of a class: leave it out")
        *fine, coarse = self.sides(size)
        classes, shape = len(asked.names), (channels, coarse, coarse)
        with training.seeded():
            G = [nets.Generator(s, channels=channels, width=self.width, classes=classes) for s in fine]
            D = [
                nets.Discriminator(s, channels=channels, width=self.width, dropout=self.dropout, classes=classes)
                for s in fine
            ]
            smallest = nets.CoarseGenerator(self.z, shape, size=self.size_g, classes=classes)
            critic = nets.CoarseDiscriminator(shape, size=self.size_d, dropout=self.dropout, classes=classes)
        noise = (*(uniform(1, s, s) for s in fine), uniform(self.z))
        optimizer = adam.optimizer(training.steps)
        game = lapgan((*G, smallest), (*D, critic), noise, optimizer_G=optimizer, optimizer_D=optimizer)
        return conditional(game, classes, tuple(game.players)) if classes else game


def lapgan_mnist(
    *,
    data: Data = "mnist",
    pyramid: Pyramid = Pyramid(),
    classes: Classes = Classes(),
    adam: DecayingAdam = DecayingAdam(lr=1e-3),
    training: GeneratorTraining = GeneratorTraining(steps=3000, batch=64, save_every=250, ema=0.999),
) -> Experiment:
    """LAPGAN: digits of 7 x 7 pixels, then what makes them 14 x 14, then 28 x 28, each by a GAN of its own.

    A step is one turn of every discriminator and one of every generator.
    """
    images = resized(28, 1)
    asked, prepare = classes.asked(data, images, training.value_range)
    game = pyramid.game(training, adam, size=28, channels=1, asked=asked)
    return _averaged(asked.shown(experiment(game, "lapgan", data, prepare, training), images), training)


def lapgan_64(
    data: Pictures,
    *,
    pyramid: Pyramid = Pyramid(levels=4, width=32, size_g=1024, size_d=1024),
    classes: Classes = Classes(),
    adam: DecayingAdam = DecayingAdam(lr=5e-4),
    views: Views = Views(),
    training: GeneratorTraining = GeneratorTraining(steps=20000, batch=64, save_every=1000, ema=0.999),
) -> Experiment:
    """LAPGAN on 64 x 64 images: 8 x 8 pixels first, then what makes them 16, 32 and 64, each by a GAN of its own.

    A step is one turn of every discriminator and one of every generator.
    """
    if views.augment:
        raise UserError("`augment` changes whole images, and LAPGAN's levels draw what is added to them: leave it out")
    asked, prepare = classes.asked(data, views.prepare(64), training.value_range, only=views.only)
    game = pyramid.game(training, adam, size=64, channels=views.channels, asked=asked)
    run = views.shown(experiment(game, "lapgan", data, prepare, training, "mobilenetv2"), 64)
    return _averaged(run, training)


def _averaged(run: Experiment, training: GeneratorTraining) -> Experiment:
    """The run, in which the weights of each level's generator are averaged."""
    return run._replace(ema={who: training.ema for who in run.game.players if who[0] == "G"} if training.ema else {})
