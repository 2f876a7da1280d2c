"""Cells of the few-labels table: trains and measures the models of a system's label seeds."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from energan.data import ImageSet
from energan.data.batches.resident import resident
from energan.data.few_labels import LabelledBatches, balanced_subset
from energan.engine import Ensemble, Trainer
from energan.engine.game import Game
from energan.engine.rng import seeded
from energan.inference.snapshot import snapshots
from energan.lab.few_labels.systems import SYSTEMS, Rates, Task, by_data
from energan.lab.study import Observations, Study
from energan.utils.hardware import pick_device, pick_precision

CONTEST = ("D/E(u)", "D/E(G(z))", "D/margin", "D/active")  # what is kept of D's logs, while EBGAN-LN's G is on

Data = tuple[ImageSet, ImageSet]  # to train on, to test on


class Settings(NamedTuple):
    """The settings that all cells of the table share."""

    seeds: int
    steps: int
    batch: int
    hidden: tuple[int, ...]
    lr: float
    lr_g: float
    published: bool
    looks: int
    seed: int
    together: bool
    precision: Literal["auto", "bf16", "fp32"]
    device: str


class Cell(NamedTuple):
    system: str
    labels: int

    def rates(self, settings: Settings) -> Rates:
        """Of Adam: those that are set, else the system's own; a generator's own stands in a ratio to D's."""
        system = SYSTEMS[self.system]
        own = (settings.published and system.paper) or system.rates
        D = settings.lr or own.D
        return Rates(D, settings.lr_g or D * own.G / own.D)

    def steps(self, settings: Settings) -> int:
        """How many it is trained for."""
        return round(settings.steps * SYSTEMS[self.system].length)

    def build(self, seeds: Sequence[int], data: Data, settings: Settings) -> Trainer | Ensemble:
        """The cell's models of these label seeds: one, or all as one program. A seed is of the weights too."""
        train, _ = data
        sources, games, device = [], [], pick_device(settings.device)
        for seed in seeds:
            kept = balanced_subset(_labels(train), self.labels, classes=len(train.classes), seed=seed).labels
            batches = LabelledBatches(
                train.images, kept, classes=len(train.classes), labelled=settings.batch,
                unlabelled=settings.batch, seed=seed,
            )  # fmt: skip
            sources.append(resident(batches, device))
            games.append(self.game(seed, train, settings))
        decay = SYSTEMS[self.system].ema(self.steps(settings))
        if settings.together:
            return Ensemble(games, sources, seeds=seeds, device=device)
        return Trainer(
            games[0], sources[0], seed=seeds[0], precision=pick_precision(settings.precision, device), device=device,
            ema={"D": decay} if decay else {},
        )  # fmt: skip

    def game(self, seed: int, train: ImageSet, settings: Settings) -> Game:
        system = SYSTEMS[self.system]
        _, c, h, w = train.images.shape
        task = Task((c, h, w), len(train.classes), self.labels, self.steps(settings), settings.hidden)
        with seeded(seed):
            game = system.game(task, self.rates(settings))
            by_data(game, train.images)
        return game


def _labels(images: ImageSet) -> Tensor:
    assert images.labels is not None  # the study has looked
    return images.labels


def watch(player: Trainer | Ensemble, again: Callable[[], Trainer], data: Data, batch: int) -> Mapping[str, Tensor]:
    """predicted (models, n): the class of each test image; error (models,): the share that is wrong, in %."""
    train, test = data
    models = snapshots(player, lambda i: again(), train.images, batch)
    predicted = torch.stack([model.probabilities(test.images).argmax(1) for model in models])
    return {"predicted": predicted.to(torch.uint8), "error": 100 * (predicted != _labels(test)).double().mean(1)}


def play(s: Study, cell: Cell, data: Data, settings: Settings, mine: Callable[[], bool]) -> Observations | None:
    """The measurements of all seeds of a cell, (looks + 1, seeds); None while another part has not finished it."""
    seeds = range(settings.seed, settings.seed + settings.seeds)
    groups = [list(seeds)] if settings.together else [[seed] for seed in seeds]
    parts: list[Observations] = []
    for group in groups:
        name = f"{cell.system}-{cell.labels}" + ("" if settings.together else f"-{group[0]}")
        if not mine() and not s.done(name):
            continue
        alone = settings._replace(together=False)

        def again(first: int = group[0], alone: Settings = alone) -> Trainer:
            one = cell.build([first], data, alone)
            assert isinstance(one, Trainer)
            return one

        parts.append(
            s.trial(
                name,
                partial(cell.build, group, data, settings),
                partial(watch, again=again, data=data, batch=settings.batch),
                steps=cell.steps(settings),
                looks=settings.looks,
                logs=CONTEST,
            )
        )
    if len(parts) < len(groups):
        return None
    joined = {k: torch.cat([one[k] for one in parts], 1) for k in ("error", "predicted", *CONTEST)}
    seconds = torch.stack([one["seconds"][-1] for one in parts]).sum() / settings.seeds
    return {**joined, "step": parts[0]["step"], "seconds": seconds}
