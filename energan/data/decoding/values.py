"""Which values become black and white, where images have more than eight bits: one range for all images of a set.

A format of 8 bits says it: 0 is black and 255 white. A deeper one does not: twelve bits of a camera lie in files of
sixteen, and floats in any range. The range of a set is the smallest of the usual ones that holds all its values, else
from its least to its greatest value.
"""

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Num, UInt8
from numpy import ndarray as Array

from energan.utils.console import warn
from energan.utils.errors import UserError

Range = tuple[float, float]  # what becomes 0, and what becomes 255

INTEGERS: tuple[Range, ...] = tuple((0.0, 2.0**bits - 1) for bits in (8, 10, 12, 14, 16))

FLOATS: tuple[Range, ...] = ((0.0, 1.0), (-1.0, 1.0), *INTEGERS)

UNIT = FLOATS[:2]  # the ranges of floats that are computed, and may therefore leave it by a little

SLACK = 1e-4  # by how much they may, as a network's output or a resized image does

WIDE = 1e36  # values of a wider range are halved before they are scaled

CLIPPED = 1e-3  # share of a set's values that may lie outside a range that was given; they are clipped, and counted


class Extent(NamedTuple):
    """The values of one image or more."""

    low: float
    high: float
    floats: bool
    stated: Range | None = None  # the range that the file itself states


def extent(values: Num[Array, "..."], stated: Range | None = None) -> Extent:
    """The extent of some values. ValueError for NaN and infinite ones."""
    low, high = float(values.min()), float(values.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError("NaN or infinite pixels")
    return Extent(low, high, values.dtype.kind == "f", stated)


def holding(low: float, high: float, *, floats: bool) -> Range:
    """The smallest of the usual ranges that holds low and high, else (low, high).

    Raises ValueError where that is one value only.
    """
    for bottom, top in FLOATS if floats else INTEGERS:
        allowed = _slack((bottom, top))
        if bottom - allowed <= low and high <= top + allowed:
            return bottom, top
    if low == high:
        raise ValueError(f"all values are {low:g}, of which nobody can say how bright it is")
    return low, high


def _slack(value_range: Range) -> float:
    return SLACK if value_range in UNIT else 0.0


def common_range(extents: Iterable[tuple[str, Extent]], words: str) -> Range:
    """The range of a set's deep images, given by name; `words` name the set.

    UserError for images of which some state their range and others do not, or another one, and for a mixture of
    integers and floats. Of no images it is (0, 1).
    """
    first: dict[object, str] = {}
    low, high, floats = math.inf, -math.inf, False
    for name, seen in extents:
        first.setdefault("floats" if seen.floats else "integers", name)
        first.setdefault(seen.stated, name)
        low, high, floats = min(low, seen.low), max(high, seen.high), seen.floats
    if not first:
        return 0.0, 1.0
    if {"floats", "integers"} <= set(first):
        raise UserError(
            f"{words} mixes integers ({first['integers']}) and floats ({first['floats']}) of more than eight bits, "
            "which have no range in common: make them one kind, or load them apart"
        )
    stated = [key for key in first if not isinstance(key, str)]
    if len(stated) > 1:
        one, other = stated[:2]
        raise UserError(
            f"{words} mixes images whose white is {_white(one)} ({first[one]}) and {_white(other)} ({first[other]}): "
            "give `value_range`, the values that are black and white"
        )
    if stated and isinstance(stated[0], tuple):
        return stated[0]
    return held(low, high, words, floats=floats)


def held(low: float, high: float, words: str, *, floats: bool) -> Range:
    """The range of values from low to high, as `holding`: one that is not usual is told, as one value may decide it.

    UserError where it is one value only.
    """
    try:
        found = holding(low, high, floats=floats)
    except ValueError as error:
        raise UserError(f"{words}: {error}; give `value_range`, the values that are black and white") from error
    if found not in FLOATS:
        warn(
            f"{words} has values from {low:g} to {high:g}, which no usual range holds: {low:g} is taken as black and "
            f"{high:g} as white. If one of them stands for missing values, replace it, or give `value_range`"
        )
    return found


def _white(stated: object) -> str:
    return f"{stated[1]:g}" if isinstance(stated, tuple) else "not stated"


def checked_range(value_range: tuple[float, float] | None) -> Range | None:
    """The range as two floats. UserError for one that is none."""
    if value_range is None:
        return None
    try:
        low, high = map(float, value_range)
    except (TypeError, ValueError, OverflowError):
        low = high = math.nan
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise UserError(f"`value_range` is two numbers, black and white, the smaller first; got {value_range!r}")
    return low, high


def outside(values: Num[Array, "..."], value_range: Range) -> int:
    """How many values lie outside the range, by more than floats may."""
    low, high = value_range
    allowed = _slack(value_range)
    return int(np.count_nonzero((values < low - allowed) | (values > high + allowed)))


def to_eight_bits(values: Num[Array, "*shape"], value_range: Range) -> UInt8[Array, "*shape"]:
    """Bytes: the range's ends become 0 and 255, what lies outside is clipped."""
    low, high = value_range
    if (low, high) == (0.0, 255.0) and values.dtype == np.uint8:
        return values
    narrow = values.dtype.itemsize <= 2 or values.dtype == np.float32
    scaled: Array[Any, Any] = values.astype(np.float32 if narrow else np.float64)
    if high - low > WIDE:  # differences and products of such numbers may be infinite
        scaled = (scaled / 2 - low / 2) / (high / 2 - low / 2) * 255
    else:
        scaled = (scaled - low) * (255 / (high - low))
    return np.clip(np.round(scaled), 0, 255).astype(np.uint8)


def worded(value_range: Range) -> str:
    """What is said of a range: "values 0..4095 as black..white"."""
    low, high = value_range
    return f"values {low:g}..{high:g} as black..white"


def check_outside(count: int, total: int, value_range: Range, words: str) -> str:
    """What is said of `count` values outside the range, "" of none. UserError for more than one in a thousand."""
    if not count:
        return ""
    low, high = value_range
    said = f"{count} of {total} values of {words} lie outside {low:g}..{high:g}"
    if count > CLIPPED * total:
        raise UserError(f"{said}, which was given as black and white (`value_range`)")
    return f"{said} and were clipped"
