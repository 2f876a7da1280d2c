"""Anyone's images as a model reads them, or one sentence that says why they cannot be: nothing is guessed."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Num
from torch import Tensor

from energan.data.decoding.fitting import SEEN_AND_OPACITY, fit
from energan.utils.errors import UserError

Shape = tuple[int, int, int]  # channels, height, width
Range = tuple[float, float]  # the values that are black and white

BYTES = (0.0, 255.0)

BEYOND = 1e-6  # of the range: by so much, rounding may leave it

WITH_OPACITY = ("1", "L", "LA", "P", "PA", "RGB", "RGBA")  # and with it, all of eight bits

MODES = {"1": "L", "L": "L", "RGB": "RGB"}  # of Pillow's 8-bit images without transparency, and what they are read as


def as_pixels(images: Any, shape: Shape | None = None, value_range: Range | None = None) -> Num[Tensor, "n c h w"]:
    """Images on the scale 0..255 that models read: bytes as they are, other numbers as float32.

    Args:
        images: A tensor, an array, a Pillow image, or a list of these of one size: (n, c, h, w), and where `shape` is
            known also (n, h, w, c), (n, h, w) of grey images, or one image without the first axis. Of a model with
            opacity, arrays are as it draws them: what is seen on white, and the opacity; Pillow images are as files.
        shape: The images' channels, height and width; None: unknown, and images are (n, c, h, w).
        value_range: The values that are black and white, such as (0, 1) or (-1, 1). None: bytes from 0 to 255.

    Returns:
        The images, n at least 1.

    Raises:
        UserError: They are no images of this shape, no bytes while no range is given, not finite, or outside the range.

    Example:
        >>> as_pixels(np.full((2, 4, 4), 0.5), (1, 4, 4), value_range=(0, 1))[0, 0, 0, 0]
        tensor(127.5000)
        >>> as_pixels(np.zeros((2, 4, 4)), (1, 4, 4))
        Traceback (most recent call last):
        ...
        energan.utils.errors.UserError: the images are float64, whose black and white are unknown: give value_range...
    """
    tensor = _in_layout(_tensor(images, with_opacity=shape is not None and shape[0] == SEEN_AND_OPACITY), shape)
    if not len(tensor):
        raise UserError("there are no images: give one or more")
    known = None if value_range is None else _checked_range(value_range)
    if tensor.dtype == torch.uint8 and known in (None, BYTES):
        return tensor
    if known is None:
        kind = str(tensor.dtype).removeprefix("torch.")
        raise UserError(
            f"the images are {kind}, whose black and white are unknown: give `value_range`, such as (0, 1) or (-1, 1), "
            "or bytes (uint8) from 0 to 255"
        )
    return _scaled(tensor, known)


def _tensor(images: Any, *, with_opacity: bool = False) -> Tensor:
    """Anything that holds numbers, as a tensor; Pillow images with their opacity, if asked. UserError for others."""
    if isinstance(images, Tensor):
        return images.detach()
    if hasattr(images, "mode") and hasattr(images, "getbands"):  # of Pillow
        if with_opacity and images.mode in WITH_OPACITY:
            return torch.from_numpy(fit(images, None, SEEN_AND_OPACITY))
        if with_opacity:
            raise UserError(f"the image has the mode {images.mode}: convert it to RGBA first")
        if images.mode not in MODES:
            raise UserError(f"the image has the mode {images.mode}: convert it to L (grey) or RGB first")
        return torch.from_numpy(np.array(images.convert(MODES[images.mode])))
    if isinstance(images, list | tuple) and any(hasattr(x, "shape") or hasattr(x, "mode") for x in images):
        parts = [_tensor(x, with_opacity=with_opacity) for x in images]
        if (sizes := {tuple(x.shape) for x in parts}) and len(sizes) > 1:
            raise UserError(f"the images are of several sizes ({_words(sorted(sizes)[:3])}): bring them to one first")
        if len({x.dtype for x in parts}) > 1:
            raise UserError("the images are of several types of numbers: give all as bytes, or all as floats")
        return torch.stack(parts)
    if np.ma.is_masked(images):
        raise UserError("the images are a masked array: give all of its values, with .filled()")
    try:
        array = np.asarray(images)
        if array.dtype.kind not in "biuf":
            raise TypeError
        return torch.from_numpy(np.array(array, dtype=array.dtype.newbyteorder("=")))
    except (TypeError, ValueError, RuntimeError, OverflowError):
        kind = type(images).__name__
        raise UserError(
            f"a {kind} cannot be read as images: give a tensor, an array, Pillow images or a list"
        ) from None


def _in_layout(x: Tensor, shape: Shape | None) -> Tensor:
    """(n, c, h, w). UserError if the axes are none of these images', or could be in two ways."""
    if x.is_complex() or x.layout != torch.strided or x.is_quantized or x.is_meta or x.is_nested:
        raise UserError("the images are no plain numbers: give a dense tensor of bytes or floats")
    if shape is None:
        if x.ndim != 4:
            raise UserError(f"images are (n, channels, height, width), but these have the shape {tuple(x.shape)}")
        return x
    c, h, w = shape
    last, one_last = tuple(x.shape[1:]) == (h, w, c), tuple(x.shape) == (h, w, c)
    first, one_first = tuple(x.shape[1:]) == shape, tuple(x.shape) == shape
    if c > 1 and ((last and first) or (one_last and one_first)):
        raise UserError(f"the shape {tuple(x.shape)} may have its channels first or last, which would be other images")
    if first:
        return x
    if last:
        return x.permute(0, 3, 1, 2)
    if one_first:
        return x[None]
    if one_last:
        return x.permute(2, 0, 1)[None]
    if c == 1 and tuple(x.shape[-2:]) == (h, w) and x.ndim in (2, 3):
        return x.reshape(-1, 1, h, w)
    raise UserError(
        f"images have the shape {tuple(x.shape)}, but this model's are of {c} x {h} x {w} (channels, height, width): "
        "bring them to that size first"
    )


def _checked_range(value_range: Any) -> Range:
    try:
        low, high = (float(v) for v in value_range)
    except (TypeError, ValueError):
        raise UserError(f"`value_range` {value_range!r} is not two numbers, such as (0, 1)") from None
    if not -float("inf") < low < high < float("inf"):
        raise UserError(f"`value_range` {value_range!r} must be two finite numbers, the lower one first")
    return low, high


def _scaled(x: Tensor, value_range: Range) -> Tensor:
    """float32 from 0 to 255. UserError for numbers that are not finite, or outside the range."""
    low, high = value_range
    values = x.double()
    if not bool(values.isfinite().all()):
        raise UserError(f"{int((~values.isfinite()).sum())} values of the images are NaN or infinite")
    out = (values < low - BEYOND * (high - low)) | (values > high + BEYOND * (high - low))
    if bool(out.any()):
        spread = f"{float(values.min()):g} to {float(values.max()):g}"
        raise UserError(f"the images have values from {spread}, outside of `value_range` ({low:g}, {high:g})")
    return values.sub_(low).div_(high - low).mul_(255).float()


def _words(sizes: Sequence[tuple[int, ...]]) -> str:
    return ", ".join(" x ".join(map(str, size)) for size in sizes)
