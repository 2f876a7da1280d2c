"""One image file to bytes: every mode, any size, the right way up, without trusting the file.

Grey (1, L, 16-bit, integer and float modes) or RGB; palettes are looked up; CMYK and YCbCr become RGB; what is
transparent shows white behind it, and its opacity may be kept as a fourth channel; of an animation the first frame is
taken, of a TIFF every page; EXIF rotation is applied. Samples of more than eight bits are scaled by a range that is the
same for all of a set (values.py).
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import NamedTuple, final

from jaxtyping import UInt8
from numpy import ndarray as Array
from PIL import Image
from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile

from energan.data.decoding import bounds
from energan.data.decoding.deep import (
    Deep,
    Opened,
    codestream,
    has_colours,
    is_deep,
    maxval,
    netpbm,
    rawmode,
    read_deep,
    upright,
)
from energan.data.decoding.fitting import SEEN_AND_OPACITY, Size, fit, sides, squares_of
from energan.data.decoding.values import Extent, Range, common_range, to_eight_bits

EXTENSIONS = tuple(
    f".{ending}"
    for ending in (
        *("png", "jpg", "jpeg", "jpe", "jfif", "gif", "webp", "bmp", "dib", "tif", "tiff"),
        *("ppm", "pgm", "pbm", "pnm", "pfm", "avif", "jp2", "j2k", "qoi"),
    )
)

# Pillow reads more, but some of it (EPS) starts other programs, and much of it has no reliable signature.
FORMATS = ("PNG", "JPEG", "MPO", "GIF", "BMP", "DIB", "WEBP", "TIFF", "PPM", "AVIF", "JPEG2000", "QOI")

HEIF = "HEIF"  # read with the extra `heic`

MOST_PAGES = 10_000  # of a TIFF

REDUCED, MASK, SUBFILE_TYPE = 1, 4, 254  # TIFF's pages that are thumbnails or masks, and the tag that says so

LOW_BITS = {"L;2": 85, "L;4": 17}  # Pillow scales such greys by this, but not the one that is transparent


class OtherSize(Exception):
    """An image is not of the size that all others have; its width and height."""

    def __init__(self, w: int, h: int) -> None:
        super().__init__(w, h)
        self.size = w, h


class Fit(NamedTuple):
    """How images are brought to one shape: see `fit`."""

    size: Size | None
    channels: int
    centre: int | None = None
    squares: int | None = None  # what there is at its own size, cut into squares of so many pixels a side: `squares_of`


class Page(NamedTuple):
    """An image of a file."""

    pixels: UInt8[Array, "c h w"]
    values: int = 0  # how many values of more than eight bits it had
    outside: int = 0  # how many of them lay outside the range


def open_image(file: Path | bytes) -> Opened:
    """The image with its header read, its pixels not yet. Raises one of UNREADABLE."""
    Image.init()  # always: it is idempotent, and a thread that asks whether another did it finds it half done
    wanted = (*FORMATS, HEIF) if reads_heif() else FORMATS
    known = [name for name in wanted if name in Image.OPEN]  # Pillow may be built without some
    image = Image.open(BytesIO(file) if isinstance(file, bytes) else file, formats=known)
    image.filename = (
        ""  # or Pillow maps raw pixels: turned ones wrongly (TIFF), and a file that shrinks ends the process
    )
    try:
        check_size(image)
    except ValueError:
        image.close()
        raise
    return image


def check_size(image: Opened) -> None:
    """ValueError for an image of too few or too many pixels."""
    w, h = image.size
    if min(w, h) < 2:
        raise ValueError(f"only {w} x {h} pixels")
    if Image.MAX_IMAGE_PIXELS and w * h > Image.MAX_IMAGE_PIXELS:
        raise ValueError(f"{w} x {h} pixels are more than the {Image.MAX_IMAGE_PIXELS} that are safe to decode")


def reads_heif() -> bool:
    """Whether HEIC files can be read; registers their reader with Pillow."""
    if HEIF not in Image.OPEN and _installed("pillow_heif"):
        import_module("pillow_heif").register_heif_opener()
    return HEIF in Image.OPEN


@cache
def _installed(package: str) -> bool:
    return find_spec(package) is not None


def is_grey(image: Opened) -> bool:
    """Whether an image, not yet loaded, has no colours; of a TIFF's pages, whether none has."""
    return not any(has_colours(page) for page in _pages(image))


def _pages(image: Opened) -> Iterator[Opened]:
    """The image, or each page of a TIFF, one after another in the same object; no thumbnails and no masks."""
    yield image
    if image.format != "TIFF" or not getattr(image, "is_animated", False):
        return
    for number in range(1, MOST_PAGES):
        try:
            image.seek(number)
        except EOFError:
            return
        if not image.tag_v2.get(SUBFILE_TYPE, 0) & (REDUCED | MASK):  # type: ignore[attr-defined]
            check_size(image)
            yield image
    raise ValueError(f"it has more than {MOST_PAGES} pages")


