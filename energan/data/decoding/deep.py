"""Images of more than eight bits a sample, as they are stored: 16-bit and 32-bit integers, signed ones, and floats.

Pillow's modes for these are incomplete. Of 16-bit colours it keeps the upper byte: both are read here, each in a pass
of its own. What a file says of its values is kept: that its white is 0 (TIFF), what its white is (PGM, JPEG 2000), and
which colour is transparent (PNG).
"""

import re
from collections.abc import Callable
from typing import IO, Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Num
from numpy import ndarray as Array
from PIL import Image, ImageFile, ImageOps

from energan.data.decoding.failures import UNREADABLE
from energan.data.decoding.values import Extent, Range, extent, outside, to_eight_bits

BITS, PHOTOMETRIC, PLANES, SAMPLE_FORMAT = 258, 262, 284, 339  # TIFF's tags

UNSIGNED, SIGNED = 1, 2  # TIFF's sample formats

WHITE_IS_ZERO, APART = 0, 2  # TIFF's photometric interpretation, and its planes

SIXTEEN_BITS = 65535

Opened = ImageFile.ImageFile  # an image whose header is read, and its pixels are not

SWAPPED = {"B": "L", "L": "B", "N": "B"}  # the rawmode of a sample's other byte; libtiff's N is little-endian here

ROWS = 2**20  # pixels that are converted at a time: intermediate floats take as much memory as so many need


