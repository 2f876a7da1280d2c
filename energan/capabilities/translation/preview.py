"""What becomes of held-out pictures while a run trains: a sheet of them, and metrics now and then."""

from typing import NamedTuple

import torch
from jaxtyping import UInt8
from torch import Tensor
from torch.nn.functional import interpolate

from energan.capabilities.capability import Preview
from energan.capabilities.translation.compared import (
    BACK,
    FIRST,
    Both,
    colour,
    compared,
    judged,
    network_of,
    of_all,
    of_rows,
)
from energan.data.image_set import ImageSet, fixed_subset
from energan.experiment import Experiment
from energan.inference.model import Model
from energan.inference.pictures.translation import ways

SHEET = 12  # pictures on a sheet

MEASURED = 200  # pictures of the metrics during training


class Held(NamedTuple):
    """Pictures of the validation split, the feature network that they are measured by ("" for none), and whether the
    training sees pairs."""

    pictures: Both
    network: str
    seen: bool


def prepare(experiment: Experiment, training: ImageSet) -> Held:
    """At most 200 pictures of the validation split, always the same."""
    data = experiment.pictures("validation")
    assert data.targets is not None
    rows = [fixed_subset(len(each), MEASURED) for each in (data.images, data.targets)]
    pictures = of_rows(data, *rows)
    return Held(pictures, network_of(experiment, pictures), training.paired)


def preview(run: Preview, held: Held) -> None:
    """Shows a sheet; where metrics are due, measures, and offers the distance for the best checkpoint."""
    run.show(*sheet(run.model, held.pictures))
    if not run.metrics:
        return
    values = of_all(compared(run.model, held.pictures, held.network, seen=held.seen))
    run.log(values, len(held.pictures.x))
    if (distance := judged(values, seen=held.seen)) is not None:
        run.save_best(distance)


def sheet(model: Model, pictures: Both, n: int = SHEET) -> tuple[UInt8[Tensor, "k c h w"], int]:
    """The first n pictures, each with what becomes of it and, where that is known, the truth, and how many columns.

    A row has two such groups. Of a system that goes both ways the second half goes back.
    """
    there = tuple(ways(model.game))
    rows = []
    for way in there:
        x, y, paired = pictures.turned(way)
        x = x[: n // len(there)]
        made = model.translate(x, way)
        size = made.shape[2:]
        parts = [_as(x, size), _as(made, size)]
        if BACK in there:
            parts.append(_as(model.translate(made, BACK if way == FIRST else FIRST), size))
        if paired:
            parts.append(_as(y[: len(x)], size))
        rows.append(torch.stack(parts, 1))
    each = rows[0].shape[1]
    return torch.cat([row.flatten(0, 1) for row in rows]), 2 * each


def _as(images: UInt8[Tensor, "n c h w"], size: torch.Size) -> UInt8[Tensor, "n 3 h2 w2"]:
    """Colour pictures of that size: small ones with larger pixels."""
    return interpolate(colour(images), size=size, mode="nearest") if images.shape[2:] != size else colour(images)
