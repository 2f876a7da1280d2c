"""One image file to bytes: every mode, any size, the right way up, without trusting the file.

Grey (1, L, 16-bit, integer and float modes) or RGB; palettes are looked up; CMYK and YCbCr become RGB; what
is transparent shows white behind it; of an animation the first frame is taken; EXIF rotation is applied.
"""

import struct
import zipfile
import zlib
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import numpy as np
from jaxtyping import Num, UInt8
from numpy import ndarray as Array
from PIL import Image, ImageOps, UnidentifiedImageError

EXTENSIONS = tuple(
    f".{ending}"
    for ending in (
        *("png", "jpg", "jpeg", "jpe", "jfif", "gif", "webp", "bmp", "dib", "tif", "tiff"),
        *("ppm", "pgm", "pbm", "pnm", "avif", "jp2", "qoi"),
    )
)

# Pillow reads more, but some of it (EPS) starts other programs, and much of it has no reliable signature.
FORMATS = ("PNG", "JPEG", "MPO", "GIF", "BMP", "DIB", "WEBP", "TIFF", "PPM", "AVIF", "JPEG2000", "QOI")

LARGEST_FILE = 512 * 2**20  # bytes: more than any image within Pillow's limit on pixels takes uncompressed

# What Pillow's decoders and zipfile were seen to raise for damaged or hostile files.
UNREADABLE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    ArithmeticError,
    LookupError,
    TypeError,
    AttributeError,
    RuntimeError,
    MemoryError,
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)


def reason(error: BaseException) -> str:
    """Why a file could not be read, in a few words."""
    if isinstance(error, UnidentifiedImageError):
        return "not an image of a known format"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def open_image(file: Path | bytes) -> Image.Image:
    """The image with its header read, its pixels not yet. Raises one of UNREADABLE."""
    Image.init()  # always: it is idempotent, and a thread that asks whether another did it finds it half done
    known = [name for name in FORMATS if name in Image.OPEN]  # Pillow may be built without some
    image = Image.open(BytesIO(file) if isinstance(file, bytes) else file, formats=known)
    w, h = image.size
    if min(w, h) < 2:
        raise ValueError(f"only {w} x {h} pixels")
    if Image.MAX_IMAGE_PIXELS and w * h > Image.MAX_IMAGE_PIXELS:
        raise ValueError(f"{w} x {h} pixels are more than the {Image.MAX_IMAGE_PIXELS} that are safe to decode")
    return image


def is_grey(image: Image.Image) -> bool:
    """Whether the file's mode has no colours."""
    return image.mode in ("1", "L", "LA", "La", "I", "F") or image.mode.startswith("I;16")


def decode(file: Path | bytes, size: int | None, channels: int, centre: int | None = None) -> UInt8[Array, "c h w"]:
    """The file's image as `fit` makes it. Raises one of UNREADABLE."""
    with open_image(file) as image:
        if (
            size and not centre
        ):  # a JPEG can be decoded at a half, quarter or eighth: enough if twice what is wanted remains
            image.draft(None, (2 * size, 2 * size))
        image.load()
        with suppress(*UNREADABLE):  # damaged EXIF data: the picture itself is fine
            ImageOps.exif_transpose(image, in_place=True)
        return fit(image, size, channels, centre)


def fit(image: Image.Image, size: int | None, channels: int, centre: int | None = None) -> UInt8[Array, "c h w"]:
    """`channels` 1 (luminance) or 3; the largest centred square resized, antialiased, to `size` x `size`.

    centre  pixels a side: this centred square is cut out first; ValueError for an image that is smaller
    Without `size` what there is keeps its own.
    """
    if centre:
        image = _cut(image, centre)
    image = eight_bits(image)
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    image = image.convert("RGB") if image.mode not in ("L", "RGB") else image
    image = image.convert("L" if channels == 1 else "RGB")
    if size and image.size != (size, size):
        w, h = image.size
        side = min(w, h)
        left, top = (w - side) / 2, (h - side) / 2
        kernel = Image.Resampling.LANCZOS if side > size else Image.Resampling.BICUBIC
        image = image.resize((size, size), kernel, (left, top, left + side, top + side), reducing_gap=3.0)
    pixels = np.asarray(image)
    return pixels[None] if channels == 1 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _cut(image: Image.Image, side: int) -> Image.Image:
    """The centred square. Where the margin is odd, the extra row or column is left out at the end."""
    w, h = image.size
    if min(w, h) < side:
        raise ValueError(f"{w} x {h} pixels have no centre of {side} x {side}")
    left, top = (w - side) // 2, (h - side) // 2
    return image.crop((left, top, left + side, top + side))


def eight_bits(image: Image.Image) -> Image.Image:
    """16-bit, 32-bit and float grey as 8-bit grey, scaled and not clipped as Pillow would; others
    unchanged."""
    if image.mode.startswith("I;16"):
        return Image.fromarray(np.round(np.asarray(image) / 257).astype(np.uint8))
    if image.mode in ("I", "F"):
        return Image.fromarray(_scaled(np.asarray(image)))
    return image.convert("L") if image.mode == "1" else image


def _scaled(values: Num[Array, "h w"]) -> UInt8[Array, "h w"]:
    """Grey values whose format does not say their range: 0..1 (floats only), else 0..255, else 0..65535."""
    low, high = values.min(), values.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError("NaN or infinite pixels")
    if low < 0 or high > 65535:
        raise ValueError(f"pixels from {low:g} to {high:g}, where 0..1, 0..255 or 0..65535 is expected")
    if values.dtype.kind == "f" and high <= 1:
        return np.round(values * 255).astype(np.uint8)
    return np.round(values if high <= 255 else values / 257).astype(np.uint8)
