"""The labelled images that a conditional run is judged by: those that a judge learns from, and others."""

from typing import NamedTuple

import torch
from jaxtyping import Int64
from torch import Tensor

from energan.data import ImageSet, held_out_split
from energan.data.image_set import NONE, fixed_subset
from energan.experiment import Experiment

PART = 5  # one labelled training image in so many is kept from the judge, where none are held out


class Labelled(NamedTuple):
    """taught: training images for a judge to learn from; real: others, which it never sees; both with labels."""

    taught: ImageSet
    real: ImageSet
    held_out: bool  # the system has not seen `real` either

    @property
    def where(self) -> str:
        """What `real` is, for people."""
        name = self.real.name
        return f"held-out images of {name}" if self.held_out else f"images of {name} that the system was trained on"


def labelled_images(experiment: Experiment, training: ImageSet) -> Labelled:
    """Labelled images of the run's classes: real ones are those held out, where they have labels of these classes."""
    taught = of_classes(training, training.classes)
    if held_out_split(experiment.source) is not None:
        real = of_classes(experiment.test_set(), training.classes)
        if len(real.images):
            return Labelled(taught, real, True)
    order = fixed_order(len(taught.images))
    kept = order[: len(order) // PART].sort().values
    return Labelled(_rows(taught, order[len(order) // PART :].sort().values), _rows(taught, kept), False)


def of_classes(data: ImageSet, classes: tuple[str, ...]) -> ImageSet:
    """The images whose label is one of the classes, by its name, numbered as these."""
    if data.labels is None:
        return _rows(data._replace(labels=torch.full((len(data.images),), NONE)), torch.arange(0))
    numbers = torch.tensor([*(classes.index(c) if c in classes else NONE for c in data.classes), NONE])
    labels = numbers[data.labels.long()]
    return _rows(data._replace(labels=labels, classes=classes), (labels != NONE).nonzero().flatten())


def balanced(data: ImageSet, each: int) -> ImageSet:
    """At most `each` images of each class, always the same."""
    assert data.labels is not None
    of = [(data.labels == c).nonzero().flatten() for c in range(len(data.classes))]
    return _rows(data, torch.cat([rows[fixed_subset(len(rows), each)] for rows in of]).sort().values)


def counts(data: ImageSet) -> Int64[Tensor, " k"]:
    """How many images each class has."""
    labels = torch.tensor([], dtype=torch.int64) if data.labels is None else data.labels
    return labels[labels != NONE].bincount(minlength=len(data.classes))


def fixed_order(n: int) -> Int64[Tensor, " n"]:
    """An order of n rows that is always the same."""
    return torch.randperm(n, generator=torch.Generator().manual_seed(0))


def _rows(data: ImageSet, rows: Int64[Tensor, " m"]) -> ImageSet:
    assert data.labels is not None
    return data._replace(images=data.images[rows], labels=data.labels[rows], files=(), captions=())