class Deep(NamedTuple):
    """The samples of an image as they are stored."""

    values: Num[Array, "h w c"]  # c is 1 or 3
    shown: Num[Array, "h w"] | Bool[Array, "h w"] | None  # opacity, 0..65535 or false and true; None: all opaque
    white_is_zero: bool
    stated: Range | None  # the range that the file states

    def extent(self) -> Extent:
        """The extent of the values. ValueError for NaN and infinite ones."""
        return extent(self.values, self.stated)

    def outside(self, value_range: Range) -> int:
        """How many values lie outside a range."""
        return sum(outside(self.values[rows], value_range) for rows in self._strips())

    def image(self, value_range: Range) -> Image.Image:
        """L or RGB, of 8 bits; what is transparent shows white behind it."""
        h, w, c = self.values.shape
        pixels = np.empty((h, w, c), np.uint8)
        for rows in self._strips():
            strip = to_eight_bits(self.values[rows], value_range)
            strip = 255 - strip if self.white_is_zero else strip
            if self.shown is not None:
                opacity = self.shown[rows].astype(np.float32)[..., None]
                opacity /= 1 if self.shown.dtype == np.bool_ else SIXTEEN_BITS
                strip = np.round(255 + (strip - 255.0) * opacity).astype(np.uint8)
            pixels[rows] = strip
        return Image.fromarray(pixels[..., 0] if c == 1 else pixels)

    def opacity(self) -> Image.Image | None:
        """L, 0 to 255; None where all is opaque."""
        if self.shown is None:
            return None
        pixels = np.empty(self.shown.shape, np.uint8)
        most = 1 if self.shown.dtype == np.bool_ else SIXTEEN_BITS
        for rows in self._strips():
            pixels[rows] = np.round(self.shown[rows].astype(np.float32) * (255 / most))
        return Image.fromarray(pixels)

    def _strips(self) -> list[slice]:
        height = max(1, ROWS // self.values.shape[1])
        return [slice(top, top + height) for top in range(0, len(self.values), height)]


def rawmode(image: Image.Image) -> str:
    """How the file stores a pixel, in Pillow's words; "" where Pillow does not say."""
    arguments = image.tile[0].args if isinstance(image, ImageFile.ImageFile) and image.tile else ""
    first = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    return first if isinstance(first, str) else ""


def maxval(image: Image.Image) -> int | None:
    """The white that a PPM or PGM file states, other than 255; None where Pillow reads it as it is, and of others."""
    if image.format != "PPM" or not isinstance(image, ImageFile.ImageFile) or not image.tile:
        return None
    tile = image.tile[0]
    if isinstance(tile.args, tuple) and tile.codec_name in ("ppm", "ppm_plain") and isinstance(tile.args[-1], int):
        return tile.args[-1] if tile.args[-1] != 255 else None
    return SIXTEEN_BITS if rawmode(image) == "I;16B" else None


def is_deep(image: Image.Image) -> bool:
    """Whether an image, not yet loaded, has more than eight bits a sample, or a sign."""
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        return True
    if image.format == "PNG":
        return ";16" in rawmode(image)
    if image.format == "PPM":
        return (maxval(image) or 0) > 255
    if image.format == "TIFF":
        if _tags(image).get(SAMPLE_FORMAT, (UNSIGNED,))[0] == SIGNED:
            return True
        return rawmode(image).startswith(("RGB;16", "RGBA;16", "RGBX;16"))
    return False


def has_colours(image: Image.Image) -> bool:
    """Whether an image, not yet loaded, has colours; PNG's grey with opacity, of 16 bits, is RGBA to Pillow."""
    if rawmode(image) == "LA;16B":
        return False
    return not (image.mode in ("1", "L", "LA", "La", "I", "F") or image.mode.startswith("I;16"))


def read_deep(image: Opened, again: Callable[[], Opened]) -> Deep:
    """The samples of an image that is not yet loaded; `again` opens it once more. Raises one of UNREADABLE."""
    tags = _tags(image)
    white_is_zero = image.format == "TIFF" and tags.get(PHOTOMETRIC, WHITE_IS_ZERO) == WHITE_IS_ZERO
    if image.format == "PPM" and image.mode != "F":
        white = maxval(image)
        return Deep(netpbm(image), None, False, None if white in (None, SIXTEEN_BITS) else (0.0, float(white or 0)))
    if image.mode in ("L", "RGB", "RGBA", "RGBX") and image.format in ("PNG", "TIFF") and ";16" in rawmode(image):
        return _sixteen_bit_colours(image, again())
    stored = rawmode(image)
    bits = tags.get(BITS, (16,))[0] if image.format == "TIFF" else 16
    head = codestream(image) if image.format == "JPEG2000" else b""
    upright(image)
    values = np.asarray(image)
    if stored == "I;32N" and tags.get(SAMPLE_FORMAT, (UNSIGNED,))[0] == UNSIGNED:
        values = values.view(np.uint32)
    elif image.format == "TIFF" and image.mode == "L":
        values = values.view(np.int8)
    transparent = image.info.get("transparency") if image.format == "PNG" else None
    shown = None if transparent is None else values != transparent
    stated = None
    if image.format == "JPEG2000" and (depth := jpeg_2000_depth(head)) < 16:
        values, stated = values >> (16 - depth), (0.0, 2.0**depth - 1)  # Pillow shifts them to sixteen bits
    elif bits == 12:
        stated = (0.0, 4095.0)
    return Deep(values[..., None], shown, white_is_zero, stated)


def _sixteen_bit_colours(image: Opened, other: Opened) -> Deep:
    """Both bytes of each sample: Pillow unpacks one of them, so that the other takes a second pass."""
    stored = rawmode(image)
    if image.format == "TIFF" and _tags(image).get(PLANES, 1) == APART:
        raise ValueError("16-bit colours in planes apart are not read")
    if stored == "LA;16B":  # both bytes of both samples are four samples of a byte
        other._mode = "RGBA"
        other.tile = [tile._replace(args="RGBA") for tile in other.tile]
        upright(other)
        bytes_ = np.asarray(other)
        grey, shown = (_joined(bytes_[..., i], bytes_[..., i + 1]) for i in (0, 2))
        return Deep(grey[..., None], shown, False, None)
    swapped = stored[:-1] + SWAPPED[stored[-1]]
    other.tile = [
        tile._replace(args=swapped if isinstance(tile.args, str) else (swapped, *(tile.args or ())[1:]))
        for tile in other.tile
    ]
    upright(image)
    upright(other)
    values = _joined(np.asarray(image), np.asarray(other))
    opacity: Num[Array, "h w"] | None = values[..., 3] if image.mode == "RGBA" else None
    transparent = image.info.get("transparency")
    if image.format == "PNG" and isinstance(transparent, tuple):
        opacity = (values != np.array(transparent)).any(-1)
    return Deep(values[..., :3], opacity, False, None)


def _joined(upper: Num[Array, "..."], lower: Num[Array, "..."]) -> Num[Array, "..."]:
    return upper.astype(np.uint16) << 8 | lower


def netpbm(image: Opened) -> Num[Array, "h w c"]:
    """The samples of a PGM or PPM file: Pillow scales them by their maxval, one at a time in Python."""
    (w, h), c = image.size, 1 if image.mode in ("L", "I") else 3
    tile, white = image.tile[0], maxval(image)
    kind: np.dtype[Any] = np.dtype(">u2" if (white or 0) > 255 else "u1")
    file = stream(image)
    assert white is not None
    file.seek(tile.offset)
    if tile.codec_name == "ppm_plain":
        text = re.sub(rb"#[^\r\n]*", b"", file.read())
        if re.search(rb"[^0-9\s]", text):
            raise ValueError("it holds something else than numbers")
        values = np.fromstring(text.decode("ascii"), np.int64, count=h * w * c, sep=" ")
    else:
        values = np.frombuffer(file.read(h * w * c * kind.itemsize), kind)
    if len(values) < h * w * c:
        raise EOFError(f"truncated: {len(values)} of {h * w * c} values are there")
    if values.max() > white:
        raise ValueError(f"it has a value of {values.max()}, above the {white} that it states as white")
    return values.reshape(h, w, c).astype(np.uint16)


def codestream(image: Opened) -> bytes:
    """The start of a JPEG 2000 file from its codestream's own start on."""
    file = stream(image)
    position = file.tell()
    file.seek(0)
    head = file.read(2**16)
    file.seek(position)
    return head[max(0, head.find(b"\xff\x4f\xff\x51")) :]


def stream(image: Opened) -> IO[bytes]:
    """The file that an image, not yet loaded, is read from."""
    assert image.fp is not None
    return image.fp


def jpeg_2000_depth(head: bytes) -> int:
    """Bits a sample of the first component, which a codestream's second marker (SIZ) says."""
    return (head[42] & 0x7F) + 1 if len(head) > 42 else 16


def upright(image: Opened) -> None:
    """Loads the image and turns it as its EXIF data say."""
    image.load()
    try:
        ImageOps.exif_transpose(image, in_place=True)
    except UNREADABLE:  # damaged EXIF data: the picture itself is fine
        return


def _tags(image: Image.Image) -> dict[int, tuple[int, ...]]:
    """A TIFF file's tags."""
    return getattr(image, "tag_v2", {})
