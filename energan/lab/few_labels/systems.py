"""The classifiers of the few-labels study: their authors' settings, schedules scaled to `steps`.

Rates of `ln` and `ebgan-ln` are ours, for some thousand steps: docs/results/few-labels.md says how they were chosen.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from jaxtyping import UInt8
from torch import Tensor

from energan.data.batches.images import random_images
from energan.engine.game import Game
from energan.engine.optimizers import Adam, linear_decay_last
from energan.games.semi_supervised.ebgan_ln import ebgan_ln
from energan.games.semi_supervised.improved_gan import improved_gan_ssl
from energan.games.semi_supervised.ladder import ladder
from energan.networks.dense import improved_gan, mlp
from energan.networks.dense.ladder import Ladder

Z = 100


class Task(NamedTuple):
    """The task of a classifier. shape: of an image; labels: how many there are; hidden: units of D's layers."""

    shape: tuple[int, int, int]
    classes: int
    labels: int
    steps: int
    hidden: tuple[int, ...]

    @property
    def sizes(self) -> tuple[int, ...]:
        c, h, w = self.shape
        return (c * h * w, *self.hidden, self.classes)


class Rates(NamedTuple):
    """Adam's learning rates of both players; a ladder alone has no G."""

    D: float
    G: float = 0.0


class System(NamedTuple):
    """A classifier of the study.

    game       (task, rates) -> a game
    rates      where the study does not set others
    about      in the table
    published  errors in % by the number of labels, as their authors print them
    ema        decay of D's averaged weights, by the number of steps
    length     its number of steps, in units of the study's
    paper      the authors' rates, where ours are others
    """

    game: Callable[[Task, Rates], Game]
    rates: Rates
    about: str
    published: dict[int, str]
    ema: Callable[[int], float] = lambda steps: 0.0
    length: float = 1.0
    paper: Rates | None = None


def _adam(task: Task, lr: float, beta1: float = 0.9) -> Adam:
    """Flat for two thirds of the steps, then linearly to 0: as both the ladder's and EBGAN's authors have it."""
    return Adam(lr, beta1, schedule=linear_decay_last(1 / 3, task.steps))


def _ladder(task: Task, rates: Rates, costs: str) -> Game:
    """Rasmus et al.: with 1,000 labels lambda is twice (full) or two fifths (bottom) as large, and sigma 0.2 (full)."""
    many = task.labels >= 1000
    lambdas: str | tuple[float, ...] = costs
    if many and costs == "full":
        lambdas = (2000.0, 20.0, *[0.1] * (len(task.sizes) - 2))
    if many and costs == "bottom":
        lambdas = (2000.0, *[0.0] * (len(task.sizes) - 1))
    if many and costs == "gamma":
        lambdas = (*[0.0] * (len(task.sizes) - 1), 10.0)
    sigma = 0.2 if many and costs == "full" else None
    return ladder(Ladder(task.sizes), costs=lambdas, sigma=sigma, optimizer_D=_adam(task, rates.D))


def _ln(task: Task, rates: Rates, gain: bool = False) -> Game:
    """Zhao et al., the ladder that EBGAN-LN is compared with: bottom cost, 1000 / 784 of the squared error, and "BN
    without gamma" of the logits, too.
    """
    lambdas = (1000.0 / 784 * task.sizes[0], *[0.0] * (len(task.sizes) - 1))
    return ladder(Ladder(task.sizes, gain=gain), costs=lambdas, optimizer_D=_adam(task, rates.D, 0.5))


def _ebgan_ln(task: Task, rates: Rates, gain: bool = False, corrupted: bool = True, scaled: bool = True) -> Game:
    """Zhao et al.: margin 16 for 784 pixels, to 0 over the first third, then G is off."""
    G = mlp.Generator(Z, task.shape, layers=3, size=500)
    return ebgan_ln(
        G, Ladder(task.sizes, gain=gain), Z, margin=16 / 784 * task.sizes[0], switch=task.steps // 3,
        corrupted=corrupted, scaled=scaled,
        optimizer_G=_adam(task, rates.G, 0.5), optimizer_D=_adam(task, rates.D, 0.5),
    )  # fmt: skip


def _improved_gan(task: Task, rates: Rates) -> Game:
    """Salimans et al., feature matching; `by_data` initialises D."""
    G, D = improved_gan.Generator(Z, task.shape), improved_gan.Discriminator(task.sizes)
    for_D, for_G = (Adam(lr, beta1=0.5, eps=1e-4) for lr in rates)
    return improved_gan_ssl(G, D, Z, optimizer_G=for_G, optimizer_D=for_D)


def by_data(game: Game, images: UInt8[Tensor, "n c h w"]) -> None:
    """Initialises an improved GAN's D by 500 images; of another game, nothing."""
    D = game.players["D"].net
    if isinstance(D, improved_gan.Discriminator):
        improved_gan.by_images(D, random_images(images, improved_gan.FIRST))


LADDER = Rates(2e-3)
LN = System(
    _ln,
    Rates(8e-3),
    "ladder of EBGAN's authors",
    {100: "1.36 ± 0.21", 200: "1.24 ± 0.09", 1000: "1.04 ± 0.06"},
    paper=Rates(2e-4),
)
EBGAN_LN = System(
    _ebgan_ln,
    Rates(8e-3, 6e-5),
    "EBGAN-LN",
    {100: "1.04 ± 0.12", 200: "0.99 ± 0.12", 1000: "0.89 ± 0.04"},
    length=180_000 / 120_000,  # as many without G as its ladder has
    paper=Rates(5e-4, 2.5e-4),
)

SYSTEMS: dict[str, System] = {
    "full": System(
        partial(_ladder, costs="full"), LADDER, "ladder, all costs", {100: "1.06 ± 0.37", 1000: "0.84 ± 0.08"}
    ),
    "bottom": System(
        partial(_ladder, costs="bottom"), LADDER, "ladder, bottom cost", {100: "1.09 ± 0.32", 1000: "0.90 ± 0.05"}
    ),
    "gamma": System(
        partial(_ladder, costs="gamma"), LADDER, "ladder, top cost", {100: "3.06 ± 1.44", 1000: "1.53 ± 0.10"}
    ),
    "supervised": System(
        partial(_ladder, costs="none"), LADDER, "no unlabelled images", {100: "21.74 ± 1.77", 1000: "5.70 ± 0.20"}
    ),
    "ln": LN,
    "improved-gan": System(
        _improved_gan,
        Rates(3e-3, 3e-3),
        "improved GAN, feature matching",
        {20: "16.77 ± 4.52", 50: "2.21 ± 1.36", 100: "0.93 ± 0.065", 200: "0.90 ± 0.042"},
        ema=lambda steps: min(0.9999, max(0.0, 1 - 10 / steps)),  # at full length the authors'
    ),
    "ebgan-ln": EBGAN_LN,
    # what the paper leaves open (games/semi_supervised/ebgan_ln.py), read otherwise
    "ln-gain": LN._replace(game=partial(_ln, gain=True), about="ln, logits with a gain", published={}),
    "ebgan-ln-gain": EBGAN_LN._replace(
        game=partial(_ebgan_ln, gain=True), about="EBGAN-LN, logits with a gain", published={}
    ),
    "ebgan-ln-clean": EBGAN_LN._replace(
        game=partial(_ebgan_ln, corrupted=False), about="EBGAN-LN, samples without noise", published={}
    ),
    "ebgan-ln-unscaled": EBGAN_LN._replace(
        game=partial(_ebgan_ln, scaled=False), about="EBGAN-LN, lambda not on samples", published={}
    ),
}
