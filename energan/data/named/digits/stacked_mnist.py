"""Stacked MNIST: three random digits as the channels of an image, a thousand modes to find.

Metz et al. 2017, arXiv:1611.02163, section 3.3; made as VEEGAN and PacGAN (arXiv:1712.04086, section 4.1) do, but
from MNIST's own split instead of from all its images: each digit at random, with replacement.
"""

import numpy as np
from jaxtyping import Int, UInt8
from numpy import ndarray as Array

from energan.data.image_set import ImageSet
from energan.utils.errors import UserError

TRIPLES = {"train": 128_000, "test": 26_000}  # as many as PacGAN trains on, and as many as it measures

SEEDS = {"train": 0, "test": 1}

CLASSES = tuple(f"{number:03}" for number in range(1000))


def stack(digits: ImageSet, n: int, seed: int) -> tuple[UInt8[Array, "n 3 h w"], Int[Array, " n"]]:
    """n triples of grey, labelled digits, and their labels 100 a + 10 b + c.  Raises UserError without labels."""
    if digits.labels is None or digits.images.shape[1] != 1:
        raise UserError(f"{digits.name} cannot be stacked: grey images with labels are needed")
    # NumPy promises that RandomState never changes what it draws, and torch does not
    chosen = np.random.RandomState(seed).randint(len(digits.images), size=(n, 3))
    labels = digits.labels.numpy()[chosen] @ np.array([100, 10, 1])
    return digits.images.numpy()[:, 0][chosen], labels


def stacked(mnist: ImageSet, split: str) -> tuple[UInt8[Array, "n 3 28 28"], Int[Array, " n"]]:
    """The set's images and labels, out of the same split of MNIST."""
    return stack(mnist, TRIPLES[split], SEEDS[split])
