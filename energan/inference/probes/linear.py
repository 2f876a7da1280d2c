"""What a network's features say of classes to a linear classifier with few labels.

The protocol of DCGAN's authors: each layer max-pooled to 4 x 4, all of them side by side, a linear SVM, its C chosen by
validation (Radford, Metz & Chintala 2015, arXiv:1511.06434, section 5).
NOTE: each layer is divided by its root mean square over the labelled images, so that one range of C fits any network.
"""

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor

CHOICES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # of C


class Probed(NamedTuple):
    """C as it was chosen; errors, in %, of a classifier of each draw of labels."""

    C: float
    errors: tuple[float, ...]


class Rows(NamedTuple):
    """Features, and the class of each row."""

    features: Float[Tensor, "n d"]
    labels: Int64[Tensor, " n"]


def probe(taught: Sequence[Rows], validation: Rows, test: Rows, choices: Sequence[float] = CHOICES) -> Probed:
    """The test error of a linear SVM of each draw of labelled rows, with the C that errs least on validation.

    taught: the draws. Validation sees the first three; of C that err alike, the least is taken.
    """
    chosen = min(choices, key=lambda C: sum(error(C, rows, validation) for rows in taught[:3]))
    return Probed(chosen, tuple(error(chosen, rows, test) for rows in taught))


def error(C: float, taught: Rows, judged: Rows) -> float:
    """The share of rows, in %, that a linear SVM of the taught rows takes for another class than theirs."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.svm import LinearSVC

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a thousand passes are far more than the error needs
        fitted = LinearSVC(C=C, random_state=0).fit(taught.features.numpy(), taught.labels.numpy())
    predicted = torch.from_numpy(fitted.predict(judged.features.numpy()))
    return 100 * float((predicted != judged.labels).double().mean())


def scales(layers: Sequence[Float[Tensor, "n _"]]) -> list[float]:
    """The root mean square of each layer, or 1 where that is 0."""
    return [float(rows.square().mean().sqrt()) or 1.0 for rows in layers]


def joined(layers: Sequence[Float[Tensor, "n _"]], by: Sequence[float]) -> Float[Tensor, "n d"]:
    """Layers side by side, each divided by its scale.

    >>> layers = [torch.tensor([[3.0], [3.0]]), torch.tensor([[0.0, 2.0], [2.0, 0.0]])]
    >>> joined(layers, [3.0, 2.0]).tolist()
    [[1.0, 0.0, 1.0], [1.0, 1.0, 0.0]]
    """
    return torch.cat([rows / scale for rows, scale in zip(layers, by, strict=True)], 1)
