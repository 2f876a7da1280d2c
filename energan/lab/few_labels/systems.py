"""The classifiers of the few-labels study: their authors' settings, schedules scaled to `steps`.

Rates that the authors chose for far longer runs (ln, ebgan-ln, improved-gan) are ours for some thousand steps
(docs/results/few-labels.md says how they were chosen).
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


class System(NamedTuple):
    """game(task, lr) -> a game; lr: D's, where the study does not set another; ema: decay of D's averaged weights.

    about: in the table. published: errors in % by the number of labels, as their authors print them.
    """

    game: Callable[[Task, float], Game]
    lr: float
    about: str
    published: dict[int, str]
    ema: Callable[[int], float] = lambda steps: 0.0


def _adam(task: Task, lr: float, beta1: float = 0.9) -> Adam:
    """Flat for two thirds of the steps, then linearly to 0: as both the ladder's and EBGAN's authors have it."""
    return Adam(lr, beta1, schedule=linear_decay_last(1 / 3, task.steps))


def _ladder(task: Task, lr: float, costs: str) -> Game:
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
    return ladder(Ladder(task.sizes), costs=lambdas, sigma=sigma, optimizer_D=_adam(task, lr))


def _ln(task: Task, lr: float, gain: bool = True) -> Game:
    """Zhao et al., the ladder that EBGAN-LN is compared with: bottom cost, 1000 / 784 of the squared error."""
    lambdas = (1000.0 / 784 * task.sizes[0], *[0.0] * (len(task.sizes) - 1))
    return ladder(Ladder(task.sizes, gain=gain), costs=lambdas, optimizer_D=_adam(task, lr, 0.5))


def _ebgan_ln(task: Task, lr: float, gain: bool = True, corrupted: bool = True, scaled: bool = True) -> Game:
    """Zhao et al.: margin 16 for 784 pixels, to 0 over the first third, then G is off; G has half of D's rate."""
    G = mlp.Generator(Z, task.shape, layers=3, size=500)
    return ebgan_ln(
        G, Ladder(task.sizes, gain=gain), Z, margin=16 / 784 * task.sizes[0], switch=task.steps // 3,
        corrupted=corrupted, scaled=scaled,
        optimizer_G=_adam(task, lr / 2, 0.5), optimizer_D=_adam(task, lr, 0.5),
    )  # fmt: skip


def _improved_gan(task: Task, lr: float) -> Game:
    """Salimans et al., feature matching; `by_data` initialises D."""
    G, D = improved_gan.Generator(Z, task.shape), improved_gan.Discriminator(task.sizes)
    adam = Adam(lr, beta1=0.5, eps=1e-4)
    return improved_gan_ssl(G, D, Z, optimizer_G=adam, optimizer_D=adam)


def by_data(game: Game, images: UInt8[Tensor, "n c h w"]) -> None:
    """Initialises an improved GAN's D by 500 images; of another game, nothing."""
    D = game.players["D"].net
    if isinstance(D, improved_gan.Discriminator):
        improved_gan.by_images(D, random_images(images, improved_gan.FIRST))


SYSTEMS: dict[str, System] = {
    "full": System(
        partial(_ladder, costs="full"), 2e-3, "ladder, all costs", {100: "1.06 ± 0.37", 1000: "0.84 ± 0.08"}
    ),
    "bottom": System(
        partial(_ladder, costs="bottom"), 2e-3, "ladder, bottom cost", {100: "1.09 ± 0.32", 1000: "0.90 ± 0.05"}
    ),
    "gamma": System(
        partial(_ladder, costs="gamma"), 2e-3, "ladder, top cost", {100: "3.06 ± 1.44", 1000: "1.53 ± 0.10"}
    ),
    "supervised": System(
        partial(_ladder, costs="none"), 2e-3, "no unlabelled images", {100: "21.74 ± 1.77", 1000: "5.70 ± 0.20"}
    ),
    "ln": System(_ln, 2e-3, "ladder of EBGAN's authors", {100: "1.36 ± 0.21", 200: "1.24 ± 0.09", 1000: "1.04 ± 0.06"}),
    "improved-gan": System(
        _improved_gan,
        3e-4,
        "improved GAN, feature matching",
        {20: "16.77 ± 4.52", 50: "2.21 ± 1.36", 100: "0.93 ± 0.065", 200: "0.90 ± 0.042"},
        ema=lambda steps: min(0.9999, max(0.0, 1 - 10 / steps)),  # at full length the authors'
    ),
    "ebgan-ln": System(_ebgan_ln, 2e-3, "EBGAN-LN", {100: "1.04 ± 0.12", 200: "0.99 ± 0.12", 1000: "0.89 ± 0.04"}),
    # what the paper leaves open (games/ebgan_ln.py), read otherwise
    "ln-no-gain": System(partial(_ln, gain=False), 2e-3, "ln, logits without a gain", {}),
    "ebgan-ln-no-gain": System(partial(_ebgan_ln, gain=False), 2e-3, "EBGAN-LN, logits without a gain", {}),
    "ebgan-ln-clean": System(partial(_ebgan_ln, corrupted=False), 2e-3, "EBGAN-LN, samples without noise", {}),
    "ebgan-ln-unscaled": System(partial(_ebgan_ln, scaled=False), 2e-3, "EBGAN-LN, lambda not on samples", {}),
}
