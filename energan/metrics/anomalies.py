"""How well energies find what is not normal, where it is known: AUROC, average precision, F1; of images and of pixels.

scikit-learn's metrics; anomalies are the positives.
"""

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
        AUROC, "average precision", "best F1" and "best F1 at", the threshold that gives it, which was chosen on these
        images, so that it flatters; with a threshold "F1", "found" (the share of anomalies that are called outliers)
        and "false alarms" (the share of normal images that are).

    Raises:
        UserError: All images are normal, or none is.

    Example:
        >>> energies, truth = torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.tensor([False, False, True, True])
        >>> found = detection(energies, truth, threshold=1.5)
        >>> found["AUROC"], found["best F1"], found["found"], found["false alarms"]
        (1.0, 1.0, 1.0, 0.5)
    """
    from sklearn.metrics import average_precision_score, f1_score, precision_recall_curve, roc_auc_score

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
        "best F1 at": float(thresholds[best]),
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
        UserError: All pixels are odd, or none is.

    Example:
        >>> pixel_auroc(torch.tensor([[[0.0, 1.0, 2.0]]]), torch.tensor([[[False, False, True]]]))
        1.0
    """
    from sklearn.metrics import roc_auc_score

    if bool(masks.all()) or not bool(masks.any()):
        raise UserError("pixels are measured on masks in which some are odd and some are not")
    return float(roc_auc_score(masks.flatten().numpy(), maps.flatten().double().numpy()))


def by_kind(energies: Float[Tensor, " n"], anomalous: Bool[Tensor, " n"], kinds: tuple[str, ...]) -> dict[str, float]:
    """The AUROC of each kind of anomaly against all normal images.

    Args:
        energies: Of each image.
        anomalous: Which are not normal.
        kinds: What each image is called.
    """
    from sklearn.metrics import roc_auc_score

    found = {}
    for kind in sorted({name for name, odd in zip(kinds, anomalous.tolist(), strict=True) if odd}):
        chosen = ~anomalous | torch.tensor([name == kind for name in kinds])
        found[kind] = float(roc_auc_score(anomalous[chosen].numpy(), energies[chosen].double().numpy()))
    return found
