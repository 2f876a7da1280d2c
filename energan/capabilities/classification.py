"""Classification: errors, confusions, and the images that a classifier is least sure of."""

from pathlib import Path
from typing import Any

import torch

from energan.data import ImageSet
from energan.data.image_set import NONE
from energan.inference.model import Model
from energan.utils.image_files import save_sheet

UNCERTAIN = 24  # images shown that the classifier is least sure of


def error_on(model: Model, images: ImageSet) -> float:
    """The share of labelled images that the classifier (its clean path) gets wrong, in %."""
    assert images.labels is not None
    return 100 * float((model.probabilities(images.images).argmax(1) != images.labels).float().mean())


def classification(model: Model, training: ImageSet, held_out: ImageSet | None, sheet: Path) -> dict[str, Any]:
    """Classes, error (%) and confusion (rows: truth) on test images, and the 24 images it is least sure of.

    Without test images, error and confusion are None, and the 24 are training images without a label (of all, where
    each has one). `sheet` shows them; `index` is their place among the images looked at.
    """
    data = held_out if held_out is not None else _unlabelled(training)
    assert data.labels is not None
    classes, probabilities = training.classes, model.probabilities(data.images)
    sure, predicted = probabilities.max(1)
    least = sure.argsort(stable=True)[:UNCERTAIN]
    save_sheet(data.images[least], sheet)
    confusion = torch.zeros(len(classes), len(classes), dtype=torch.int64)
    if held_out is not None:
        one = torch.ones_like(predicted)
        confusion.index_put_((data.labels, predicted), one, accumulate=True)
    names = dict(enumerate(classes))
    return {
        "classes": list(classes),
        "images": len(data.images),
        "error": None if held_out is None else 100 * float((predicted != data.labels).float().mean()),
        "confusion": None if held_out is None else confusion.tolist(),
        "uncertain": [
            {
                "index": i,
                "predicted": names[int(predicted[i])],
                "probability": float(sure[i]),
                "truth": names.get(int(data.labels[i])),
            }
            for i in least.tolist()
        ],
    }


def _unlabelled(data: ImageSet) -> ImageSet:
    assert data.labels is not None
    chosen = (data.labels == NONE).nonzero().squeeze(1)
    return data._replace(images=data.images[chosen], labels=data.labels[chosen]) if len(chosen) else data
