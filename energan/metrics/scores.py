"""Scores from one number or one row of class probabilities a sample.

p(y|x): (n, k), a classifier's probabilities of k classes for n samples; p(y): their mean over the samples.
Natural logarithms, so every divergence is in nats; computed in float64.

torchmetrics' InceptionScore takes logits, no probabilities, draws its splits from the global generator, warns
on construction, and gives a NaN deviation for one split: so the score is written here and tested against it.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from energan.metrics.checks import check_probabilities, check_rows
from energan.utils.errors import UserError

FLOOR = 1e-6  # of a class probability in the modified score; the paper does not give one


def inception_score(probabilities: Float[Tensor, "n k"], splits: int = 1) -> tuple[float, float]:
    """Inception score: exp E_x KL(p(y|x) || p(y)).

    Salimans et al. 2016, arXiv:1606.03498, section 4.  1: all samples look alike to the classifier; k: it is
    sure of each, and they are balanced.  Biased downwards for few samples.

    Args:
        probabilities: p(y|x), (n, k).
        splits: parts of the samples, in the order given, each with a score of its own.

    Returns:
        Mean and standard deviation over the splits, in [1, k].

    Raises:
        UserError: if a row is no distribution, or there are fewer samples than splits.

    Example:
        >>> round(inception_score(torch.eye(10))[0], 6)
        10.0
    """
    check_probabilities(probabilities)
    if not 1 <= splits <= len(probabilities):
        raise UserError(f"splits must be between 1 and the {len(probabilities)} samples, not {splits}")
    values = []
    for p in probabilities.double().tensor_split(splits):
        marginal = p.mean(0)
        # E_x sum p(y|x) ln p(y) = sum p(y) ln p(y); xlogy makes 0 ln 0 zero
        values.append(torch.exp(torch.xlogy(p, p).sum(1).mean() - torch.xlogy(marginal, marginal).sum()))
    score = torch.stack(values)
    return float(score.mean()), float(score.std(correction=0))


def modified_score(probabilities: Float[Tensor, "n k"], floor: float = FLOOR) -> float:
    """The EBGAN paper's score: I = E_x KL(p(y) || p(y|x)), the pair swapped and no exponential.

    Zhao, Mathieu & LeCun 2016, arXiv:1609.03126, appendix C.  It has no bound of its own: a sure classifier
    makes it infinite.  So probabilities below `floor` are raised to it, and each row divided by its new sum;
    p(y) is the mean of those rows.  `modified_score_ceiling` is the value at which the score then saturates.

    Args:
        probabilities: p(y|x), (n, k).
        floor: the least probability of a class.

    Returns:
        The score in nats, >= 0; higher is better.

    Raises:
        UserError: if a row is no distribution, or the floor is not in (0, 1/k).

    Example:
        >>> round(modified_score(torch.eye(10)), 3) == round(modified_score_ceiling(10), 3)
        True
    """
    check_probabilities(probabilities)
    _check_floor(floor, probabilities.shape[1])
    raised = probabilities.double().clamp(min=floor)
    p = raised / raised.sum(1, keepdim=True)
    marginal = p.mean(0)
    return float((marginal * (marginal.log() - p.log())).sum(1).mean())


def modified_score_ceiling(k: int = 10, floor: float = FLOOR) -> float:
    """The modified score of k balanced classes, each sample given one with all its probability.

    One row is then hi = 1/s for its class and lo = floor/s for the others, with s = 1 + (k - 1) floor, and
    p(y) = 1/k:  I = -ln k - (ln hi)/k - (1 - 1/k) ln lo = ln s - ln k - (1 - 1/k) ln floor,  10.131 for ten
    digits and 1e-6.  For ten classes and floors of 1e-5 and below no set of probabilities scores more; for larger
    floors a set that misses a class can (nine of ten at 1e-3: 3.947 against 3.923).

    Args:
        k: classes.
        floor: the least probability of a class.

    Returns:
        The score in nats.

    Raises:
        UserError: for k < 2 or a floor outside (0, 1/k).

    Example:
        >>> round(modified_score_ceiling(10), 3)
        10.131
    """
    if k < 2:
        raise UserError(f"a score over classes needs at least 2 of them, not {k}")
    _check_floor(floor, k)
    return math.log1p((k - 1) * floor) - math.log(k) - (1 - 1 / k) * math.log(floor)


def roc_auc(inlier_energies: Float[Tensor, " n"], outlier_energies: Float[Tensor, " m"]) -> float:
    """The probability that an outlier has more energy than an inlier (ties count half): 1 perfect, 0.5 blind.

    scikit-learn's roc_auc_score.

    Args:
        inlier_energies: (n,).
        outlier_energies: (m,).

    Returns:
        The area under the ROC curve, 0 to 1.

    Raises:
        UserError: if a side is empty, not a vector, or has NaN values.

    Example:
        >>> roc_auc(torch.tensor([0.1, 0.2]), torch.tensor([0.3, 0.15]))
        0.75
    """
    from sklearn.metrics import roc_auc_score

    for energies, what in (
        (inlier_energies, "the inliers' energies"),
        (outlier_energies, "the outliers' energies"),
    ):
        if energies.ndim != 1:
            raise UserError(f"{what} must be a vector, not a tensor of shape {tuple(energies.shape)}")
        check_rows(energies[:, None], what)
    energies = torch.cat([inlier_energies.detach().double(), outlier_energies.detach().double()]).cpu()
    outlying = torch.cat([torch.zeros(len(inlier_energies)), torch.ones(len(outlier_energies))])
    return float(roc_auc_score(outlying.numpy(), energies.numpy()))


def _check_floor(floor: float, k: int) -> None:
    if not 0 < floor < 1 / k:
        raise UserError(f"the floor of a class probability must be between 0 and 1/{k}, not {floor}")
