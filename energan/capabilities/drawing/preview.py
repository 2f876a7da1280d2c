"""Samples while a run trains: a sheet from fixed noise, a diagnosis, and metrics now and then."""

from typing import NamedTuple

from energan import metrics
from energan.capabilities import reference
from energan.capabilities.capability import Preview
from energan.capabilities.drawing.diagnosis import Diagnosis
from energan.data import ImageSet
from energan.experiment import Experiment
from energan.metrics.features.catalog import Description

SHEET = 64  # images on a sheet


class Compared(NamedTuple):
    """What samples are compared with."""

    real: Description | None  # features of real images; None: no metrics
    diagnosis: Diagnosis


def prepare(experiment: Experiment, data: ImageSet) -> Compared:
    """Real images, described where metrics can be measured."""
    real = reference.reference_features(experiment, data)
    return Compared(real, Diagnosis(experiment, experiment.network if real else ""))


def preview(run: Preview, compared: Compared) -> None:
    """Shows a sheet of samples and diagnoses them; where metrics are due, measures 2,000 and offers the distance for
    the best checkpoint.

    The sheet of a system that can be asked for something is the capability's that asks it (conditions).
    """
    real = compared.real
    measured = run.metrics and real is not None
    if run.model.game.conditions is None:
        run.show(run.samples(reference.MEASURED if measured else SHEET)[:SHEET], None)
    if diagnosed := compared.diagnosis.measure(run):
        run.write({"diagnosis": diagnosed})
    if measured and real is not None:
        samples = run.samples(reference.MEASURED)
        values = metrics.evaluate(samples, real, run.experiment.network)
        run.log(values, len(samples))
        run.save_best(next(value for name, value in values.items() if "FID" in name))
