"""A table of predictions: a row an image."""

from collections.abc import Sequence
from typing import Any

from jaxtyping import Float
from torch import Tensor

from energan.capabilities.capability import Measurement
from energan.capabilities.classification.reading import of_training
from energan.data import ImageSet
from energan.utils.tables import write_table


def write_predictions(run: Measurement) -> str:
    """Writes predictions.csv of all training images, labelled or not, into the run folder; says where it is."""
    data = run.training
    columns = prediction_columns(data, of_training(run), data.classes)
    table = write_table(run.folder / "predictions.csv", columns)
    following = run.folder / "label-next.csv"
    return f"predictions: {table}" + (f"; what to label next: {following}" if following.is_file() else "")


def prediction_columns(
    data: ImageSet, probabilities: Float[Tensor, "n classes"], classes: Sequence[str]
) -> dict[str, Any]:
    """Of each image its file (or number), the likeliest class, its probability, and the probability of every class."""
    largest, indices = probabilities.max(1)
    return {
        "file": list(data.files) or [str(i) for i in range(len(data.images))],
        "label": [classes[i] for i in indices.tolist()],
        "probability": largest.numpy(),
        **{f"P({name})": column.numpy() for name, column in zip(classes, probabilities.T, strict=True)},
    }
