"""A run folder, measured: every capability of its game measures what it can do."""

import json
import math
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from energan import capabilities
from energan.capabilities import Measurement
from energan.data import ImageSet
from energan.experiment import Experiment
from energan.metrics.features.catalog import NETWORKS
from energan.runs.checkpoints import read_checkpoint
from energan.runs.copies import refuse_copy
from energan.runs.folder import RunFolder
from energan.runs.rebuild import rebuild, restored
from energan.runs.sources import AS_RECORDED, Sources, remembered, settled, training_images
from energan.utils.checks import at_least
from energan.utils.errors import UserError
from energan.utils.files import write_json

FEWEST = 1000  # samples that a run is measured by, where nobody says how many
DEVICE = "auto"  # a run that was trained on a GPU is measured where there is none, too


def evaluate(
    folder: Path,
    *,
    n: int | None = None,
    seed: int = 0,
    checkpoint: str | None = None,
    finish: bool = False,
    announce: Callable[[str], object] | None = None,
    named: Sources = AS_RECORDED,
    device: str = DEVICE,
) -> dict[str, Any]:
    """Measures a run: what each of its capabilities measures, in one dictionary.

    Args:
        folder: The run folder. evaluation.json and the capabilities' sheets are written into it.
        n: Samples, and real images at most; by default as many as training images (`samples_of`).
        seed: Of the noise.
        checkpoint: "best", a step, or a path; the newest by default.
        finish: Whether to write what a run ends with, too, such as a classifier's predictions.
        announce: Called first, with a line that says which images are trained on and which are held out.
        named: Where the run's images are now, as far as they are not where run.json says: it will say so from now on.
        device: "cpu", "cuda", "cuda:1" or "auto".

    Returns:
        The content of evaluation.json, and "summary": lines of text for people.

    Raises:
        UserError: n is below 1, the folder is no sound run, or its images are not those that it was trained on.
    """
    if n is not None:
        at_least(1, n=n)
    refuse_copy(folder, "evaluation.json")
    run = RunFolder(folder)
    record = settled(run.record, folder, named)
    experiment = rebuild(record, device=device)
    path = run.checkpoint(checkpoint)
    saved = read_checkpoint(path)
    model = restored(experiment, record, saved, path)  # a classifier is calibrated anew, where it is measured
    data = training_images(experiment, record, folder)
    if announce:
        announce(experiment.origin(data))
    training = experiment.shown(data)
    measurement = Measurement(
        folder, experiment, model, training, n or samples_of(experiment, training), seed, step=saved.step
    )
    result, summary = measured(measurement, saved.step, finish=finish)
    if wrong := [k for k, v in result["metrics"].items() if isinstance(v, float) and not math.isfinite(v)]:
        raise UserError(f"{wrong[0]} of {folder} is no number: its samples or energies are not finite")
    write_json(folder / "evaluation.json", result)
    if any(named) and (changes := remembered(record, data, run.record)):
        with suppress(UserError), run.locked():  # a run that trains at this moment has run.json for itself
            run.update(**changes)
    return result | {"summary": summary}


def samples_of(experiment: Experiment, training: ImageSet) -> int:
    """How many samples a run is measured by, where nobody says.

    As many as there are training images, for more say little beside so few real ones; at least FEWEST, and at most
    what the run's feature network is quick enough for.
    """
    return min(NETWORKS[experiment.network or "mnist"].samples, max(FEWEST, len(training.images)))


def measured(measurement: Measurement, step: int, *, finish: bool = False) -> tuple[dict[str, Any], list[str]]:
    """What the capabilities of a model of so many steps measure, as in evaluation.json, and lines for people.

    finish: Whether to write what a run ends with, too.
    """
    result: dict[str, Any] = {
        "step": step,
        "seed": measurement.seed,
        "samples": 0,
        "reference": "",
        "network": "",
        "metrics": {},
    }
    summary: list[str] = []
    for capability in capabilities.of(measurement.experiment.game):
        if capability.measure:
            entries = capability.measure(measurement)
            result |= {**entries, "metrics": result["metrics"] | entries.get("metrics", {})}
            summary += filter(None, [capability.summary(result) if capability.summary else ""])
        summary += filter(None, [capability.finish(measurement) if capability.finish and finish else ""])
    return result, summary


def as_json(result: dict[str, Any]) -> str:
    """The content of evaluation.json."""
    return json.dumps({key: value for key, value in result.items() if key != "summary"}, indent=2)


def as_table(result: dict[str, Any]) -> str:
    """The summary and the metrics, a line each."""
    lines = [f"{name:18}{value:10.4g}" for name, value in result["metrics"].items()]
    return "\n".join([f"step {result['step']}: {'; '.join(result['summary'])}", *lines])
