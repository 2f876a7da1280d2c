"""Samples, measured against real images, and their nearest training images."""

from typing import Any

from energan import metrics
from energan.capabilities import reference
from energan.capabilities.capability import Measurement
from energan.capabilities.reference import SHOWN, named, write_nearest
from energan.data.image_set import fixed_subset


def measure(run: Measurement) -> dict[str, Any]:
    """Metrics of n samples against at most n real images; writes neighbours.png and .json."""
    real = run.experiment.test_set()
    network = reference.usable_network(run.experiment, real.images)
    samples = run.samples(run.n if network else SHOWN)
    values: dict[str, float] = {}
    if network:
        compared = real.images[fixed_subset(len(real.images), run.n)]
        values = metrics.evaluate(samples, compared, network, seed=run.seed)
    write_nearest(run.folder, samples[:SHOWN], run.training.images, network)
    return {
        "samples": len(samples),
        "reference": named(run.experiment, real, min(run.n, len(real.images))),
        "network": network,
        "metrics": values,
    }


def summary(result: dict[str, Any]) -> str:
    """What was compared with what, in words."""
    return f"{result['samples']} samples against {result['reference']}"
