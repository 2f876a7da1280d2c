"""Sheets of what a system draws when it is asked: a row for each thing asked for, a column for each noise."""

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from energan.capabilities.conditions.kind import Asked, Kind
from energan.data import ImageSet
from energan.engine.game import Source
from energan.experiment import Experiment
from energan.inference.model import Model

COLUMNS = 10
ROWS = 10  # where a kind does not say what is asked for


def asked_of(kind: Kind, experiment: Experiment, training: ImageSet, data: Source | None = None) -> Asked:
    """What the rows of a sheet ask for: what the kind names, else what the first training images show."""
    if kind.asked:
        return kind.asked(experiment, training)
    conditions, source = experiment.game.conditions, data or experiment.batches(training)
    assert conditions is not None
    return Asked((), source(0)[conditions.data][:ROWS].cpu())


def sample_rows(model: Model, rows: Float[Tensor, "k d"], columns: int, seed: int) -> UInt8[Tensor, "n c h w"]:
    """`columns` images for each row of conditions, one row after another; a column's have the same noise."""
    each = [model.sample(columns, seed, conditions=row.expand(columns, -1)) for row in rows]
    return torch.cat(each)
