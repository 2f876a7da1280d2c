"""Energies of real images and of samples while a run trains."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from energan.capabilities.capability import Preview
from energan.metrics.scores import roc_auc

IMAGES = 512  # real ones, and samples
BINS = 40

MEANINGS = {"AUROC": ("", "how surely the energy tells samples from training images: 0.5 not at all, 1 always")}


def preview(run: Preview, _: Any) -> None:
    """Writes a histogram of the energies of training images and of samples, and how well they separate the two.

    Nothing where a game draws no samples. AUROC: the probability that a sample has more energy than a training image.
    """
    if run.model.game.sample is None:
        return
    real, fake = run.model.score(run.training_images(IMAGES)), run.model.score(run.samples(IMAGES))
    run.write({"energies": histogram(real, fake)})
    run.write({"diagnosis": {"AUROC": roc_auc(real, fake)}})


def histogram(real: Float[Tensor, " n"], fake: Float[Tensor, " m"]) -> dict[str, list[float]]:
    """Counts of both sets of energies over common edges."""
    both = torch.cat([real, fake])
    edges = torch.linspace(float(both.min()), float(both.max()) + 1e-6, BINS + 1)
    counts = {name: torch.histogram(x, edges)[0].tolist() for name, x in (("real", real), ("fake", fake))}
    return {"edges": edges.tolist(), **counts}
