"""How far a classifier's probabilities are from how often it is right, and the temperature that brings them there.

    p(k | x) = softmax(l(x) / T)_k        T > 0 minimises the negative log-likelihood of held-out labels
    ECE = sum_b |b| / n |accuracy(b) - confidence(b)|        b: bins of the largest probability, of equal width

Guo, Pleiss, Sun & Weinberger 2017, "On calibration of modern neural networks", arXiv:1706.04599, eqs. 3 and 9. T leaves
the likeliest class as it is. Where every held-out image is right, the likelihood alone would make T 0: so, as in Platt
1999, a label counts as a little less than sure, by 1 / (n + 2), which is spread over the other classes.
"""

import math

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn.functional import one_hot

from energan.metrics.checks import check_probabilities
from energan.utils.errors import UserError

BINS = 15  # the paper's
RANGE = (0.02, 50.0)  # in which T is looked for


def temperature(logits: Float[Tensor, "n k"], labels: Int64[Tensor, " n"]) -> float:
    """The temperature T that logits of held-out images are to be divided by, from 0.02 to 50.

    Args:
        logits: of images that were not trained on with their labels, of k >= 2 classes.
        labels: their classes, 0..k-1.

    Raises:
        UserError: there are no images, labels of another number or range, or logits that are not finite.

    Example:
        >>> logits = torch.tensor([[4.0, 0.0]] * 10)
        >>> right = torch.tensor([0] * 7 + [1] * 3)  # sure to 0.98, right in 7 of 10
        >>> T = temperature(logits, right)
        >>> round(float((logits / T).softmax(1)[0, 0]), 2)  # 7 of 10, and Platt's 1 / 12 of doubt
        0.67
    """
    from scipy.optimize import minimize_scalar

    logits, labels = _checked(logits, labels)
    if bool((logits == logits[:, :1]).all()):  # any T is as likely
        return 1.0
    n, k = logits.shape
    doubt = 1 / (n + 2)
    targets = one_hot(labels, k) * (1 - doubt - doubt / (k - 1)) + doubt / (k - 1)

    def loss(log_t: float) -> float:
        return float(-(targets * (logits / math.exp(log_t)).log_softmax(1)).sum(1).mean())

    low, high = map(math.log, RANGE)
    return math.exp(minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-4}).x)


def calibration_error(probabilities: Float[Tensor, "n k"], labels: Int64[Tensor, " n"], bins: int = BINS) -> float:
    """ECE: the mean distance between how sure a classifier is and how often it is right, 0 (best) to 1.

    Of n images alone it is above 0 by chance, the more the fewer they are, even of perfect probabilities.

    Args:
        probabilities: of each class.
        labels: 0..k-1.
        bins: of equal width, of the largest probability.

    Raises:
        UserError: there are no images, labels of another number or range, or rows that are no probabilities.

    Example:
        >>> probabilities = torch.tensor([[0.9, 0.1], [0.9, 0.1]])
        >>> round(calibration_error(probabilities, torch.tensor([0, 1])), 6)  # sure to 0.9, right in 1 of 2
        0.4
    """
    probabilities, labels = _checked(probabilities, labels)
    check_probabilities(probabilities)
    sure, predicted = probabilities.max(1)
    right = (predicted == labels).double()
    places = np.clip(np.ceil(sure.numpy() * bins).astype(int) - 1, 0, bins - 1)
    gaps = np.bincount(places, (right - sure).numpy(), bins)
    return float(np.abs(gaps).sum() / len(labels))


def cross_fitted(logits: Float[Tensor, "n k"], labels: Int64[Tensor, " n"]) -> Float[Tensor, "n k"]:
    """Probabilities of held-out images, each calibrated by the temperature of the half that it is not in.

    So their calibration error is one of images that T was not fitted to. Chance divides them, always alike.

    Example:
        >>> cross_fitted(torch.zeros(4, 2), torch.tensor([0, 1, 0, 1]))[0].tolist()
        [0.5, 0.5]
    """
    result = logits.double().clone()
    order = torch.randperm(len(logits), generator=torch.Generator().manual_seed(0))
    halves = order[::2], order[1::2]
    for half, other in (halves, halves[::-1]):
        result[half] /= temperature(logits[other], labels[other])
    return result.softmax(1)


def _checked(values: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    if values.ndim != 2 or len(values) == 0 or labels.shape != (len(values),) or values.shape[1] < 2:
        raise UserError("calibration takes n rows of 2 classes or more, and as many labels; n is 1 or more")
    if not 0 <= int(labels.min()) <= int(labels.max()) < values.shape[1]:
        raise UserError(f"labels are 0..{values.shape[1] - 1}, and these are {int(labels.min())}..{int(labels.max())}")
    if not bool(torch.isfinite(values).all()):
        raise UserError("calibration takes finite numbers alone")
    return values.double(), labels
