"""What a system draws when it is asked, while it trains: a sheet, and how often what was asked is seen."""

from typing import Any

from energan.capabilities.capability import Preview
from energan.capabilities.conditions.kind import Asked
from energan.capabilities.conditions.kinds import kind_of
from energan.capabilities.conditions.sheet import COLUMNS, asked_of, sample_rows
from energan.data import ImageSet
from energan.experiment import Experiment


def prepare(experiment: Experiment, training: ImageSet) -> tuple[Asked, Any]:
    """What the sheet asks for, and what the kind compares with."""
    kind = kind_of(experiment.game)
    return asked_of(kind, experiment, training), kind.prepare(experiment, training) if kind.prepare else None


def preview(run: Preview, prepared: tuple[Asked, Any]) -> None:
    """Shows the sheet, of fixed noise; then the kind's metrics."""
    asked, compared = prepared
    run.show(sample_rows(run.model, asked.rows, COLUMNS, seed=0), COLUMNS)
    kind = kind_of(run.model.game)
    if kind.preview:
        kind.preview(run, compared)
