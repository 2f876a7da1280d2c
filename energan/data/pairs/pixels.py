"""Pictures of any size as bytes, and brought to one size: by resizing, or by squares cut out of them as they are.

Nothing is resized unless that is asked for. Pictures of several sizes become squares that overlap so much that any crop
of theirs lies in one of them.
"""

import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import UInt8
from numpy import ndarray as Array
from torch import Tensor

from energan.data.decoding.decode import Fit, decode_pages, extents
from energan.data.decoding.failures import UNREADABLE, reason
from energan.data.decoding.fitting import refit
from energan.data.decoding.listing import Item
from energan.data.decoding.parallel import in_order
from energan.data.decoding.values import Extent, Range, check_outside, common_range
from energan.utils.errors import UserError

LARGEST = 4  # crops along a side of the squares that pictures of several sizes are cut into

Picture = UInt8[Array, "c h w"]


class Decoded(NamedTuple):
    """A picture, or why there is none.

    shape: height and width before it was resized; values, outside: how many values of more than eight bits it had, and
    how many of these lay outside the range.
    """

    picture: Picture | None
    failure: str = ""
    shape: tuple[int, int] = (0, 0)
    values: int = 0
    outside: int = 0


def decoded(items: Sequence[Item], fit_to: Fit, black_to_white: Range | None) -> Iterator[Decoded]:
    """Each item's first image, in order."""
    read = partial(_decoded, fit_to=fit_to, black_to_white=black_to_white)
    return in_order(read, items, lambda each: _size(each.picture))


def _size(picture: Picture | None) -> int:
    return 0 if picture is None else picture.nbytes


def _decoded(item: Item, fit_to: Fit, black_to_white: Range | None) -> Decoded:
    try:
        known = None if black_to_white is None else (lambda: black_to_white)
        page = next(decode_pages(item.read(), fit_to._replace(size=None), known))
        resized = refit(page.pixels, fit_to.size, fit_to.channels) if fit_to.size else page.pixels
        h, w = page.pixels.shape[1:]
        return Decoded(resized, "", (h, w), page.values, page.outside)
    except UNREADABLE as error:
        return Decoded(None, reason(error))


def said_of_range(pictures: Sequence[Decoded], black_to_white: Range | None, words: str) -> str:
    """What is said of values outside the range, "" of none. UserError for more than one in a thousand."""
    if black_to_white is None:
        return ""
    return check_outside(sum(p.outside for p in pictures), sum(p.values for p in pictures), black_to_white, words)


def range_of(items: Sequence[Item], words: str) -> Range | None:
    """What is black and white in the images of more than eight bits; None where there are none. UserError for two."""

    def found(item: Item) -> list[tuple[str, Extent]]:
        try:
            return [(item.name, extent) for extent in extents(item.read())]
        except UNREADABLE:
            return []

    known = [each for of in in_order(found, items) for each in of]
    return common_range(known, words) if known else None


def halves(picture: Picture, name: str) -> tuple[Picture, Picture]:
    """The left and the right half. UserError for a picture that cannot be two side by side."""
    width = picture.shape[2]
    if width % 2:
        raise UserError(
            f"{name} is {width} pixels wide, which are no two pictures side by side: name the other domain’s folder as "
            "`target`, or put the two into folders input and output"
        )
    return picture[:, :, : width // 2], picture[:, :, width // 2 :]


def common_size(pictures: Sequence[Picture]) -> tuple[int, int] | None:
    """Height and width where all have the same, else None."""
    sizes = {picture.shape[1:] for picture in pictures}
    return next(iter(sizes)) if len(sizes) == 1 else None


def tile(pictures: Sequence[Picture], crop: int) -> int:
    """Pixels a side of the squares that pictures are cut into: the least side, at most four crops.

    UserError for a picture that is smaller than a crop.
    """
    least = min(min(picture.shape[1:]) for picture in pictures)
    check_large(least, crop)
    return min(least, LARGEST * crop)


def check_large(least: int, crop: int) -> None:
    """UserError for pictures whose least side is shorter than a crop."""
    if least < crop:
        raise UserError(
            f"a picture has a side of {least} pixels, and the nets see squares of {crop}: lower `size`, or give "
            "`resize`, to which pictures are brought first"
        )


def starts(length: int, side: int, crop: int) -> list[int]:
    """Where squares begin along a length, so that every crop lies in one: the last one ends where the picture does.

    >>> starts(10, 4, 2), starts(4, 4, 2)
    ([0, 3, 6], [0])
    """
    step = side - crop + 1
    count = 1 + math.ceil((length - side) / step)
    return [min(i * step, length - side) for i in range(count)]


def squares(picture: Picture, side: int, crop: int) -> UInt8[Array, "k c side side"]:
    """The picture's squares, row by row."""
    h, w = picture.shape[1:]
    return np.stack(
        [picture[:, y : y + side, x : x + side] for y in starts(h, side, crop) for x in starts(w, side, crop)]
    )


def stacked(pictures: Sequence[Picture], crop: int) -> tuple[UInt8[Tensor, "n c h w"], list[int]]:
    """Pictures of one size as they are; of several, their squares. And which picture each is of."""
    if common_size(pictures):
        return torch.from_numpy(np.stack(pictures)), list(range(len(pictures)))
    side = tile(pictures, crop)
    cut = [squares(picture, side, crop) for picture in pictures]
    return torch.from_numpy(np.concatenate(cut)), [i for i, each in enumerate(cut) for _ in each]
