"""Images of which few have labels: what the recipes of classifiers are trained on, and what they share.

Their nets are fully connected, on 28 x 28 grey images by default: permutation-invariant MNIST, as the papers have it.
Any images will do: --data names a folder with one sub-folder per class and one called `unlabelled`, or --labels-csv the
labels. Which labels are drawn explains most of the spread between runs: their seed is one of its own.
"""

from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from energan.recipes.classes import empty_folders, listed
from energan.utils.checks import at_least, fraction, not_negative, positive, usable_seed
from energan.utils.console import warn
from energan.utils.errors import UserError
from energan.utils.specification import named

if TYPE_CHECKING:
    from collections.abc import Callable

    from energan.data import ImageSet
    from energan.experiment import Experiment

HIDDEN = (1000, 500, 250, 250, 250)  # networks.dense.ladder.HIDDEN, which needs torch


@named
@dataclass(frozen=True, kw_only=True)
class FewLabels:
    """Images, of whose labels some are kept."""

    labels: int = 100
    """How many labels are kept, as many of each class; 0 for all there are."""
    label_seed: int = 0
    """Of which labels are kept, and of nothing else."""
    labels_csv: str = ""
    """A CSV with columns file and label, for a folder without class sub-folders."""
    test: str = ""
    """Labelled images to measure the error on, one sub-folder per class; by default those that --data holds out."""
    classes: int = 10
    """Classes of the images."""
    size: int = 28
    """Pixels a side."""
    channels: int = 1
    """3 for colour, 1 for grey."""
    balanced: bool = False
    """Show each class as often as the largest one; else each image with a label as often as any other."""
    flip: bool = False
    """Mirror half of the images, others each time: for photographs, not for digits or letters."""
    hold_out: float = 0.0
    """Share of each class's labels that is kept out of the training, to calibrate the probabilities on."""

    @property
    def pixels(self) -> int:
        """Numbers of an image."""
        return self.size * self.size * self.channels

    def prepare(self) -> "Callable[[str, str], ImageSet]":
        """What loads `labelled_images`, of whose labels the split "train" keeps some; checked."""
        not_negative(labels=self.labels)
        at_least(2, classes=self.classes, size=self.size)
        usable_seed(self.label_seed, "label_seed")
        fraction(hold_out=self.hold_out)
        return partial(_few_labels, options=self)

    def applied(self, run: "Experiment") -> "Experiment":
        """The experiment with its test images, and its labelled images shown as these options say."""
        labels_held = partial(_held_out, options=self) if self.hold_out else None
        return run._replace(test=self.test, balanced=self.balanced, flip=self.flip, labels_held=labels_held)

    def network(self, data: str) -> str:
        return network(data, self.size, self.channels)


@named
def _few_labels(
    source: str, split: str, options: FewLabels, value_range: tuple[float, float] | None = None
) -> "ImageSet":
    from energan.data.few_labels import held_out
    from energan.data.image_set import NONE

    data = _kept(source, split, options, value_range)
    if split != "train" or not options.hold_out or data.labels is None:
        return data
    labels = data.labels.clone()
    labels[held_out(labels, options.hold_out, options.label_seed)] = NONE
    return data._replace(labels=labels)


@named
def _held_out(
    source: str, split: str, options: FewLabels, value_range: tuple[float, float] | None = None
) -> "ImageSet":
    """The labelled images that `_few_labels` keeps out of the training."""
    from energan.data.few_labels import held_out
    from energan.data.image_set import rows_of

    data = _kept(source, split, options, value_range)
    assert data.labels is not None
    return rows_of(data, held_out(data.labels, options.hold_out, options.label_seed))


def _kept(source: str, split: str, options: FewLabels, value_range: tuple[float, float] | None) -> "ImageSet":
    """The images with the labels that may be used, whatever for."""
    from energan.data.few_labels import balanced_subset

    data = labelled_images(
        source,
        split,
        labels_csv=options.labels_csv,
        size=options.size,
        channels=options.channels,
        value_range=value_range,
    )
    if split != "train":
        return data
    if len(data.classes) != options.classes:
        names = ", ".join(data.classes[:5]) + (", ..." if len(data.classes) > 5 else "")
        raise UserError(f"{data.name} has {len(data.classes)} classes ({names}): set `classes` to {len(data.classes)}")
    if not options.labels or data.labels is None:
        return data
    kept = balanced_subset(data.labels, options.labels, classes=options.classes, seed=options.label_seed)
    return data._replace(labels=kept.labels)


def labelled_images(
    source: str,
    split: str,
    *,
    labels_csv: str,
    size: int,
    channels: int,
    value_range: tuple[float, float] | None = None,
) -> "ImageSet":
    """Images with labels, -1 where they have none: a named set, a folder of class folders, or one with a CSV.

    The labels of a split other than "train" are its own, else the CSV's if this knows its files, else None.
    UserError for training images without labels or with fewer than two classes.
    """
    from energan.data import load
    from energan.data.decoding.fitting import check_channels
    from energan.data.few_labels import FOLDERS, unlabelled_class
    from energan.data.image_set import NONE
    from energan.data.labels import labelled_by

    check_channels(channels, most=3)
    data = load(source, split, size=size, channels=channels, value_range=value_range)
    if split != "train":
        if data.labels is None and labels_csv:
            with suppress(UserError):  # a CSV of other images says nothing of these
                return labelled_by(data, Path(labels_csv), Path(source))
        return data if data.labels is None else unlabelled_class(data)
    if not labels_csv and data.labels is None:
        tops = {Path(file).parts[0] for file in data.files}
        if len(tops) == 1 and (name := tops.pop()).lower() not in FOLDERS:
            raise UserError(f"{data.name} has one class only ({name}): a classifier needs two or more")
    data = labelled_by(data, Path(labels_csv), Path(source)) if labels_csv else unlabelled_class(data)
    assert data.labels is not None
    if not labels_csv and (empty := empty_folders(Path(source), data)):
        warn(f"no class, for want of images: the empty folders {listed(empty)} of {data.name}")
    present = [data.classes[index] for index in data.labels[data.labels != NONE].unique().tolist()]
    if len(present) < 2:
        raise UserError(f"{data.name} has one class only ({', '.join(present)}): a classifier needs two or more")
    return data


def network(data: str, size: int = 28, channels: int = 1) -> str:
    """The digits' feature network is for digits; of other images, no distances are measured during training."""
    from energan.data import NAMED

    return "mnist" if data in NAMED and (size, channels) == (28, 1) else ""


def usable_layers(hidden: tuple[int, ...]) -> None:
    """UserError unless every hidden layer has units."""
    for width in hidden:
        positive(hidden=width)


def usable_augmentations(augment: tuple[str, ...]) -> None:
    """UserError for the name of no augmentation."""
    from energan.data.batches.images import view_numbers

    view_numbers(None, False, augment)
