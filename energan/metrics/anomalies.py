"""How well energies find what is not normal, where it is known: AUROC, average precision, F1; of images and of pixels.

scikit-learn's metrics; anomalies are the positives.
"""

from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from energan.utils.errors import UserError


def detection(
    energies: Float[Tensor, " n"], anomalous: Bool[Tensor, " n"], threshold: float | None = None
) -> dict[str, float]:
    """Measures energies against the truth.

    Args:
        energies: High for what should be anomalous.
        anomalous: What is.
        threshold: Above which an image is called an outlier; None: nobody decides.

    Returns:
        AUROC, "average precision", "best F1" and "best F1 at", the threshold above which it is had, which was chosen on
        these images, so that it flatters; with a threshold "F1", "found" (the share of anomalies that are called
        outliers) and "false alarms" (the share of normal images that are).

    Raises:
        UserError: All images are normal, or none is; energies that are no numbers.

    Example:
        >>> energies, truth = torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.tensor([False, False, True, True])
        >>> found = detection(energies, truth, threshold=1.5)
        >>> found["AUROC"], found["best F1"], found["found"], found["false alarms"]
        (1.0, 1.0, 1.0, 0.5)
    """
    from sklearn.metrics import average_precision_score, f1_score, precision_recall_curve, roc_auc_score

    _finite(energies)
    truth, score = anomalous.numpy(), energies.double().numpy()
    if truth.all() or not truth.any():
        raise UserError("energies are measured on images of which some are normal and some are not")
    precision, recall, thresholds = precision_recall_curve(truth, score)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    best = int(f1[:-1].argmax())
    found = {
        "AUROC": float(roc_auc_score(truth, score)),
        "average precision": float(average_precision_score(truth, score)),
        "best F1": float(f1[best]),
        "best F1 at": _below(float(thresholds[best]), score),
    }
    if threshold is not None:
        called = score > threshold
        found["F1"] = float(f1_score(truth, called))
        found["found"] = float(called[truth].mean())
        found["false alarms"] = float(called[~truth].mean())
    return found


def pixel_auroc(maps: Float[Tensor, "n h w"], masks: Bool[Tensor, "n h w"]) -> float:
    """AUROC of the pixels of all images together.

    Args:
        maps: Energies of pixels.
        masks: Which pixels are odd.

    Raises:
        UserError: All pixels are odd, or none is; energies that are no numbers.

    Example:
        >>> pixel_auroc(torch.tensor([[[0.0, 1.0, 2.0]]]), torch.tensor([[[False, False, True]]]))
        1.0
    """
    from sklearn.metrics import roc_auc_score

    _finite(maps)
    if bool(masks.all()) or not bool(masks.any()):
        raise UserError("pixels are measured on masks in which some are odd and some are not")
    return float(roc_auc_score(masks.flatten().numpy(), maps.flatten().double().numpy()))


def by_kind(energies: Float[Tensor, " n"], anomalous: Bool[Tensor, " n"], kinds: tuple[str, ...]) -> dict[str, float]:
    """The AUROC of each kind of anomaly against all normal images.

    Args:
        energies: Of each image.
        anomalous: Which are not normal.
        kinds: What each image is called.

    Raises:
        UserError: Energies that are no numbers.
    """
    from sklearn.metrics import roc_auc_score

    _finite(energies)
    found = {}
    for kind in sorted({name for name, odd in zip(kinds, anomalous.tolist(), strict=True) if odd}):
        chosen = ~anomalous | torch.tensor([name == kind for name in kinds])
        found[kind] = float(roc_auc_score(anomalous[chosen].numpy(), energies[chosen].double().numpy()))
    return found


def _finite(energies: Tensor) -> None:
    if not bool(energies.isfinite().all()):
        raise UserError("energies are NaN or infinite: the model that gave them has diverged")


def _below(least: float, score: "np.ndarray[Any, Any]") -> float:
    """A threshold above which are the scores from `least` on, and no others: half way to the next lower one."""
    lower = score[score < least]
    if not len(lower):
        return float(np.nextafter(least, -np.inf))
    middle = (float(lower.max()) + least) / 2
    return middle if middle < least else float(lower.max())