def extents(file: Path | bytes) -> list[Extent]:
    """The extents of a file's images of more than eight bits. Raises one of UNREADABLE."""
    with _Reader(file) as opened:
        return [opened.deep(page).extent() for page in opened.pages() if is_deep(page)]


def decode_pages(
    file: Path | bytes, fit_to: Fit, value_range: Callable[[], Range] | None = None, shape: tuple[int, ...] = ()
) -> Iterator[Page]:
    """The file's images as `fit` makes them: one, or one for each page of a TIFF; or the squares of each.

    value_range: finds out what is black and white in images of more than eight bits, once it is needed; None: each
    file's own. shape: (c, h, w) of the images so far, which all others have. Raises one of UNREADABLE, and OtherSize
    before an image is decoded in vain.
    """
    size, channels, centre, squares = fit_to
    with _Reader(file) as opened:
        for page in opened.pages():
            if shape and not size and not centre and not squares and sorted(page.size) != sorted(shape[1:]):
                raise OtherSize(*page.size)
            if is_deep(page):
                of_set = value_range() if value_range else None
                deep = opened.deep(page)
                extent = deep.extent()  # always: it refuses NaN
                black_to_white = of_set or common_range([("it", extent)], "the image")
                with bounds.pixels.taken(_pixels(page)):
                    opacity = deep.opacity() if channels == SEEN_AND_OPACITY else None
                    pixels = fit(deep.image(black_to_white), size, channels, centre, opacity)
                parts = squares_of(pixels, squares) if squares else [pixels]
                yield Page(parts[0], deep.values.size, deep.outside(black_to_white))
                yield from map(Page, parts[1:])
                continue
            if size and not centre:
                _reduce(page, size)
            with bounds.pixels.taken(_pixels(page)):
                pixels = fit(loaded(page), size, channels, centre)
            yield from map(Page, squares_of(pixels, squares) if squares else [pixels])


def decode(file: Path | bytes, size: Size | None, channels: int, centre: int | None = None) -> UInt8[Array, "c h w"]:
    """The file's image, its first page, as `fit` makes it. Raises one of UNREADABLE."""
    return next(decode_pages(file, Fit(size, channels, centre))).pixels


@final
class _Reader:
    """An image file, opened; a second time only where its samples take two passes."""

    def __init__(self, file: Path | bytes) -> None:
        self._file, self._image, self._again = file, open_image(file), ExitStack()
        self._second: Opened | None = None

    def __enter__(self) -> "_Reader":
        return self

    def __exit__(self, *_: object) -> None:
        self._image.close()
        self._again.close()

    def pages(self) -> Iterator[Opened]:
        return _pages(self._image)

    def deep(self, page: Opened) -> Deep:
        """The samples of the page that the file stands at."""
        with bounds.pixels.taken(_pixels(page)):
            return read_deep(page, self._once_more)

    def _once_more(self) -> Opened:
        if self._second is None:
            self._second = self._again.enter_context(open_image(self._file))
        if self._image.format == "TIFF":
            self._second.seek(self._image.tell())
        return self._second


def _reduce(image: Opened, size: Size) -> None:
    """Has a JPEG or JPEG 2000 decoded at a half, quarter, ...: enough if twice the sides that are wanted remain."""
    h, w = sides(size)
    image.draft(None, (2 * w, 2 * h))
    if isinstance(image, Jpeg2KImageFile):
        halvings = min(image.size[0] // (2 * w), image.size[1] // (2 * h)).bit_length() - 1
        image.reduce = max(0, min(halvings, _levels(image)))


def _levels(image: Jpeg2KImageFile) -> int:
    """How often a JPEG 2000 file can be halved: its decomposition levels, which the first COD marker says."""
    head = codestream(image)
    start = head.find(b"\xff\x52", 4)
    return head[start + 9] if 0 < start < len(head) - 9 else 0


def _pixels(image: Opened) -> int:
    return image.size[0] * image.size[1]


def loaded(image: Opened) -> Image.Image:
    """An image of eight bits a sample, decoded and turned upright."""
    if (white := maxval(image)) is not None:  # Pillow takes a minute for a large one
        values = to_eight_bits(netpbm(image), (0.0, float(white)))
        return Image.fromarray(values[..., 0] if values.shape[2] == 1 else values)
    scale = LOW_BITS.get(rawmode(image)) if image.format == "PNG" else None
    upright(image)
    transparent = image.info.get("transparency")
    if scale and isinstance(transparent, int):
        image.info["transparency"] = transparent * scale
    return image
