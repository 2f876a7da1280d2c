"""Images of which few have labels: what the recipes of classifiers are trained on, and what they share.

Their nets are fully connected, on 28 x 28 grey images by default: permutation-invariant MNIST, as the papers have it.
Any images will do: --data names a folder with one sub-folder per class and one called `unlabelled`, or --labels-csv the
labels. Which labels are drawn explains most of the spread between runs: their seed is one of its own.
"""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from energan.utils.checks import at_least, not_negative, usable_seed
from energan.utils.errors import UserError
from energan.utils.specification import named

if TYPE_CHECKING:
    from collections.abc import Callable

    from energan.data import ImageSet


def few_labels(
    labels: int, label_seed: int, classes: int, labels_csv: str, size: int, channels: int
) -> "Callable[[str, str], ImageSet]":
    """The `prepare` of a run, its settings checked.

    It loads `labelled_images`, of whose labels the split "train" keeps `labels`, as many of each class (0: all).
    """
    not_negative(labels=labels)
    at_least(2, classes=classes, size=size)
    usable_seed(label_seed, "label_seed")
    return partial(
        _few_labels, labels=labels, label_seed=label_seed, classes=classes, labels_csv=labels_csv, size=size,
        channels=channels,
    )  # fmt: skip


@named
def _few_labels(
    source: str, split: str, *, labels: int, label_seed: int, classes: int, labels_csv: str, size: int, channels: int
) -> "ImageSet":
    from energan.data.few_labels import balanced_subset

    data = labelled_images(source, split, labels_csv=labels_csv, size=size, channels=channels)
    if split != "train":
        return data
    if len(data.classes) != classes:
        names = ", ".join(data.classes[:5]) + (", ..." if len(data.classes) > 5 else "")
        raise UserError(f"{data.name} has {len(data.classes)} classes ({names}): set `classes` to {len(data.classes)}")
    if not labels or data.labels is None:
        return data
    return data._replace(labels=balanced_subset(data.labels, labels, classes=classes, seed=label_seed).labels)


def labelled_images(source: str, split: str, *, labels_csv: str, size: int, channels: int) -> "ImageSet":
    """Images with labels, -1 where they have none: a named set, a folder of class folders, or one with a CSV.

    split "test" is that of a named set; of a folder it is all, without the CSV. UserError for fewer than two classes.
    """
    from energan.data import NAMED, load
    from energan.data.few_labels import unlabelled_class
    from energan.data.labels import labelled_by

    data = load(source, split if source in NAMED else "train", size=size, channels=channels)
    if split != "train":
        return unlabelled_class(data)
    data = labelled_by(data, Path(labels_csv), Path(source)) if labels_csv else unlabelled_class(data)
    if len(data.classes) < 2:
        raise UserError(f"{data.name} has one class only ({data.classes[0]}): a classifier needs two or more")
    return data


def network(data: str, size: int, channels: int) -> str:
    """The digits' feature network is for digits; of other images, no distances are measured during training."""
    from energan.data import NAMED

    return "mnist" if data in NAMED and (size, channels) == (28, 1) else ""
