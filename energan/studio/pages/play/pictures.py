"""Pictures on the page, and files of them to download."""

import base64
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, final

from nicegui import ui

from energan.studio.pages.frame import complain, told
from energan.studio.pages.play.desk import Desk, Made, busy
from energan.utils.errors import UserError

if TYPE_CHECKING:
    from jaxtyping import UInt8
    from torch import Tensor

T = TypeVar("T")

TILE = 56  # pixels of the page for each image of a sheet, at least

MOST = 2**25  # bytes of a picture that is dropped

TYPES = {"png": "image/png", "gif": "image/gif"}


def address(image: "UInt8[Tensor, 'c h w']") -> str:
    """The image as a PNG in an address, sharp however large it is shown."""
    from energan.utils.image_files import as_picture

    file = BytesIO()
    as_picture(image).save(file, format="PNG", compress_level=1)
    return data_address(file.getvalue(), "png")


def data_address(content: bytes, kind: str) -> str:
    """A file in an address."""
    return f"data:{TYPES[kind]};base64,{base64.b64encode(content).decode()}"


@final
class Picture:
    """A place for one picture. Empty until something is shown."""

    def __init__(self, classes: str = "play-large") -> None:
        self.element = ui.element("img").classes(f"studio-small {classes}")
        self.element.props["alt"] = ""
        self.element.set_visibility(False)

    def show(self, source: str, alt: str, width: int = 0) -> None:
        """Shows a picture, so many pixels of the page wide at most, where that is told."""
        if width:
            self.element.style(f"width: {width}px")
        self.element.props["src"] = source
        self.element.props["alt"] = alt
        self.element.set_visibility(True)

    def hide(self) -> None:
        self.element.set_visibility(False)


@final
class Tiles:
    """A place for many small pictures."""

    def __init__(self) -> None:
        self.place = ui.element("div").classes("play-tiles")
        self._there: list[Picture] = []

    def show(self, sources: Sequence[str], alts: Sequence[str]) -> None:
        while len(self._there) > len(sources):
            self._there.pop().element.delete()
        with self.place:
            while len(self._there) < len(sources):
                self._there.append(Picture("play-tile"))
        for picture, source, alt in zip(self._there, sources, alts, strict=True):
            picture.show(source, alt)


def written(save: Callable[[Path], object], ending: str) -> bytes:
    """The file that the function writes. Nothing stays on the disk."""
    with tempfile.TemporaryDirectory(prefix="energan-play-") as folder:
        path = Path(folder) / f"file{ending}"
        save(path)
        return path.read_bytes()


def sheet(images: "UInt8[Tensor, 'n c h w']", columns: int | None = None) -> bytes:
    """A PNG of all images."""
    from energan.utils.image_files import save_sheet

    return written(lambda path: save_sheet(images, path, columns), ".png")


def arrays(images: "UInt8[Tensor, 'n c h w']") -> bytes:
    """An .npz of them, as `energan sample` writes it."""
    from energan.utils.image_files import save_images

    return written(lambda path: save_images(images, path), ".npz")


def films(rows: "UInt8[Tensor, 'k frames c h w']", ending: str) -> bytes:
    """A GIF or an MP4 of films side by side. UserError where there is no encoder for a video."""
    from energan.utils.films import write_gif, write_video

    return written(lambda path: write_gif(rows, path) if ending == ".gif" else write_video(rows, path), ending)


def encodes() -> bool:
    """Whether videos can be written."""
    return find_spec("imageio_ffmpeg") is not None


def download_button(
    desk: Desk, label: str, what: str, ending: str, made: Callable[[], Made[T] | None], make: Callable[[T], bytes]
) -> ui.button:
    """A button that hands over a file. made: what there is now, None for nothing; make: makes its file, in a thread."""

    async def hand_over() -> None:
        there = made()
        if there is None:
            raise UserError("there is nothing to download yet")
        with busy(button):
            content = await desk.studio.work(make, there.what)
        ui.download.content(content, f"{desk.name(what, there.wish)}{ending}")

    button = ui.button(label, on_click=told(hand_over)).props("outline no-caps dense padding='xs sm'")
    return button


def decoded(content: bytes, desk: Desk) -> "UInt8[Tensor, 'c h w']":
    """A dropped picture in the run's shape, decoded as images to train on are. UserError for what is none."""
    import torch

    from energan.data.decoding.decode import Fit, decode_pages
    from energan.data.decoding.failures import as_user_error
    from energan.experiment import recorded_range

    channels, h, w = desk.able.shape
    known = recorded_range(desk.record)
    with as_user_error("the picture"):
        found = next(decode_pages(content, Fit((h, w) if h != w else h, channels), (lambda: known) if known else None))
        return torch.from_numpy(found.pixels.copy())


def dropped(
    desk: Desk, label: str, take: "Callable[[list[tuple[UInt8[Tensor, 'c h w'], str]]], Awaitable[None]]", most: int = 1
) -> None:
    """A place to drop pictures on, or to choose them.

    take: what is done with those that can be read, each with its name. most: how many are taken at once.
    """

    async def read(event: Any) -> None:
        place.reset()
        found = []
        for file in event.files:
            try:
                if file.size() > MOST:  # a browser may not have been asked
                    await refused()
                found.append((await desk.studio.work(decoded, await file.read(), desk), file.name))
            except UserError as error:
                if most == 1:
                    raise
                complain(f"{file.name}: {error}")
        if found:
            await take(found)

    async def refused() -> None:
        at_once = f"{most} images at once" if most > 1 else "one image"
        raise UserError(f"the picture is none, or has more than {MOST // 2**20} MiB: drop {at_once}")

    place = ui.upload(
        label=label, multiple=most > 1, auto_upload=True, max_files=most, max_file_size=MOST,
        on_multi_upload=told(read), on_rejected=told(refused),
    ).props('accept="image/*" flat bordered')  # fmt: skip
    place.classes("play-drop")
