"""Entries whose models are a recipe's, draw images, and are measured by them."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import torch
from jaxtyping import UInt8
from torch import Tensor

from energan import metrics
from energan.data.batches.resident import resident
from energan.engine import Ensemble, Trainer
from energan.experiment import Experiment
from energan.inference.model import Model
from energan.inference.snapshot import snapshots
from energan.metrics.features.catalog import Description, describe
from energan.recipes.build import build
from energan.training.loop import trainer_of
from reproductions.campaign.entry import Look, Models

SHEET = 64  # samples of a sheet; 16 of each of several models


Measure = Callable[[Model, UInt8[Tensor, "n c h w"], Description], tuple[dict[str, float], UInt8[Tensor, "m c h w"]]]


class Drawn(NamedTuple):
    """The models of a recipe, one for each number of an axis.

    numbered  what the axis' number sets: {"seed": 3}, {"margin": 2.0}
    measure   (model, test images, their description) -> values, images for the sheet
    tested    how many test images are measured against, by the features of which network
    together  whether they are one program, which is in fp32
    """

    recipe: str
    arguments: Mapping[str, Any]
    numbered: Callable[[int], Mapping[str, Any]]
    measure: Measure
    tested: int
    network: str
    together: bool = False

    def experiment(self, number: int, device: str) -> Experiment:
        return build(self.recipe, device=device, **{**self.arguments, **self.numbered(number)})

    def models(self, numbers: Sequence[int], device: str) -> Models:
        """The models of these numbers, ready for step 0."""
        runs = [self.experiment(number, device) for number in numbers]
        data = runs[0].training_set()
        player: Ensemble | Trainer
        if self.together:
            sources = [resident(run.batches(data), device) for run in runs]
            player = Ensemble([run.game for run in runs], sources, seeds=[run.seed for run in runs], device=device)
        else:
            if runs[0].initialise:
                runs[0].initialise(data)
            player = trainer_of(runs[0], data)

        def again(i: int) -> Trainer:
            return Trainer(self.experiment(numbers[i], device).game, lambda k: {}, device=device)

        @cache
        def real() -> tuple[Tensor, Description]:
            images = runs[0].test_set().images[: self.tested]
            return images, describe(images, self.network)

        def look() -> Look:
            drawn = [self.measure(m, *real()) for m in snapshots(player, again, data.images, runs[0].batch)]
            values = {name: [of_one[name] for of_one, _ in drawn] for name in drawn[0][0]}
            each = SHEET if len(drawn) == 1 else 16
            return Look(values, torch.cat([images[:each] for _, images in drawn]), 8 if len(drawn) == 1 else 16)

        return Models(player, look)


def of_samples(n: int, network: str) -> Measure:
    """What the metrics say of n samples."""

    def measure(model: Model, images: Tensor, real: Description) -> tuple[dict[str, float], Tensor]:
        samples = model.sample(n, seed=1)
        return metrics.evaluate(samples, real, network), samples

    return measure


def by_seed(number: int) -> dict[str, Any]:
    """An axis of seeds."""
    return {"seed": number}
