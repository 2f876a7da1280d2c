"""The ladder network: a classifier from few labels (arXiv:1507.02672)."""

from typing import Literal

from energan.experiment import Experiment
from energan.recipes.common import Data, LearningRate, Training, decayed, experiment
from energan.recipes.semi_supervised.labelled_data import HIDDEN, FewLabels, usable_augmentations, usable_layers
from energan.utils.checks import not_negative, positive

Costs = Literal["full", "bottom", "gamma", "none"]
Combinator = Literal["gaussian", "sigmoid", "amlp"]


def ladder_mnist(
    *,
    data: Data = "mnist",
    costs: Costs = "full",
    sigma: float | None = None,
    sigma_x: float = 0.3,
    hidden: tuple[int, ...] = HIDDEN,
    combinator: Combinator = "gaussian",
    lr: LearningRate = 2e-3,
    decay: float = 1 / 3,
    augment: tuple[str, ...] = (),
    labelled: FewLabels = FewLabels(),
    training: Training = Training(steps=3000, batch=100, save_every=250),
) -> Experiment:
    """A ladder network: a classifier from few labels that denoises its layers; with --costs none, the baseline.

    A step is one turn of D; the paper has 90,000 steps.

    Args:
        costs: Of denoising: full, bottom (pixels alone), gamma (the top alone), none (the supervised baseline).
        sigma: Standard deviation of the noise in each layer; by default the paper's 0.3, and 0.5 with --costs none.
        sigma_x: That of the noise on the input, in pixels of [0, 1].
        hidden: Units of the hidden layers.
        combinator: Of a layer with what is above it: gaussian (the paper's), sigmoid or amlp.
        decay: Share of the steps, the last ones, over which the learning rate falls linearly to 0.
        augment: Change images otherwise each time they are shown: colour, translation, cutout.
    """
    from energan.engine.optimizers import Adam
    from energan.games.semi_supervised.ladder import ladder
    from energan.networks.dense.ladder import Ladder

    prepare = labelled.prepare()
    usable_augmentations(augment)
    positive(lr=lr)
    not_negative(sigma=sigma or 0.0, sigma_x=sigma_x)
    usable_layers(hidden)
    with training.seeded():
        D = Ladder((labelled.pixels, *hidden, labelled.classes), combinator=combinator)
    adam = Adam(lr, schedule=decayed(training.steps, decay))
    game = ladder(D, costs=costs, sigma=sigma, sigma_x=sigma_x, optimizer_D=adam)
    run = labelled.applied(experiment(game, "ladder", data, prepare, training, network=""))
    return run._replace(augment=tuple(augment))
