"""Errors and confusions on test images, and the images that a classifier is least sure of."""

from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from energan.capabilities.capability import Measurement
from energan.capabilities.classification import reading
from energan.capabilities.classification.calibration import calibrate, said, test_errors
from energan.capabilities.classification.label_next import SHOWN, write_label_next
from energan.capabilities.classification.suspected_labels import write_suspected
from energan.data import ImageSet
from energan.data.image_set import NONE
from energan.html.formatting import figure
from energan.runs.reader import Json, mapping, number
from energan.utils.image_files import save_sheet

UNCERTAIN = 24  # images shown that the classifier is least sure of


def measure(run: Measurement) -> dict[str, Any]:
    """Classes, error (%) and confusion (rows: truth) on test images, and the 24 images it is least sure of.

    From here on, the run's model is calibrated. label_next and suspected are the first rows of the tables of that name.

    Without test images, error and confusion are None, and the 24 are training images without a label (of all, where
    each has one). Writes them to uncertain.png; `index` is their place among the images looked at.
    """
    test = run.experiment.held_out(run.training.classes)
    data = test if test is not None else _without_label(run.training)
    assert data.labels is not None
    run.model, calibration = calibrate(run)
    classes, logits = run.training.classes, reading.logits(run.experiment, run.model, data)
    probabilities = logits.softmax(1)
    predicted = probabilities.argmax(1)
    uncertain = probabilities.max(1).values.argsort(stable=True)[:UNCERTAIN]
    save_sheet(data.images[uncertain], run.folder / "uncertain.png")
    measured: dict[str, Any] = {"error": None, "confusion": None}
    if test is not None:
        measured["error"] = 100 * float((predicted != data.labels).float().mean())
        measured["confusion"] = confusion(data.labels, predicted, len(classes)).tolist()
        calibration = {**(calibration or {}), **test_errors(logits, run.model.temperature, data.labels)}
    shown = [_prediction(i, probabilities[i], int(data.labels[i]), classes) for i in uncertain.tolist()]
    found = {"classes": list(classes), "images": len(data.images), **measured, "uncertain": shown}
    return {"classification": found | {"calibration": calibration} | (_to_label(run) if run.pictures else {})}


def _to_label(run: Measurement) -> dict[str, Any]:
    """What a user is told to label next, and to look at again."""
    chosen = write_label_next(run, reading.of_training(run))
    suspected, said = write_suspected(run)
    return {"label_next": chosen[:SHOWN], "suspected": suspected[:SHOWN], "suspected_said": said}


def confusion(truth: Int64[Tensor, " n"], predicted: Int64[Tensor, " n"], classes: int) -> Int64[Tensor, "k k"]:
    """Counts of images by true class (rows) and predicted class (columns)."""
    counts = torch.zeros(classes, classes, dtype=torch.int64)
    return counts.index_put_((truth, predicted), torch.ones_like(predicted), accumulate=True)


def summary(result: Json) -> str:
    """The test error, as far as it is known."""
    measured = mapping(result.get("classification"))
    error, images = number(measured.get("error")), figure(measured.get("images"))
    calibrated = said(mapping(measured.get("calibration")))
    suspected = [text] if isinstance(text := measured.get("suspected_said"), str) else []
    tested = "no test error: there are no labelled test images (--test names some)"
    if error is not None:
        tested = f"test error {error:.2f} % of {images} images"
    return "\n".join([tested, calibrated, *suspected])


def _prediction(i: int, probabilities: Float[Tensor, " k"], truth: int, classes: tuple[str, ...]) -> dict[str, Any]:
    predicted = int(probabilities.argmax())
    return {
        "index": i,
        "predicted": classes[predicted],
        "probability": float(probabilities[predicted]),
        "truth": None if truth == NONE else classes[truth],
    }


def _without_label(data: ImageSet) -> ImageSet:
    assert data.labels is not None
    rows = (data.labels == NONE).nonzero().squeeze(1)
    return data._replace(images=data.images[rows], labels=data.labels[rows]) if len(rows) else data
