"""Rows of an array as the networks see them, and back: images or a table, bytes or floats.

Images are (n, h, w), (n, h, w, c) or (n, c, h, w). Bytes are 0..255; floats in [0, 1] or [-1, 1] are taken so, others
by their least and greatest value; a table (n, d) by those of each feature. Images are padded to 2^k x 2^k pixels, with
what the networks see as -1 (black).
"""

from math import prod
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Num
from numpy import ndarray as Array
from torch import Tensor

from energan.data.formats.arrays import _layout
from energan.data.image_set import ImageSet, pad

RANGES = ((0.0, 1.0), (-1.0, 1.0))  # of float images, in this order

DARK = 10  # times 1: images of a range from there on, of which none has a value above 1, are in other units

FAR = 255e3  # a thousand times the training data's range: beyond it all is equally far (float32 would overflow)


class Frame(NamedTuple):
    """The conversion between rows of X and the networks' images."""

    shape: tuple[int, ...]  # of a row of X
    layout: str  # "n d" is a table
    dtype: np.dtype[Any]  # of samples
    low: Num[Array, "..."]  # () or (d,): seen as -1
    high: Num[Array, "..."]  # seen as 1

    @property
    def chw(self) -> tuple[int, int, int]:
        """Of a row before padding; a table's is (1, 1, d)."""
        if self.layout == "n h w c":
            h, w, c = self.shape
            return c, h, w
        c, h, w = (1,) * (3 - len(self.shape)) + self.shape
        return c, h, w

    @property
    def side(self) -> int:
        """Pixels a side after padding."""
        return max(8, 2 ** (max(self.chw[1:]) - 1).bit_length())


def learn_frame(X: Num[Array, "n ..."]) -> Frame:
    """The frame of training data. ValueError if X has the shape of neither a table nor images."""
    if not X.size:
        raise ValueError(f"X has shape {X.shape}, so it has no numbers")
    layout = "n d" if X.ndim == 2 else _layout(X.shape)
    if layout is None:
        raise ValueError(
            f"X has shape {X.shape}, where a table (n, d) or images (n, h, w), (n, h, w, c) or (n, c, h, w) "
            "with c from 1 to 4 are expected"
        )
    dtype = X.dtype if X.dtype.kind == "f" or X.dtype == np.uint8 else np.dtype(np.float64)
    wide = np.result_type(X.dtype, np.float32)
    if layout == "n d":
        low, high = X.min(axis=0), X.max(axis=0)
    elif X.dtype == np.uint8:
        low, high = np.array(0), np.array(255)
    else:
        low, high = X.min(), X.max()
        low, high = next(((a, b) for a, b in RANGES if a <= low and high <= b), (low, high))
    return Frame(X.shape[1:], layout, dtype, np.asarray(low, wide), np.asarray(high, wide))


def check_units(X: Num[Array, "n ..."], frame: Frame) -> None:
    """ValueError for images that are plainly in other units than those of `fit`: all would be outliers."""
    if frame.layout == "n d" or not X.size:
        return
    within = bool(X.min() >= -1 and 0 < X.max() <= 1)
    seen = f"images in [{frame.low:g}, {frame.high:g}]"
    if frame.dtype == np.uint8 and X.dtype.kind == "f" and within:
        raise ValueError(f"fit saw bytes from 0 to 255, but all of these floats are in [-1, 1]: scale X to {seen}")
    if frame.low >= 0 and frame.high >= DARK and within and bool((np.rint(X) != X).any()):
        raise ValueError(f"fit saw {seen}, but all of these numbers are in [-1, 1]: scale X as it was for fit")
    counts = X.dtype.kind in "iu" or (X.min() >= 0 and X.max() <= 255 and not bool((np.rint(X) != X).any()))
    if counts and (float(frame.low), float(frame.high)) in RANGES and X.max() > 1:
        raise ValueError(f"fit saw {seen}, but these are whole numbers up to {X.max():g}: scale X as it was for fit")


def flattened(frame: Frame) -> Frame:
    """The frame of the same images, each a row of numbers on the images' own scale: what fully connected nets see."""
    return frame._replace(shape=(prod(frame.shape),), layout="n d")


def to_pixels(X: Num[Array, "n ..."], frame: Frame) -> Num[Tensor, "n c h w"]:
    """What the networks are fed, on the scale 0..255 that batches are scaled from: bytes stay bytes, else float32."""
    if frame.low.ndim == 0 and X.dtype == frame.dtype == np.uint8:  # bytes of images
        values = X
    else:
        span = np.where(frame.high > frame.low, frame.high - frame.low, 1)
        values = ((X - frame.low) / span * 255).clip(-FAR, FAR).astype(np.float32)
    axes = (0, 3, 1, 2) if frame.layout == "n h w c" else tuple(range(X.ndim))
    values = values.transpose(axes).reshape(len(X), *frame.chw)
    images = torch.from_numpy(np.require(values, requirements=["C", "W"]))
    return images if frame.layout == "n d" else pad(unnamed(images), frame.side).images


def to_rows(x: Float[Tensor, "n c h w"], frame: Frame) -> Num[Array, "n ..."]:
    """The generator's [-1, 1] as rows of X: cropped, in X's range and layout."""
    _, h, w = frame.chw
    top, left = ((frame.side - h) // 2, (frame.side - w) // 2) if frame.layout != "n d" else (0, 0)
    share = (x[..., top : top + h, left : left + w].double().numpy() + 1) / 2
    if frame.layout == "n h w c":
        share = share.transpose(0, 2, 3, 1)
    low, high = np.float64(frame.low), np.float64(frame.high)
    rows = (low + share.reshape(len(x), *frame.shape) * (high - low)).clip(low, high)
    return (rows.round() if frame.dtype == np.uint8 else rows).astype(frame.dtype)


def unnamed(images: Num[Tensor, "n c h w"]) -> ImageSet:
    """The images as an ImageSet without a name, for functions that take one."""
    return ImageSet(images, None, "X", (), "an array", "", ())
