"""Detectors of anomalies on images of one's own: auto-encoders of pixels, and of a frozen network's features.

Neither draws. What they are for is `energan score`, and `energan detect`, which trains one of them.
"""

from functools import partial
from typing import TYPE_CHECKING

from energan.experiment import Experiment
from energan.recipes.common import AdamOptions, Calibration, Training, experiment, with_calibration
from energan.recipes.energy.ebgan import Energy
from energan.recipes.image_options import Pictures, Views
from energan.utils.checks import at_least, positive
from energan.utils.errors import UserError
from energan.utils.specification import named

if TYPE_CHECKING:
    from energan.data import ImageSet
    from energan.engine.game import Game
    from energan.networks.conv.feature_autoencoder import Features

LAYERS = 3  # of the encoder, each of which halves the image


def autoencoder(
    data: Pictures,
    *,
    size: int = 64,
    width: int = 32,
    energy: Energy = "l2",
    calibration: Calibration = 0.0,
    adam: AdamOptions = AdamOptions(lr=1e-3, beta1=0.9),
    views: Views = Views(),
    training: Training = Training(steps=2000, batch=64, save_every=500),
) -> Experiment:
    """EBGAN's auto-encoder alone, on images of any size: its energy says which images are unusual, and where.

    Args:
        size: Pixels a side, a multiple of 8.
        width: Feature maps of the widest resolution; less is faster.
        energy: l2 (the paper's norm), ssq (its square) or mse (its square per pixel).
    """
    from energan.games.energy.autoencoder import autoencoder as game_of
    from energan.networks.conv.autoencoder import Autoencoder

    at_least(2, size=size)
    positive(width=width)
    if size % 2**LAYERS:
        raise UserError(f"`size` must be a multiple of {2**LAYERS}, got {size}")
    with training.seeded():
        D = Autoencoder(channels=views.channels, maps=[width * 2**i for i in range(LAYERS)])
    game = game_of(D, kind=energy, optimizer_D=adam.optimizer(training.steps))
    return _detector(game, "autoencoder", data, size, calibration, views, training)


def feature_autoencoder(
    data: Pictures,
    *,
    size: int = 128,
    side: int = 128,
    code: int = 32,
    worst: float = 0.05,
    calibration: Calibration = 0.0,
    adam: AdamOptions = AdamOptions(lr=1e-3, beta1=0.9),
    views: Views = Views(),
    training: Training = Training(steps=1000, batch=16, save_every=250),
) -> Experiment:
    """An auto-encoder of MobileNetV2's features (DFR): sees odd textures and parts where pixels are blind.

    Args:
        size: Pixels a side that images are loaded with, and that maps have.
        side: Pixels that MobileNetV2 sees, a multiple of 16; ImageNet's 224 take three times as long as 128.
        code: Numbers that the auto-encoder keeps of the 120 features of a place.
        worst: Share of the places, those with the largest error, whose mean is an image's energy.
    """
    from energan.games.energy.feature_autoencoder import feature_autoencoder as game_of
    from energan.networks.conv.feature_autoencoder import Autoencoder, Features

    at_least(2, size=size)
    positive(code=code)
    if not 0 < worst <= 1:
        raise UserError(f"`worst` is a share of the places, above 0 and at most 1, got {worst:g}")
    with training.seeded():
        F, D = Features(side), Autoencoder(code=code)
    game = game_of(F, D, worst=worst, optimizer_D=adam.optimizer(training.steps))
    made = _detector(game, "feature-autoencoder", data, size, calibration, views, training)
    return made._replace(initialise=partial(_prepare, F))


def _detector(
    game: "Game", system: str, data: str, size: int, calibration: float, views: Views, training: Training
) -> Experiment:
    from energan.data.diffaugment import numbers

    numbers(views.augment)  # refuses what is no augmentation
    made = views.shown(experiment(game, system, data, views.prepare(size), training, ""), size)
    return with_calibration(made, calibration)


@named
def _prepare(net: "Features", data: "ImageSet") -> None:
    """ImageNet's weights, and what is usual of the training images' features."""
    from energan.networks.conv.feature_autoencoder import prepare

    prepare(net, data.images)
