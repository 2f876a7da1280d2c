"""What a notebook shows of an object: a title, a table of facts, pictures. All text is somebody's, and escaped."""

import base64
from collections.abc import Iterable, Sequence
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING, NamedTuple

from energan.utils.errors import printable

if TYPE_CHECKING:
    from PIL.Image import Image

LEAST = 240  # pixels of a picture's longer side, to which small ones are enlarged in whole steps
LARGEST = 8  # times


class Picture(NamedTuple):
    """A picture of a block: its address (a data: URI), its size on the page in pixels, and what stands below it."""

    uri: str
    width: int
    height: int
    caption: str = ""


def enlarged(width: int, height: int) -> int:
    """How many times larger, in whole steps, a picture is shown so that its pixels can be seen.

    >>> enlarged(8, 8), enlarged(100, 60), enlarged(640, 480)
    (8, 3, 1)
    """
    return max(1, min(LARGEST, -(-LEAST // max(width, height))))


def embedded(image: "Image", caption: str = "", *, scale: int | None = None) -> Picture:
    """The image as a PNG in the page; scale: pixels of the page a pixel of the image, by default `enlarged`."""
    file = BytesIO()
    image.save(file, format="PNG")
    uri = f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
    times = enlarged(*image.size) if scale is None else scale
    return Picture(uri, times * image.width, times * image.height, caption)


def block(
    title: str, facts: Iterable[tuple[str, object]], pictures: Sequence[Picture] = (), notes: Iterable[str] = ()
) -> str:
    """HTML of one object, without scripts and colours of its own, so that it is right in light and dark notebooks.

    >>> block("<b>", [("loss", "=1+1")])
    '<div><strong>&lt;b&gt;</strong><table><tr><th ...>loss</th><td ...>=1+1</td></tr></table></div>'
    """
    cell = 'style="text-align:left;vertical-align:top"'
    rows = "".join(f"<tr><th {cell}>{_text(name)}</th><td {cell}>{_text(value)}</td></tr>" for name, value in facts)
    drawn = "".join(map(_figure, pictures))
    row = f'<div style="display:flex;flex-wrap:wrap;gap:12px">{drawn}</div>' if drawn else ""
    said = "".join(f"<div>{_text(note)}</div>" for note in notes)
    return f"<div><strong>{_text(title)}</strong><table>{rows}</table>{said}{row}</div>"


def _figure(picture: Picture) -> str:
    caption = f"<figcaption>{_text(picture.caption)}</figcaption>" if picture.caption else ""
    size = f'width="{picture.width}" height="{picture.height}"'
    words = escape(printable(picture.caption) or "picture", quote=True)
    # else the browser would smooth what `enlarged` made larger
    image = f'<img src="{escape(picture.uri, quote=True)}" {size} alt="{words}" style="image-rendering:pixelated">'
    return f'<figure style="margin:6px 0">{image}{caption}</figure>'


def _text(value: object) -> str:
    return escape(printable(str(value)))
