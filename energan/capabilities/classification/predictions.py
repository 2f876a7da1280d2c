"""A table of predictions: a row an image."""

from pathlib import Path
from typing import Any

from jaxtyping import Float
from torch import Tensor

from energan.capabilities.capability import Measurement
from energan.data import ImageSet
from energan.utils.tables import table


def write_predictions(run: Measurement) -> str:
    """Writes predictions.csv of all training images, labelled or not, into the run folder; says where it is."""
    data = run.training
    out = run.folder / "predictions.csv"
    write_table(out, data, run.model.probabilities(data.images), data.classes)
    return f"predictions: {out}"


def write_table(out: Path, data: ImageSet, probabilities: Float[Tensor, "n classes"], classes: tuple[str, ...]) -> None:
    """Writes the file (or number), the likeliest class, its probability, and the probability of every class."""
    values = [[float(f"{p:.6g}") for p in row] for row in probabilities.tolist()]
    predicted = probabilities.argmax(1).tolist()
    columns: dict[str, list[Any]] = {
        "file": list(data.files) or [str(i) for i in range(len(data.images))],
        "label": [classes[i] for i in predicted],
        "probability": [row[i] for i, row in zip(predicted, values, strict=True)],
    }
    table(out, columns | {f"P({name})": [row[i] for row in values] for i, name in enumerate(classes)})
