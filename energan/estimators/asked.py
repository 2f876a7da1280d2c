"""What estimators that draw share where `fit` is given y: the classes, nets that are told them, what is asked for."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int64, Shaped
from numpy import ndarray as Array
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from energan.data.few_labels import numbered
from energan.data.image_set import NONE
from energan.estimators.base import TrainingData, seed_of
from energan.networks.layers.condition import Joined, Planes, embedding
from energan.utils.checks import whole

WIDE = 16  # classes beyond which nets get an embedding of so many numbers, not one number a class
SHOWN = 10  # classes that an error names


class Classes(NamedTuple):
    """The labels of `fit`: `names` in their order, as y had them, and each row's number."""

    names: Shaped[Array, " k"]
    labels: Int64[Tensor, " n"]

    @property
    def width(self) -> int:
        """Of the embedding; 0: one-hot."""
        return WIDE if len(self.names) > WIDE else 0

    @property
    def inputs(self) -> int:
        """Numbers that a net gets of a class."""
        return self.width or len(self.names)


def with_classes(data: TrainingData, X: Any, y: Any) -> tuple[TrainingData, Classes | None]:
    """The rows that have a label, and the labels; all rows and None where y is None.

    ValueError for labels of another number than rows, for fractions, and where fewer than two rows have a label.
    """
    if y is None:
        return data, None
    check_consistent_length(X, y)
    y = column_or_1d(y, warn=True)
    if y.dtype.kind == "f":
        check_classification_targets(y)
    labels, names = numbered(y)
    rows = (labels != NONE).nonzero().flatten()
    if len(rows) < 2:
        raise ValueError(f"{len(rows)} row of X has a label in y: training needs two or more")
    images = data.images if len(rows) == len(labels) else data.images[rows]
    return data._replace(images=images, batch=min(data.batch, len(rows))), Classes(names, labels[rows])


class Told(nn.Module):
    """An auto-encoder that is told the class: x and c beside it go in, the reconstruction is of x alone.

    x (n, k, h, w), c (n, classes). c is planes where axis is 1, and numbers at the end of a row where it is 3.
    """

    def __init__(self, net: nn.Module, classes: int, width: int, axis: int) -> None:
        super().__init__()
        self.net, self.embedding, self.axis = net, embedding(classes, width), axis

    def forward(self, x: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        e = self.embedding(c).to(x.dtype)
        beside = e[:, :, None, None].expand(-1, -1, *x.shape[2:]) if self.axis == 1 else e[:, None, None, :]
        reconstruction, code = self.net(torch.cat([x, beside], self.axis))
        return reconstruction.narrow(self.axis, 0, x.shape[self.axis]), code


class Untold(nn.Module):
    """The same net of x alone: of no class."""

    def __init__(self, net: nn.Module, classes: int) -> None:
        super().__init__()
        self.net, self.classes = net, classes

    def forward(self, x: Tensor) -> Any:
        return self.net(x, x.new_zeros(x.shape[0], self.classes))


def told_generator(G: nn.Module, classes: Classes | None) -> nn.Module:
    """G, which takes z and `classes.inputs` numbers, with c beside z."""
    return G if classes is None else Joined(G, len(classes.names), classes.width)


def told_discriminator(D: nn.Module, classes: Classes | None) -> nn.Module:
    """D, which takes `classes.inputs` channels more than an image has, with c as planes."""
    return D if classes is None else Planes(D, len(classes.names), classes.width)


def remember_classes(estimator: Any, classes: Classes | None) -> None:
    """Sets the fitted attributes classes_ and class_counts_; an estimator that was fitted without y has neither."""
    for name in ("classes_", "class_counts_"):
        vars(estimator).pop(name, None)
    if classes is not None:
        estimator.classes_ = classes.names
        estimator.class_counts_ = np.bincount(classes.labels.numpy(), minlength=len(classes.names))


def count_of(estimator: Any) -> int:
    """How many classes a fitted estimator draws; 0 where it was fitted without y."""
    return len(getattr(estimator, "classes_", ()))


def how_many(n_samples: int | None, y: Any) -> int:
    """How many rows to draw: n_samples, else as many as y has labels, else 1. ValueError where they differ."""
    if y is not None and np.ndim(y) > 1:
        raise ValueError(f"y is one label, or one for each sample, not an array of shape {np.shape(y)}")
    many = None if y is None or np.ndim(y) == 0 else len(y)
    n = whole("n_samples", (many or 1) if n_samples is None else n_samples)
    if many is not None and n != many:
        raise ValueError(f"y asks for {many} samples and n_samples for {n}: give one label, or as many as samples")
    return n


def asked_rows(estimator: Any, n: int, y: Any, random_state: Any) -> Float[Tensor, "n k"] | None:
    """What each of n samples is asked for: the labels of y, or, where it is None, as often as X had each.

    None where `fit` was given no y. ValueError for y then, and for a label that `fit` did not see.
    """
    check_is_fitted(estimator)
    names: Sequence[Any] = getattr(estimator, "classes_", np.array([])).tolist()
    if not names:
        if y is not None:
            raise ValueError("y asks for classes, but fit was given none: fit(X, y) trains for them")
        return None
    if y is None:
        random_state = estimator.trained_with_["random_state"] if random_state is None else random_state
        shares = estimator.class_counts_ / estimator.class_counts_.sum()
        chosen = np.random.RandomState(seed_of(random_state)).choice(len(names), size=n, p=shares).tolist()
    else:
        chosen = [_number(names, label) for label in np.broadcast_to(np.asarray(y), n).tolist()]
    return torch.eye(len(names))[chosen]


def _number(names: Sequence[Any], label: Any) -> int:
    if label not in names:
        more = f", ... ({len(names)} in all)" if len(names) > SHOWN else ""
        raise ValueError(f"fit saw no class {label!r}, only {', '.join(map(repr, names[:SHOWN]))}{more}")
    return names.index(label)
