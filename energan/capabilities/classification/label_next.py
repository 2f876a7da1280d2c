"""label-next.csv: the images without a label that are most worth one.

An image is worth a label where the classifier hesitates, and where it is unlike those that have one. So, of all images
without a label, the 10 n whose two likeliest classes are nearest (the margin: Scheffer, Decomain & Wrobel 2001) are
kept, half of all at most. Of these, n are chosen one after another: each time the one that is farthest from all
labelled and chosen ones (greedy k-centre: Sener & Savarese 2018, arXiv:1708.00489, algorithm 1). Zhdanov 2019
(arXiv:1901.05954) filters by margin before diversity so, with 10, too.
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from energan.capabilities.capability import Measurement
from energan.capabilities.classification.reading import description
from energan.data import ImageSet
from energan.data.image_set import NONE, fixed_subset, rows_of
from energan.experiment import Experiment
from energan.utils.image_files import save_sheet
from energan.utils.tables import write_table

ROWS = 50  # of the table
SHOWN = 24  # of them, in the report
FILTER = 10  # times as many are looked at: those of the smallest margins
LABELLED = 5000  # labelled images, at most, that distances are measured to
NAME, SHEET = "label-next.csv", "label-next.png"


def write_label_next(run: Measurement, probabilities: Float[Tensor, "n k"]) -> list[dict[str, Any]]:
    """Writes the table and its sheet of images; returns its rows: index, file, predicted, probability, reason.

    probabilities: of all training images. Without an image that lacks a label, nothing is written, and the list empty.
    """
    table = to_label(run.experiment, run.training, probabilities, ROWS)
    if table:
        write_table(run.folder / NAME, {name: [row[name] for row in table] for name in COLUMNS})
        save_sheet(run.training.images[[row["index"] for row in table[:SHOWN]]], run.folder / SHEET)
    return table


def to_label(
    experiment: Experiment, data: ImageSet, probabilities: Float[Tensor, "n k"], n: int
) -> list[dict[str, Any]]:
    """The n images without a label that are most worth one, as rows: index, file, predicted, probability, reason.

    probabilities: of all images of `data`, whose labels are -1 where there is none. Fewer rows where fewer lack one.
    """
    assert data.labels is not None
    unlabelled = (data.labels == NONE).nonzero().squeeze(1)
    if not len(unlabelled):
        return []
    margins = _margins(probabilities[unlabelled])
    looked_at = max(n, min(FILTER * n, len(unlabelled) // 2))
    candidates = unlabelled[margins.argsort(stable=True)[:looked_at]]
    labelled = (data.labels != NONE).nonzero().squeeze(1)
    labelled = labelled[fixed_subset(len(labelled), LABELLED)]
    rows = torch.cat([labelled, candidates])
    described, of = description(experiment, rows_of(data, rows))
    chosen, distances = farthest(described[: len(labelled)], described[len(labelled) :], n)
    indices = candidates[chosen].tolist()
    return [
        _row(i, data.files[i] if data.files else str(i), probabilities[i], data.classes, distance, of)
        for i, distance in zip(indices, distances, strict=True)
    ]


COLUMNS = ("file", "predicted", "probability", "reason")


def farthest(
    known: Float[Tensor, "m d"], candidates: Float[Tensor, "n d"], k: int
) -> tuple[Int64[Tensor, " c"], list[float]]:
    """min(k, n) candidates, one after another each the farthest from all that are known or chosen; and how far it was.

    The distances are Euclidean. Of equals the first is taken. m may be 0: then the first candidate begins.

    Example:
        >>> farthest(torch.tensor([[0.0]]), torch.tensor([[1.0], [9.0], [8.0], [4.0]]), 3)
        (tensor([1, 3, 0]), [9.0, 4.0, 1.0])
    """
    if len(known):
        distance = torch.cdist(candidates.double(), known.double()).min(1).values
    else:
        distance = torch.full((len(candidates),), torch.inf, dtype=torch.float64)
    chosen, far = [], []
    for _ in range(min(k, len(candidates))):
        best = int(distance.argmax())
        chosen.append(best)
        far.append(float(distance[best]))
        to_best = (candidates - candidates[best]).double().norm(dim=1)
        distance = torch.minimum(distance, to_best)
        distance[best] = -1.0  # chosen once
    return torch.tensor(chosen, dtype=torch.int64), far


def _margins(probabilities: Float[Tensor, "n k"]) -> Float[Tensor, " n"]:
    """By how much the likeliest class is likelier than the second."""
    first, second = probabilities.topk(2, dim=1).values.unbind(1)
    return first - second


def _row(
    index: int, file: str, probabilities: Float[Tensor, " k"], classes: Sequence[str], distance: float, of: str
) -> dict[str, Any]:
    values, places = (x.tolist() for x in probabilities.topk(2))
    first, second = (classes[i] for i in places)
    far = f"{distance:.3g} from the nearest that is labelled or above" if distance < torch.inf else "the first"
    reason = f"{first} {values[0]:.2f} or {second} {values[1]:.2f}; {far} ({of})"
    return {
        "index": index, "file": file, "predicted": first, "probability": values[0],
        "reason": reason,
    }  # fmt: skip
