"""Images as data: URIs, within a budget of bytes, so that one page holds them all."""

import base64
import warnings
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from PIL import Image

FRAMES = 40  # sample sheets in one page, at most
BUDGET = 10_000_000  # bytes of sample sheets, before base64 makes them a third larger
LARGE = 700_000  # bytes: a larger picture is stored again, smaller
SIDE = 1600  # pixels of the longer side of such a picture


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


def picture(path: Path) -> Picture | None:
    """The image file as a data: URI, a large one as WebP; None where there is no readable image."""
    from PIL import Image

    try:
        data = path.read_bytes()
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(BytesIO(data))
            image.load()  # a truncated file fails here
            kind, size = f"image/{(image.format or '').lower()}", image.size
            if len(data) > LARGE:
                data, kind = _smaller(image), "image/webp"
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        return None
    return Picture(f"data:{kind};base64,{base64.b64encode(data).decode()}", *size)


def sheets(folder: Path) -> list[Sheet]:
    """The sample sheets of a run, in the order of their steps: files named by their step, such as 000500.png."""
    found = [Sheet(int(p.stem), p) for p in folder.glob("*.png") if p.stem.isascii() and p.stem.isdigit()]
    return sorted(found)


def frames(all_sheets: list[Sheet]) -> list[tuple[int, Picture]]:
    """At most FRAMES of the sheets, evenly spaced, the first and the last always, of at most BUDGET bytes."""
    if not all_sheets:
        return []
    typical = max(min(s.path.stat().st_size, LARGE) for s in all_sheets)
    count = max(2, min(FRAMES, BUDGET // max(typical, 1)))
    chosen = [all_sheets[i] for i in evenly(len(all_sheets), count)]
    read = [(s.step, picture(s.path)) for s in chosen]
    return [(step, p) for step, p in read if p is not None]


def evenly(n: int, count: int) -> list[int]:
    """At most `count` of the indices 0 .. n - 1, evenly spaced, with the first and the last (count >= 2)."""
    if n <= count:
        return list(range(n))
    return [round(i * (n - 1) / (count - 1)) for i in range(count)]


def _smaller(image: "Image.Image") -> bytes:
    copy = image.convert("RGB")
    copy.thumbnail((SIDE, SIDE))
    out = BytesIO()
    copy.save(out, format="WEBP", quality=88)
    return out.getvalue()
