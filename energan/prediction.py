"""What a run's classifier says: of test images, of those it is least sure of, and of anyone's."""

import csv
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from energan import runs
from energan.data import NAMED, Images, load
from energan.data.labelled import NONE
from energan.errors import UserError
from energan.files import write
from energan.model import Model
from energan.sheets import save_sheet

UNCERTAIN = 24  # images shown that the classifier is least sure of


def error_on(model: Model, images: Images) -> float:
    """The share of labelled images that the classifier (its clean path) gets wrong, in %."""
    assert images.labels is not None
    return 100 * float((model.probabilities(images.images).argmax(1) != images.labels).float().mean())


def classification(model: Model, training: Images, held_out: Images | None, sheet: Path) -> dict[str, Any]:
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


def _unlabelled(data: Images) -> Images:
    assert data.labels is not None
    chosen = (data.labels == NONE).nonzero().squeeze(1)
    return data._replace(images=data.images[chosen], labels=data.labels[chosen]) if len(chosen) else data


def predict_training(folder: Path) -> Path:
    """Writes predictions.csv of all images that a run was trained on, labelled or not, into its folder."""
    run = runs.rebuild(runs.read(folder), device="cpu")
    data = run.training_set()
    return _table(folder / "predictions.csv", data, runs.load(folder).probabilities(data.images), data.classes)


def predict(images: str, folder: Path, out: Path, checkpoint: str | None, split: str) -> str:
    """Writes a row for each image: its file (or number), the likeliest class, and the probability of every class."""
    if out.suffix != ".csv":
        raise UserError(f"--out {out}: predictions go to a .csv")
    model, record = runs.load(folder, checkpoint=checkpoint), runs.read(folder)
    model.classifier  # noqa: B018  # refuse a game without classes before reading images
    data = unlabelled(images, split, record)
    _table(out, data, model.probabilities(data.images), tuple(record["data"]["classes"]))
    skipped = f"; {len(data.skipped)} unreadable files were left out" if data.skipped else ""
    return f"{len(data.images)} predictions in {out}{skipped}"


def unlabelled(images: str, split: str, record: dict[str, Any]) -> Images:
    """Anyone's images in the size and colours of a classifier's; they need no labels, as those that it learned from."""
    channels, size, _ = record["data"]["shape"]
    return load(images, split or ("test" if images in NAMED else "train"), size=size, channels=channels)


def _table(out: Path, data: Images, probabilities: Float[Tensor, "n classes"], classes: tuple[str, ...]) -> Path:
    predicted = probabilities.argmax(1).tolist()
    files = data.files or tuple(map(str, range(len(data.images))))

    def fill(p: Path) -> None:
        with p.open("w", newline="") as f:
            rows = csv.writer(f)
            rows.writerow(["file", "label", "probability", *(f"P({name})" for name in classes)])
            for file, i, each in zip(files, predicted, probabilities.tolist(), strict=True):
                rows.writerow([file, classes[i], *(f"{value:.6g}" for value in (each[i], *each))])

    return write(out, fill)
