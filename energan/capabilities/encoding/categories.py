"""What categories that nobody named are of: the class that most of a category's training images have."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from energan.capabilities.conditions.classes.labelled import Labelled
from energan.data.image_set import fixed_subset
from energan.inference.model import Model

TAUGHT = 10_000  # training images that say which class a category is of, at most


class Named(NamedTuple):
    """The categories of one noise. classes: the class of each; counts: images of each, a column for each class."""

    classes: Int64[Tensor, " k"]
    counts: Int64[Tensor, "k c"]
    wrong: int  # of other images: those whose category is of another class than theirs
    images: int

    @property
    def error(self) -> float:
        """The share of other images, in %, whose category is of another class."""
        return 100 * self.wrong / self.images


def majority(
    categories: Int64[Tensor, " n"], labels: Int64[Tensor, " n"], k: int, classes: int
) -> tuple[Int64[Tensor, " k"], Int64[Tensor, "k c"]]:
    """The class of each of k categories, which most of its images have, and how many of its images each class has.

    A category without images is of the class that most images have; of classes with as many, the first counts.

    >>> majority(torch.tensor([0, 0, 0, 1]), torch.tensor([1, 1, 0, 0]), 3, 2)[0].tolist()
    [1, 0, 0]
    """
    counts = (categories * classes + labels).bincount(minlength=k * classes).view(k, classes)
    most = counts.argmax(1)
    return torch.where(counts.sum(1) > 0, most, counts.sum(0).argmax()), counts


def named_categories(model: Model, images: Labelled, n: int) -> dict[str, Named]:
    """By the noise's name: which class each category is of, by training images, and how often that errs on n others.

    Empty where the system reads no category, and where there are no labels on either side.
    """
    kinds = {name: code.kind for name, code in (model.game.encode or {}).items()}
    if "category" not in kinds.values() or images.real.labels is None or not len(images.real.images):
        return {}
    if images.taught.labels is None or not len(images.taught.images):
        return {}
    taught, real = fixed_subset(len(images.taught.images), TAUGHT), fixed_subset(len(images.real.images), n)
    of_taught, of_real = model.encode(images.taught.images[taught]), model.encode(images.real.images[real])
    truth, found = images.real.labels[real], {}
    for name in (name for name, kind in kinds.items() if kind == "category"):
        k = of_taught[name].shape[1]
        classes, counts = majority(
            of_taught[name].argmax(1), images.taught.labels[taught], k, len(images.taught.classes)
        )
        wrong = int((classes[of_real[name].argmax(1)] != truth).sum())
        found[name] = Named(classes, counts, wrong, len(truth))
    return found


def use(probabilities: Float[Tensor, "n k"]) -> int:
    """How many categories are the likeliest of 1 % of the images or more."""
    shares = probabilities.argmax(1).bincount(minlength=probabilities.shape[1]) / len(probabilities)
    return int((shares >= 0.01).sum())
