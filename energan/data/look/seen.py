"""One image as it lies there: its size, its kind, and a thumbnail that tells it from others."""

import hashlib
from pathlib import Path
from typing import NamedTuple

from jaxtyping import UInt8
from numpy import ndarray as Array

from energan.data.decoding.decode import Fit, decode_pages, open_image
from energan.data.decoding.deep import Opened, has_colours, is_deep
from energan.data.decoding.failures import UNREADABLE, reason
from energan.data.decoding.fitting import SEEN_AND_OPACITY, refit
from energan.data.decoding.listing import Item

SIDE = 16  # pixels of a thumbnail

ORIENTATION, TURNED = 0x0112, range(5, 9)  # EXIF's tag, and the values that swap width and height

GREY = 6  # levels that red, green and blue of a thumbnail may differ by where there are no colours: JPEG's rounding

MODES = {
    "1": "black and white", "L": "grey", "LA": "grey with opacity", "P": "palette", "PA": "palette with opacity",
    "RGB": "RGB", "RGBA": "RGB with opacity", "CMYK": "CMYK",
}  # fmt: skip


class Seen(NamedTuple):
    """An image that can be read."""

    name: str
    split: str  # "" where there are none
    label: int | None
    width: int
    height: int
    kind: str  # "JPEG RGB", "PNG 16 bit grey"
    several: str  # "", "animated": the first frame is taken; "pages": each is an image
    images: int  # that are read of it: pages
    digest: bytes  # of its bytes
    thumbnail: UInt8[Array, "4 side side"]  # of the centred square, as it is seen on white, and the opacity

    @property
    def colourless(self) -> bool:
        """Whether red, green and blue are alike all over."""
        colours = self.thumbnail[:3].astype("int16")
        return int((colours.max(0) - colours.min(0)).max()) <= GREY

    @property
    def transparent(self) -> bool:
        """Whether something can be seen through."""
        return int(self.thumbnail[3].min()) < 255


class Broken(NamedTuple):
    """A file that cannot be read."""

    name: str
    why: str


def seen(item: Item, split: str) -> Seen | Broken:
    """What a file is, by the rules that `energan.data.load` reads it by."""
    try:
        file = item.read()
        with open_image(file) as image:
            width, height = upright_size(image)
            kind, several = _kind(image), _several(image)
            images = int(getattr(image, "n_frames", 1)) if several == "pages" else 1
        thumbnail = next(decode_pages(file, Fit(SIDE, SEEN_AND_OPACITY))).pixels
        digest = _digest(file)
        return Seen(item.name, split, item.label, width, height, kind, several, images, digest, thumbnail)
    except UNREADABLE as error:
        return Broken(item.name, reason(error))


def _digest(file: Path | bytes) -> bytes:
    if isinstance(file, bytes):
        return hashlib.sha256(file).digest()
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").digest()


def upright_size(image: Opened) -> tuple[int, int]:
    """Width and height of the picture once it is turned as its EXIF data say."""
    width, height = image.size
    if "exif" not in image.info:  # asked of a PNG, Pillow would decode all of it
        return width, height
    try:
        turned = image.getexif().get(ORIENTATION, 1) in TURNED
    except UNREADABLE:  # damaged EXIF data: the picture itself is fine
        turned = False
    return (height, width) if turned else (width, height)


def _kind(image: Opened) -> str:
    mode = MODES.get(image.mode, image.mode)
    if is_deep(image):
        bits = "float" if image.mode == "F" else "more than 8 bits" if image.mode == "I" else "16 bit"
        mode = f"{bits} {'colour' if has_colours(image) else 'grey'}"
    elif image.mode == "P" and "transparency" in image.info:
        mode = "palette with opacity"
    return f"{'JPEG' if image.format == 'MPO' else image.format} {mode}"


def _several(image: Opened) -> str:
    if image.format == "MPO" or not getattr(image, "is_animated", False):  # MPO: a photo and its previews
        return ""
    return "pages" if image.format == "TIFF" else "animated"


def of_pixels(name: str, split: str, label: int | None, pixels: UInt8[Array, "c h w"]) -> Seen:
    """What an image of an array or of a named set is."""
    channels, height, width = pixels.shape
    kind = f"array {'grey' if channels == 1 else 'RGB' if channels == 3 else 'RGB with opacity'}"
    digest = hashlib.sha256(pixels.tobytes()).digest()
    return Seen(name, split, label, width, height, kind, "", 1, digest, refit(pixels, SIDE, SEEN_AND_OPACITY))
