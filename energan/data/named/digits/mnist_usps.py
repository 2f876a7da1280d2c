"""MNIST's digits as USPS's look, grey, 16 x 16: another domain of digits.

USPS itself is in no package registry. As there, a digit fills its picture, and is in its middle: its box is brought to
16 pixels on the longer side (bilinear, antialiased). Half of the digits, chosen at random, are first made a pixel
thicker on each side of a stroke. So size, place, sharpness and thickness differ from MNIST's, and handwriting does not:
papers' numbers on USPS are beside ours, not the same. `load(..., size=28)` enlarges them, as papers do.
"""

import numpy as np
from jaxtyping import Int, UInt8
from numpy import ndarray as Array
from numpy.random import RandomState
from PIL import Image

from energan.data.image_set import ImageSet
from energan.utils.errors import UserError

SIDE = 16

SEEDS = {"train": 0, "test": 1}


def mnist_usps(mnist: ImageSet, split: str) -> tuple[UInt8[Array, "n 1 16 16"], Int[Array, " n"]]:
    """The set's images and labels, out of the same split of MNIST. UserError for unlabelled or coloured digits."""
    if mnist.labels is None or mnist.images.shape[1] != 1:
        raise UserError(f"{mnist.name} cannot be made USPS's: grey images with labels are needed")
    digits = mnist.images[:, 0].numpy()
    thick = RandomState(SEEDS[split]).randint(2, size=len(digits))  # NumPy promises that it never changes what it draws
    return np.stack([fitted(thicker(x) if t else x) for x, t in zip(digits, thick, strict=True)]), mnist.labels.numpy()


def thicker(digit: UInt8[Array, "h w"]) -> UInt8[Array, "h w"]:
    """The digit with each pixel as bright as the brightest of itself and its four neighbours.

    Example:
        >>> thicker(np.array([[0, 9, 0], [0, 0, 0]], np.uint8)).tolist()
        [[9, 9, 9], [0, 9, 0]]
    """
    h, w = digit.shape
    padded = np.pad(digit, 1)
    places = ((1, 1), (0, 1), (2, 1), (1, 0), (1, 2))
    return np.maximum.reduce([padded[v : v + h, u : u + w] for v, u in places])


def fitted(digit: UInt8[Array, "h w"]) -> UInt8[Array, "1 16 16"]:
    """The box of what is not black, as large as fits, in the middle; black where there is nothing."""
    rows, columns = np.flatnonzero(digit.any(1)), np.flatnonzero(digit.any(0))
    image = np.zeros((1, SIDE, SIDE), np.uint8)
    if not len(rows):
        return image
    box = digit[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    h, w = (max(1, round(side * SIDE / max(box.shape))) for side in box.shape)
    top, left = (SIDE - h) // 2, (SIDE - w) // 2
    smaller = Image.fromarray(np.ascontiguousarray(box)).resize((w, h), Image.Resampling.BILINEAR)
    image[0, top : top + h, left : left + w] = np.asarray(smaller)
    return image
