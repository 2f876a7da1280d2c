"""Images brought to one shape: a centred square or rectangle, resized, of one, three or four channels.

A picture of four channels is what is seen of it on white, and its opacity. The first three channels are exactly what
three would be: so no colour that a transparent pixel hides is seen, resampling mixes what premultiplied colours would,
and whatever looks at colours may take the first three.
"""

import math
from collections.abc import Iterator

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray as Array
from PIL import Image
from torch import Tensor

from energan.utils.checks import at_least
from energan.utils.console import warn
from energan.utils.errors import UserError

Size = int | tuple[int, int]  # pixels a side of a square; or height and width

SEEN_AND_OPACITY = 4  # channels

AT_ONCE = 256  # images that are looked at

STRIP = 2**20  # pixels whose transparency is resolved at a time


def sides(size: Size) -> tuple[int, int]:
    """Height and width."""
    return (size, size) if isinstance(size, int) else size


def check_side(size: Size | None, name: str = "size") -> None:
    """UserError unless images may be brought to so many pixels a side: 2 or more, and no more than files may have."""
    if size is None:
        return
    if not isinstance(size, int) and len(size) != 2:
        raise UserError(f"`{name}` is one number, or height and width, not {size}")
    h, w = sides(size)
    at_least(2, **{name: min(h, w)})
    if Image.MAX_IMAGE_PIXELS and h * w > Image.MAX_IMAGE_PIXELS:
        most = math.isqrt(Image.MAX_IMAGE_PIXELS)
        raise UserError(f"`{name}` must be {most} or less, or as few pixels, got {size if h == w else f'{h} x {w}'}")


def check_channels(channels: int | None, most: int = SEEN_AND_OPACITY) -> None:
    """UserError unless images may have so many channels: 1, 3 or, where `most` allows it, 4."""
    if channels not in (None, 1, 3, most):
        more = ", 3 (RGB) or 4 (RGB and opacity)" if most == SEEN_AND_OPACITY else " or 3 (RGB)"
        raise UserError(f"images have 1 (grey){more} `channels`, not {channels}")


def refuse_opacity(name: str, channels: int | None) -> None:
    """UserError where opacity is asked for of a set that has none."""
    if channels == SEEN_AND_OPACITY:
        raise UserError(
            f"{name} has no opacity: its images are kept as they are seen on white. 4 `channels` are of your own "
            "images, such as a folder of .png files"
        )


def warn_if_opaque(images: UInt8[Tensor, "n c h w"], name: str) -> None:
    """Says so where images that have an opacity are opaque all over."""
    if images.shape[1] == SEEN_AND_OPACITY and all(bool((some[:, 3] == 255).all()) for some in images.split(AT_ONCE)):
        warn(f"no image of {name} is transparent anywhere: the opacity is 255 all over")


def fit(
    image: Image.Image, size: Size | None, channels: int, centre: int | None = None, opacity: Image.Image | None = None
) -> UInt8[Array, "c h w"]:
    """`channels` 1 (luminance), 3 or 4; the largest centred square, or rectangle, resized, antialiased, to `size`.

    image    of eight bits a sample
    size     a side; or height and width, of a rectangle that is cut out in this proportion
    centre   pixels a side: this centred square is cut out first; ValueError for an image that is smaller
    opacity  of an image that is on white already; None: the image's own, and 255 where it has none
    Without `size` what there is keeps its own.
    """
    if channels == SEEN_AND_OPACITY:
        shown = _opacity(image) if opacity is None else opacity
        seen = fit(image, size, 3, centre)
        if shown is None:
            return np.concatenate([seen, np.full_like(seen[:1], 255)])
        return np.concatenate([seen, fit(shown, size, 1, centre)])
    if centre:
        image = _cut(image, centre)
    image = image.convert("L") if image.mode == "1" and not image.has_transparency_data else image
    if image.has_transparency_data:
        image = _on_white(image)
    image = image if image.mode in ("L", "RGB") else image.convert("RGB")
    wanted = "L" if channels == 1 else "RGB"
    image = image if image.mode == wanted else image.convert(wanted)
    if size and image.size != sides(size)[::-1]:
        (h, w), (width, height) = sides(size), image.size
        scale = min(width / w, height / h)  # pixels there are to one that is wanted
        left, top = max(0.0, (width - scale * w) / 2), max(0.0, (height - scale * h) / 2)
        kernel = Image.Resampling.LANCZOS if scale > 1 else Image.Resampling.BICUBIC
        image = image.resize((w, h), kernel, (left, top, width - left, height - top), reducing_gap=3.0)
    pixels = np.asarray(image)
    return pixels[None] if channels == 1 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def refit(pixels: UInt8[Array, "c h w"], size: Size | None, channels: int) -> UInt8[Array, "k h2 w2"]:
    """What `fit` made, brought to another size or to other channels; of four, the first three are on white."""
    shown = Image.fromarray(pixels[3]) if len(pixels) == SEEN_AND_OPACITY else None
    seen = pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels[:3].transpose(1, 2, 0))
    return fit(Image.fromarray(seen), size, channels, opacity=shown)


def squares_of(pixels: UInt8[Array, "c h w"], side: int) -> list[UInt8[Array, "c side side"]]:
    """As many squares as fit, side by side, row by row; the margin that is left is the same on both sides.

    ValueError for an image that is smaller than one.

    >>> [square.tolist() for square in squares_of(np.arange(14, dtype=np.uint8).reshape(1, 2, 7), 2)]
    [[[[0, 1], [7, 8]]], [[[2, 3], [9, 10]]], [[[4, 5], [11, 12]]]]
    """
    h, w = pixels.shape[1:]
    if min(h, w) < side:
        raise ValueError(f"{w} x {h} pixels have no square of {side} x {side}")
    rows, columns = (range(length % side // 2, length - side + 1, side) for length in (h, w))
    return [pixels[:, i : i + side, j : j + side].copy() for i in rows for j in columns]


def _on_white(image: Image.Image) -> Image.Image:
    """The image over white."""
    opaque = Image.new("RGB", image.size)
    for top, strip in _strips(image):
        white = Image.new("RGBA", strip.size, "white")
        opaque.paste(Image.alpha_composite(white, strip).convert("RGB"), (0, top))
    return opaque


def _opacity(image: Image.Image) -> Image.Image | None:
    """The image's opacity, 0 to 255; None where it has none."""
    if not image.has_transparency_data:
        return None
    opacity = Image.new("L", image.size)
    for top, strip in _strips(image):
        opacity.paste(strip.getchannel("A"), (0, top))
    return opacity


def _strips(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """The image in strips of RGBA, and where each begins: a copy of the whole would take four times its memory."""
    w, h = image.size
    height = max(1, STRIP // w)
    for top in range(0, h, height):
        yield top, image.crop((0, top, w, min(h, top + height))).convert("RGBA")


def _cut(image: Image.Image, side: int) -> Image.Image:
    """The centred square. Where the margin is odd, the extra row or column is left out at the end."""
    w, h = image.size
    if min(w, h) < side:
        raise ValueError(f"{w} x {h} pixels have no centre of {side} x {side}")
    left, top = (w - side) // 2, (h - side) // 2
    return image.crop((left, top, left + side, top + side))
