"""How the samples of a run in training stand to its training images: what a verdict on training is made of.

    distance          energy coefficient H of samples and training images, by the run's feature network (two_sample.py)
    spread            mean distance between two samples, divided by that of two training images
    distinct          samples that no other is near to, divided by the same number of as many training images
    precision, recall  share of samples that lie among training images, and of training images that lie among samples;
                      not of fewer training images than samples
    copies            share of samples that copy a training image (metrics.neighbours.copies)
    copies real       the same share of held-out images: what training images have in common makes no copy
    train distance, train distance real   median distance to the nearest training image, of both
    change            mean distance of a sample to that of the same noise at the look before, divided by the mean
                      distance of two training images; not of the first look after a start

The first five are between features, the others between pixels, as small as 16 x 16. Those called real are of held-out
images, or, where a source holds none out, of training images whose own row is left out.
"""

from functools import cached_property
from typing import NamedTuple, final

import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from energan.capabilities.capability import Preview
from energan.data import held_out_split
from energan.data.image_set import fixed_subset
from energan.experiment import Experiment
from energan.metrics.feature_distances import precision_recall
from energan.metrics.features.catalog import NETWORKS, describe
from energan.metrics.neighbours import Copies, copies
from energan.metrics.two_sample import inhomogeneity

MEANINGS = {
    "distance": ("lower", "how far samples are from training images: energy coefficient H, 0 to 1"),
    "spread": ("", "how much samples differ, beside training images: 1 for as much, near 0 where all are alike"),
    "distinct": ("", "distinct images among samples, beside as many training images: near 0 where G draws a few"),
    "precision": ("higher", "share of samples that lie among training images"),
    "recall": ("higher", "share of training images that lie among samples"),
    "copies": ("lower", "share of samples that copy a training image"),
    "copies real": ("", "the same of real images that were not trained on, or of training images beside the others"),
    "train distance": ("", "median distance of a sample to the nearest training image, between small pixels"),
    "train distance real": ("", "the same of those real images"),
    "change": ("", "how far samples of the same noise moved since the look before, beside two training images"),
}

FIRST = 50  # steps of a run before which its samples say nothing of how it goes

LEAST = 8  # training images, below which nothing can be said

UNNAMED = 500  # samples of a run without a feature network: pixels are compared, which is quick

SIDE = 16  # pixels of a side between which copies are looked for

SEARCHED = 10_000  # training images among which copies are looked for

NEAR = 0.5  # of the median distance of a training image to its nearest: samples that are nearer are one


class Real(NamedTuple):
    """What samples are held against, of one feature network."""

    features: Float[Tensor, "n d"]  # of training images
    distinct: float  # share of them that no other is near to
    near: float  # the distance below which two are near
    pixels: Float[Tensor, "m d"]  # of the training images among which copies are looked for
    apart: float  # mean distance of two of them
    copies: Copies  # of real images that are not among them


@final
class Diagnosis:
    """Diagnoses a run at its looks. Real images are described once, at the first.

    network: the run's feature network; "" where there is none: then pixels are compared.
    """

    def __init__(self, experiment: Experiment, network: str) -> None:
        self._experiment, self._network = experiment, network
        self._real: Real | None = None
        self._before: Tensor | None = None  # the last look's samples, as pixels

    @property
    def samples(self) -> int:
        """How many samples are looked at."""
        return NETWORKS[self._network].glance if self._network else UNNAMED

    @cached_property
    def _held_out(self) -> UInt8[Tensor, "n c h w"] | None:
        if held_out_split(self._experiment.source) is None:
            return None
        images = self._experiment.test_set().images
        return images[fixed_subset(len(images), UNNAMED)]

    def measure(self, run: Preview) -> dict[str, float]:
        """The quantities above, by name; {} in the first steps, and of a handful of training images."""
        if run.step < FIRST or len(run.images) < LEAST:
            return {}
        if self._real is None:
            self._real = self._described(run)
        real, samples = self._real, run.samples(self.samples)
        features, pixels = self._features(samples), _pixels(samples)
        found, apart = copies(pixels, real.pixels), inhomogeneity(real.features, features)
        overlap: dict[str, float] = {}
        if len(real.features) >= len(features):  # else samples lie closer than images do, which tells nothing
            found_overlap = precision_recall(real.features, features)
            overlap = {"precision": found_overlap.precision, "recall": found_overlap.recall}
        before, self._before = self._before, pixels
        change = {} if before is None else {"change": float((pixels - before).norm(dim=1).mean()) / real.apart}
        return {
            "distance": apart.coefficient,
            "spread": apart.spread,
            "distinct": packed(features, real.near) / len(features) / real.distinct,
            **overlap,
            "copies": float(found.copies.float().mean()),
            "copies real": float(real.copies.copies.float().mean()),
            "train distance": float(found.nearest.distances[:, 0].median()),
            "train distance real": float(real.copies.nearest.distances[:, 0].median()),
            **change,
        }

    def _described(self, run: Preview) -> Real:
        features = self._features(run.training_images(2 * self.samples))
        apart = torch.cdist(features, features).fill_diagonal_(torch.inf).amin(1)
        near = NEAR * float(apart.median())
        like = features[torch.arange(self.samples) % len(features)]  # of 20 images, 500 samples can show 20
        pixels = _pixels(run.training_images(SEARCHED))
        held_out = self._held_out
        others = pixels[: self.samples] if held_out is None else _pixels(held_out)
        apart_pixels = float(torch.pdist(pixels[:UNNAMED]).mean().clamp(min=1e-12))
        known = copies(others, pixels, itself=held_out is None)
        return Real(features, packed(like, near) / len(like), near, pixels, apart_pixels, known)

    def _features(self, images: UInt8[Tensor, "n c h w"]) -> Float[Tensor, "n d"]:
        return describe(images, self._network).features if self._network else _pixels(images)


def packed(rows: Float[Tensor, "n d"], near: float) -> int:
    """How many rows are left where each, in order, takes away the later ones within the distance `near` of it.

    >>> packed(torch.tensor([[0.0], [0.1], [5.0], [5.1], [9.0]]), 1.0)
    3
    """
    apart = torch.cdist(rows, rows) > near
    free, left = torch.ones(len(rows), dtype=torch.bool), 0
    for i in range(len(rows)):
        if free[i]:
            left += 1
            free &= apart[i]
    return left


def _pixels(images: UInt8[Tensor, "n c h w"]) -> Float[Tensor, "n d"]:
    """Pixels in [0, 1], of images that are larger than 16 x 16 the means over as many squares."""
    x = images.float() / 255
    h, w = x.shape[2:]
    return adaptive_avg_pool2d(x, (min(SIDE, h), min(SIDE, w))).flatten(1)
