"""Samples, measured against real images, and their nearest training images."""

from typing import Any

from energan import metrics
from energan.capabilities import reference
from energan.capabilities.capability import Measurement
from energan.capabilities.reference import SHOWN, named, write_nearest
from energan.html.formatting import figure, plain
from energan.runs.reader import Json

METRICS = {
    "FID": ("lower", "distance between the features of generated and of real images, as two Gaussians"),
    "KID": ("lower", "distance between the same features by a polynomial kernel; unbiased for few images"),
    "precision": ("higher", "share of generated images that lie among real ones"),
    "recall": ("higher", "share of real images that lie among generated ones"),
    "density": ("higher", "how many real neighbourhoods a generated image lies in; about 1 for real images"),
    "coverage": ("higher", "share of real images with a generated one close by"),
    "IS": ("higher", "inception score: classes recognised surely, and all drawn; at most the number of classes"),
    "I": ("higher", "the paper's score, mean KL(p(y) || p(y|x)) in nats: sure and varied at once"),
    "digits covered": ("higher", "digits that at least 1 % of the samples show"),
    "train distance": (
        "",
        "median distance from a sample to its nearest training image; copies have far less than real images",
    ),
    "train distance of real": (
        "",
        "the same for real images that were not trained on: a model that does not copy has about this distance",
    ),
    "Parzen": ("higher", "log-likelihood of real images under a kernel density of the samples"),
}


def measure(run: Measurement) -> dict[str, Any]:
    """Metrics of n samples against at most n real images; writes neighbours.png and .json if it is to draw."""
    real = run.experiment.test_set()
    network = reference.usable_network(run.experiment, real.images)
    samples = run.samples(run.n if network else SHOWN)
    values: dict[str, float] = {}
    if network:
        values = metrics.evaluate(samples, reference.described(real.images, run.n, network), network, seed=run.seed)
    if run.pictures:
        write_nearest(run.folder, samples[:SHOWN], run.training.images, network)
    return {
        "samples": len(samples),
        "reference": named(run.experiment, real, min(run.n, len(real.images))),
        "network": network,
        "metrics": values,
    }


def summary(result: Json) -> str:
    """What was compared with what, as far as it is known."""
    samples = f"{figure(result['samples'])} samples" if result.get("samples") else ""
    against = f"against {plain(result['reference'])}" if result.get("reference") else ""
    return " ".join(filter(None, (samples, against)))
