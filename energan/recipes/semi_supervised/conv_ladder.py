"""A convolutional ladder: a classifier from few labels, of small pictures (arXiv:1507.02672, section 4.2)."""

from typing import Literal

from energan.experiment import Experiment
from energan.recipes.common import LearningRate, Training, decayed, experiment
from energan.recipes.image_options import Pictures
from energan.recipes.semi_supervised.labelled_data import FewLabels, usable_augmentations
from energan.recipes.semi_supervised.ladder import Combinator
from energan.utils.checks import at_least, not_negative, positive

LEAST = 8  # networks.conv.ladder.LEAST, which needs torch


def conv_ladder_32(
    *,
    data: Pictures,
    costs: Literal["gamma", "bottom", "none"] = "gamma",
    weight: float | None = None,
    sigma: float = 0.3,
    sigma_x: float = 0.3,
    width: int = 32,
    combinator: Combinator = "gaussian",
    lr: LearningRate = 2e-3,
    decay: float = 1 / 3,
    augment: tuple[str, ...] = (),
    labelled: FewLabels = FewLabels(labels=0, classes=2, size=32, channels=3),
    training: Training = Training(steps=1000, batch=50, save_every=250),
) -> Experiment:
    """A convolutional ladder network (Conv-Small): a classifier from few labels, of pictures of 32 to 64 pixels a side.

    A step is one turn of D.

    Args:
        costs: Of denoising: gamma (the top alone, as the authors have it), bottom (pixels alone), none (labels alone).
        weight: Of that cost; by default the fully connected ladder's, 0.5 of gamma and 5000 of bottom.
        sigma: Standard deviation of the noise in each layer.
        sigma_x: That of the noise on the input, in pixels of [0, 1].
        width: Maps of the first layer; the others' are in proportion. Time grows with its square.
        combinator: Of a layer with what is above it: gaussian (the paper's), sigmoid or amlp.
        decay: Share of the steps, the last ones, over which the learning rate falls linearly to 0.
        augment: Change images otherwise each time they are shown: colour, translation, cutout.
    """
    from energan.engine.optimizers import Adam
    from energan.games.semi_supervised.ladder import COSTS, ladder
    from energan.networks.conv.ladder import ConvLadder

    prepare = labelled.prepare()
    usable_augmentations(augment)
    at_least(LEAST, size=labelled.size)
    positive(lr=lr, width=width)
    not_negative(sigma=sigma, sigma_x=sigma_x, weight=weight or 0.0)
    image = (labelled.channels, labelled.size)
    with training.seeded():
        D = ConvLadder(image, labelled.classes, width=width, decoder=costs == "bottom", combinator=combinator)
    own = weight if weight is not None else COSTS[costs][-1 if costs == "gamma" else 0]
    others = (0.0,) * (len(D.sizes) - 1)
    lambdas = {"gamma": (*others, own), "bottom": (own, *others), "none": (*others, 0.0)}[costs]
    adam = Adam(lr, schedule=decayed(training.steps, decay))
    game = ladder(D, costs=lambdas, sigma=sigma, sigma_x=sigma_x, optimizer_D=adam)
    run = labelled.applied(experiment(game, "ladder", data, prepare, training, network=""))
    return run._replace(augment=tuple(augment))
