"""Ladder networks, classifiers from few labels: alone, and as the discriminator of an EBGAN (EBGAN-LN)."""

from typing import TYPE_CHECKING, Literal

from energan.networks.dense.ladder import HIDDEN
from energan.recipes.common import Precision, decayed, run
from energan.recipes.flag_docs import documented
from energan.recipes.semi_supervised.labelled_data import few_labels
from energan.utils.checks import not_negative, positive, usable_seed

if TYPE_CHECKING:
    from energan.experiment import Experiment
    from energan.networks.dense.ladder import Ladder


@documented
def ladder_mnist(
    *,
    data: str = "mnist",
    labels: int = 100,
    label_seed: int = 0,
    labels_csv: str = "",
    test: str = "",
    classes: int = 10,
    size: int = 28,
    channels: int = 1,
    steps: int = 3000,
    batch: int = 100,
    seed: int = 0,
    save_every: int = 250,
    costs: Literal["full", "bottom", "gamma", "none"] = "full",
    sigma: float | None = None,
    sigma_x: float = 0.3,
    hidden: tuple[int, ...] = HIDDEN,
    combinator: Literal["gaussian", "sigmoid", "amlp"] = "gaussian",
    lr: float = 2e-3,
    decay: float = 1 / 3,
    precision: Precision = "auto",
    device: str = "auto",
    compile: bool = False,
) -> "Experiment":
    """A ladder network: a classifier from few labels that denoises its layers; with --costs none, the baseline.

    Args:
        steps: Training steps, each one turn of D; the paper has 90,000.
        costs: Of denoising: full, bottom (pixels alone), gamma (the top alone), none (the supervised baseline).
        sigma: Standard deviation of the noise in each layer; by default the paper's 0.3, and 0.5 with --costs none.
        sigma_x: That of the noise on the input, in pixels of [0, 1].
        hidden: Units of the hidden layers.
        combinator: Of a layer with what is above it: gaussian (the paper's), sigmoid or amlp.
        lr: Adam's learning rate.
    """
    from energan.engine.optimizers import Adam
    from energan.engine.rng import seeded
    from energan.games.catalog import GAMES

    prepare = few_labels(labels, label_seed, classes, labels_csv, size, channels)
    positive(lr=lr)
    not_negative(sigma=sigma or 0.0, sigma_x=sigma_x)
    usable_seed(seed)
    with seeded(seed):
        D = _ladder(size * size * channels, hidden, classes, combinator, gain=True)
    adam = Adam(lr, schedule=decayed(steps, decay))
    game = GAMES["ladder"](D, costs=costs, sigma=sigma, sigma_x=sigma_x, optimizer_D=adam)
    return run(
        game, "ladder", data, prepare, steps=steps, batch=batch, seed=seed, save_every=save_every,
        ema=0.0, network="", precision=precision, device=device, compile=compile,
    )._replace(test=test)  # fmt: skip


def _ladder(
    d: int, hidden: tuple[int, ...], classes: int, combinator: Literal["gaussian", "sigmoid", "amlp"], *, gain: bool
) -> "Ladder":
    from energan.networks.dense.ladder import Ladder

    for width in hidden:
        positive(hidden=width)
    return Ladder((d, *hidden, classes), combinator=combinator, gain=gain)
