"""Images as data: URIs, each below a number of bytes, so that one page holds them all and stays below 1.5 MB."""

import base64
import warnings
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from energan.utils.files import read_file

if TYPE_CHECKING:
    from PIL import Image

FRAMES = 20  # sample sheets in one page, at most
FRAMES_BYTES = 220_000  # of all of them together
STRIPS_BYTES = 100_000  # of all strips that are cut out of one sheet
LARGEST = 80_000  # bytes of any other picture
READ = 2**26  # bytes of a file that is read, at most
FORMATS = ("PNG", "JPEG", "WEBP")  # Pillow has others that start programs, such as Ghostscript
SIDE = 1600  # pixels of the longer side, of a picture that had to be made smaller


class Picture(NamedTuple):
    uri: str
    width: int
    height: int

    @property
    def small(self) -> bool:
        """Whether the page will enlarge it: then its pixels should stay sharp squares."""
        return self.width < 500


class Sheet(NamedTuple):
    step: int
    path: Path


def picture(path: Path, most: int = LARGEST) -> Picture | None:
    """The image file as a data: URI; one of more than `most` bytes as WebP.

    None where there is no readable image, and for a link: a run from elsewhere could show a file of its reader.
    """
    from PIL import Image

    if path.is_symlink() or path.parent.is_symlink():
        return None
    try:
        data = read_file(path, READ)
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(BytesIO(data), formats=FORMATS)
            image.load()  # a truncated file fails here
            kind, size = f"image/{(image.format or '').lower()}", image.size
            if len(data) > most:
                data, kind = _smaller(image, most), "image/webp"
    except Exception:  # of damaged bytes, Pillow raises anything
        return None
    return Picture(_uri(data, kind), *size)


def groups(path: Path, columns: int, images: int, count: int) -> list[Picture]:
    """A sheet of `columns` images a row, 1 pixel apart, cut into `count` strips of `images` images each.

    Empty where the sheet is unreadable or is not made so: then it can only be shown whole.
    """
    from PIL import Image

    whole = picture(path)
    if whole is None or min(columns, images, count) < 1 or columns % images:
        return []
    rows = -(-count * images // columns)
    if (whole.width + 1) % columns or (whole.height + 1) % rows:
        return []
    wide, high, in_row = (whole.width + 1) // columns * images, (whole.height + 1) // rows, columns // images
    strips = []
    most = STRIPS_BYTES // count
    with Image.open(BytesIO(read_file(path, READ)), formats=FORMATS) as sheet:
        for row, column in (divmod(i, in_row) for i in range(count)):
            out = BytesIO()
            corner = (column * wide, row * high)
            strip = sheet.crop((*corner, corner[0] + wide - 1, corner[1] + high - 1))
            strip.save(out, format="PNG")
            small = out.tell() <= most
            uri = _uri(out.getvalue(), "image/png") if small else _uri(_smaller(strip, most), "image/webp")
            strips.append(Picture(uri, wide - 1, high - 1))
    return strips


def sheets(folder: Path) -> list[Sheet]:
    """The sample sheets of a run, in the order of their steps: files named by their step, such as 000500.png."""
    return sorted(Sheet(int(p.stem), p) for p in folder.glob("*.png") if p.stem.isascii() and p.stem.isdigit())


def frames(all_sheets: list[Sheet]) -> list[tuple[int, Picture]]:
    """(step, picture) of at most FRAMES readable sheets, evenly spaced, the first and the last always."""
    chosen = [all_sheets[i] for i in evenly(len(all_sheets), FRAMES)]
    read = [(s.step, picture(s.path, FRAMES_BYTES // len(chosen))) for s in chosen]
    return [(step, p) for step, p in read if p is not None]


def evenly(n: int, count: int) -> list[int]:
    """At most `count` of the indices 0 .. n - 1, evenly spaced, with the first and the last (count >= 2)."""
    if n <= count:
        return list(range(n))
    return [round(i * (n - 1) / (count - 1)) for i in range(count)]


def _uri(data: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def _smaller(image: "Image.Image", most: int) -> bytes:
    """The image as WebP of at most so many bytes: of lower quality first, then of fewer pixels."""
    copy = image.convert("RGBA" if image.has_transparency_data else "RGB")
    copy.thumbnail((SIDE, SIDE))
    while True:
        for quality in (88, 70, 50):
            out = BytesIO()
            copy.save(out, format="WEBP", quality=quality, method=2)
            if out.tell() <= most:
                return out.getvalue()
        shrink = 0.95 * (most / out.tell()) ** 0.5
        copy.thumbnail((max(1, copy.width * shrink), max(1, copy.height * shrink)))
