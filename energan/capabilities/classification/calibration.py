"""Probabilities that are as sure as they are right: a temperature, of labelled images that were kept out of training.

Without such images nothing is calibrated, and that is said: fitted to trained images, a temperature would be far too
low. energan/metrics/calibration.py has the equations.
"""

from typing import Any

from jaxtyping import Float, Int64
from torch import Tensor

from energan.capabilities.capability import Measurement
from energan.capabilities.classification.reading import logits
from energan.inference.model import Model
from energan.metrics.calibration import RANGE, calibration_error, cross_fitted, temperature
from energan.runs.reader import Json, number
from energan.runs.temperature import write_temperature

LEAST = 20  # labelled images below which no temperature is fitted


def calibrate(run: Measurement) -> tuple[Model, dict[str, Any] | None]:
    """The run's model, calibrated where it can be, and what is known of it; writes temperature.json.

    images: that were held out; temperature; ece_before and ece_after of them, the latter cross-fitted. Without
    temperature there are too few of them; None: the run held none out.
    """
    plain, held = run.model.calibrated(1.0), run.experiment.labels_held_set()
    if held is None:
        return plain, None
    if len(held.images) < LEAST:
        return plain, {"images": len(held.images), "temperature": None}
    assert held.labels is not None
    read = logits(run.experiment, plain, run.experiment.shown(held))
    found = {
        "images": len(held.images),
        "temperature": temperature(read, held.labels),
        "ece_before": calibration_error(read.softmax(1), held.labels),
        "ece_after": calibration_error(cross_fitted(read, held.labels), held.labels),
    }
    write_temperature(run.folder, run.step, found)
    return run.model.calibrated(found["temperature"]), found


def test_errors(read: Float[Tensor, "n k"], t: float, labels: Int64[Tensor, " n"]) -> dict[str, Any]:
    """The calibration error of test images before and after; the latter None of a model that is not calibrated.

    read: their logits, divided by the temperature t.
    """
    before, after = (calibration_error((read * by).softmax(1), labels) for by in (t, 1.0))
    return {"test_ece_before": before, "test_ece_after": None if t == 1 else after}


def said(found: Json) -> str:
    """One sentence: whether probabilities are calibrated, and by what."""
    images, t = number(found.get("images")), number(found.get("temperature"))
    if images is None:
        return "probabilities are not calibrated: no labels were set apart for that"
    if t is None:
        apart = f"{images:.0f} labels were set apart for that, which takes {LEAST} or more"
        return f"probabilities are not calibrated: {apart}"
    before, after = (100 * (number(found.get(name)) or 0) for name in ("ece_before", "ece_after"))
    limit = "" if RANGE[0] * 1.001 < t < RANGE[1] / 1.001 else ", the limit of what is looked for"
    return (
        f"probabilities are calibrated on {images:.0f} held-out labels: temperature {t:.2f}{limit}, calibration error "
        f"{before:.1f} % before, {after:.1f} % after"
    )
