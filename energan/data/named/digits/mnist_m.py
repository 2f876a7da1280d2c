"""MNIST-M: MNIST's digits as the difference to pieces of photographs, in colour, 28 x 28: another domain of digits.

    image = |piece - digit|        each channel; Ganin & Lempitsky 2015, arXiv:1409.7495, section 4

The authors' photographs, BSDS500, cannot be had from a package registry, so these are other ones (photos.py), and the
numbers of papers are beside ours, not the same. Pieces of test digits are of photographs that no training digit has.
"""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Int, UInt8
from numpy import ndarray as Array
from numpy.random import RandomState

from energan.data.image_set import ImageSet
from energan.utils.errors import UserError

SIDE = 480  # pixels of a photograph's longer side, as BSDS500's have

SEEDS = {"train": 0, "test": 1}

Photos = Callable[[str, int], Sequence[UInt8[Array, "h w 3"]]]  # split, longest side


def blended(
    digits: ImageSet, photos: Sequence[UInt8[Array, "h w 3"]], seed: int
) -> tuple[UInt8[Array, "n 3 h w"], Int[Array, " n"]]:
    """Each digit on a piece of a photograph, chosen at random with its place.  UserError for unlabelled digits."""
    if digits.labels is None or digits.images.shape[1] != 1:
        raise UserError(f"{digits.name} cannot be blended: grey images with labels are needed")
    grey = digits.images.numpy().astype(np.int16)  # (n, 1, h, w)
    side = grey.shape[-1]
    random = RandomState(seed)  # NumPy promises that it never changes what it draws
    which = random.randint(len(photos), size=len(grey))
    places = random.random_sample((len(grey), 2))
    images = np.empty((len(grey), 3, side, side), np.uint8)
    for i, (photo, (v, u)) in enumerate(zip(which, places, strict=True)):
        h, w = photos[photo].shape[:2]
        top, left = int(v * (h - side + 1)), int(u * (w - side + 1))
        piece = photos[photo][top : top + side, left : left + side].transpose(2, 0, 1)
        images[i] = np.abs(piece.astype(np.int16) - grey[i])
    return images, digits.labels.numpy()


def mnist_m(mnist: ImageSet, photos: Photos, split: str) -> tuple[UInt8[Array, "n 3 28 28"], Int[Array, " n"]]:
    """The set's images and labels, out of the same split of MNIST."""
    return blended(mnist, photos(split, SIDE), SEEDS[split])
