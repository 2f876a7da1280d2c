"""Squares of photographs, in colour, 192 x 192: pictures for super-resolution; the label is the photograph.

Photographs are halved first (bicubic, antialiased), which takes most of what JPEG left, and then cut into squares that
do not overlap, as many as fit, with equal margins. A third has next to no detail, being of sky or out of focus, and is
left out: channels that differ from the means of their 4 x 4 blocks by less than 1.5 levels on average.
A photograph is of one split only; `mnist-m`'s test photographs are the test photographs here too.

JPEG's decoders may round a pixel differently: such pixels are taken with a warning, and are not cached.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray as Array
from PIL import Image

from energan.data.decoding.failures import UNREADABLE
from energan.data.named.photos import HELD_OUT, NAMES, Wanted
from energan.data.named.published import Published
from energan.utils.errors import UserError

SIDE = 192

BLOCK, DETAIL = 4, 1.5  # pixels; levels of 255

VALIDATED = frozenset({"aitzgorri_by_Aitzol_Berasategi", "Picture_0B_by_freespace", "LadyBird"})


def read_squares(photographs: Callable[[Wanted, Callable[[Path], Any]], list[Any]], split: str) -> Published:
    """(squares (n, 3, 192, 192), labels (n,)) of one split's photographs. UserError if one cannot be had or read."""
    found = photographs(lambda name: split_of(name) == split, lambda path: (NAMES.index(path.stem), squares(path)))
    labels = [label for label, pieces in found for _ in pieces]
    return Published(np.concatenate([pieces for _, pieces in found]), np.array(labels))


def split_of(name: str) -> str:
    """The split of a photograph: "train", "validation" or "test"."""
    if name in HELD_OUT:
        return "test"
    return "validation" if name in VALIDATED else "train"


def squares(path: Path) -> UInt8[Array, "n 3 192 192"]:
    """The squares of a photograph that have detail, from left to right and then from the top down."""
    try:
        with Image.open(path) as photo:
            half = photo.convert("RGB").resize((photo.width // 2, photo.height // 2), Image.Resampling.BICUBIC)
    except UNREADABLE as error:
        raise UserError(f"{path} cannot be read ({error})") from error
    down, across = half.height // SIDE, half.width // SIDE
    top, left = (half.height - down * SIDE) // 2, (half.width - across * SIDE) // 2
    whole = np.asarray(half)[top : top + down * SIDE, left : left + across * SIDE]
    cut = whole.reshape(down, SIDE, across, SIDE, 3).transpose(0, 2, 4, 1, 3).reshape(-1, 3, SIDE, SIDE)
    return cut[detail(cut) >= DETAIL]


def detail(images: UInt8[Array, "n c h w"]) -> Float[Array, " n"]:
    """How much pixels differ from the means of their blocks, in levels, on average; sides are multiples of BLOCK.

    Example:
        >>> lines = np.tile(np.array([0, 200], np.uint8), (1, 1, 4, 2))
        >>> detail(lines).tolist(), detail(np.full((1, 3, 8, 8), 9, np.uint8)).tolist()
        ([100.0], [0.0])
    """
    n, c, h, w = images.shape
    blocks = images.astype(np.int32).reshape(n, c, h // BLOCK, BLOCK, w // BLOCK, BLOCK)
    sums = np.abs(blocks * BLOCK**2 - blocks.sum((3, 5), keepdims=True)).sum((1, 2, 3, 4, 5), dtype=np.int64)
    return sums / (c * h * w * BLOCK**2)  # whole numbers until here: the same on every machine
