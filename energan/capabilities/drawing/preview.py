"""Samples while a run trains: a sheet from fixed noise, and metrics now and then."""

from energan import metrics
from energan.capabilities import reference
from energan.capabilities.capability import Preview
from energan.metrics.features.catalog import Description

SHEET = 64  # images on a sheet


def preview(run: Preview, real: Description | None) -> None:
    """Shows a sheet of samples; where metrics are due, measures 2,000 and offers the distance for the best checkpoint.

    real: features of real images; None: no metrics. The sheet of a system that can be asked for something is the
    capability's that asks it (conditions).
    """
    measured = run.metrics and real is not None
    if run.model.game.conditions is None:
        run.show(run.samples(reference.MEASURED if measured else SHEET)[:SHEET], None)
    if measured and real is not None:
        samples = run.samples(reference.MEASURED)
        values = metrics.evaluate(samples, real, run.experiment.network)
        run.log(values, len(samples))
        run.save_best(next(value for name, value in values.items() if "FID" in name))
