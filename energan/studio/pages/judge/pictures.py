"""Pictures as pages have them, and those that a user names or drops."""

import base64
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, final

from nicegui import ui
from nicegui.events import MultiUploadEventArguments

from energan.data import NAMED
from energan.data.decoding.cache import decoded_in
from energan.data.decoding.decode import EXTENSIONS
from energan.studio.pages.frame import complain, told
from energan.studio.sources import named_images
from energan.studio.studio import Studio
from energan.utils.errors import UserError, printable

if TYPE_CHECKING:
    from jaxtyping import Float, UInt8
    from torch import Tensor

FILES = 1000  # that are dropped at once: what the server's forms take

BYTES = 2**28 - 2**20  # of one drop

KEPT = 2**30  # bytes of all that was dropped on one field

LONGEST = 150  # characters of a name that are kept


def picture(image: "UInt8[Tensor, 'c h w']") -> str:
    """A picture's address: the PNG itself."""
    from energan.utils.image_files import as_picture

    return _address(as_picture(image))


def heat_layer(energy_map: "Float[Tensor, 'h w']", top: float) -> str:
    """The address of a map to lie over its picture: the more energy, the less is seen of what is below."""
    from PIL import Image

    from energan.inference.pictures.heat import heat

    layer = Image.fromarray(heat(energy_map, top).permute(1, 2, 0).numpy())
    layer.putalpha(Image.fromarray((255 * (energy_map / top).clamp(0, 1)).round().byte().numpy()))
    return _address(layer)


def _address(image) -> str:  # type: ignore[no-untyped-def]
    content = BytesIO()
    image.save(content, format="PNG")
    return f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"


def shown(address: str, alt: str, classes: str = "") -> ui.element:
    """A picture on the page; alt is anyone's text."""
    image = ui.element("img").classes(f"studio-small {classes}")
    image.props["src"], image.props["alt"] = address, alt
    return image


def file_name(name: str, taken: set[str]) -> str:
    """The name under which a dropped file is kept: its own as far as it can be, and that of no other.

    >>> file_name("../a.png", set()), file_name("a.png", {"a.png"}), file_name(".hidden", set())
    ('a.png', 'a-2.png', 'hidden')
    """
    plain = printable(name.replace("\\", "/").rpartition("/")[2]).replace("\\", "_").lstrip(".").strip() or "picture"
    stem, suffix = Path(plain).stem, Path(plain).suffix[:20]
    while len(stem.encode("utf-8", "replace")) > LONGEST:
        stem = stem[:-1]
    found, number = f"{stem}{suffix}", 1
    while found.casefold() in {each.casefold() for each in taken}:
        number += 1
        found = f"{stem}-{number}{suffix}"
    return found


@final
class Given:
    """A field in which pictures are named, and a place to drop them; what is dropped is removed when its page goes.

    Args:
        studio: The server's.
        label: What the field is called.
        changed: Called after pictures were dropped.
    """

    def __init__(self, studio: Studio, label: str, changed: Callable[[], Awaitable[object]] | None = None) -> None:
        self.studio, self.changed = studio, changed
        self.folder: Path | None = None
        self.dropped: set[str] = set()
        known = [*(str(path) for path in studio.data), *NAMED]
        with ui.element("div").classes("judge-given"):
            self.field = ui.input(label, placeholder="a folder, or a built-in set: digits", autocomplete=known)
            self.field.props("outlined dense clearable")
            self.upload = ui.upload(
                label=f"or drop {label[:1].lower()}{label[1:]} here", multiple=True, auto_upload=True,
                max_files=FILES, max_total_size=BYTES,
                on_multi_upload=self._take,
                on_rejected=lambda: complain(f"at most {FILES:,} files of 255 MiB together are taken at once"),
            ).props("flat bordered hide-upload-btn").classes("judge-drop")  # fmt: skip
            with ui.row().classes("items-center"):
                self.said = ui.label("").classes("studio-quiet").props('role="status"')
                self.forget = ui.button("Forget them", on_click=self._forget).props("flat dense no-caps")
                self.forget.set_visibility(False)
        ui.context.client.on_delete(self._remove)

    def source(self) -> str:
        """What `data.load` takes: what was dropped, else what is named. UserError where nothing is."""
        if self.folder is None or not self.dropped:
            return named_images(self.studio, self.field.value or "")
        only = next(iter(self.dropped))
        single = len(self.dropped) == 1 and not only.lower().endswith(EXTENSIONS)
        return str(self._pictures / only if single else self._pictures)

    def reading(self) -> AbstractContextManager[None]:
        """In which `source` is to be loaded: what is decoded of dropped pictures goes when they do."""
        return decoded_in(self.folder / "decoded") if self.folder is not None and self.dropped else nullcontext()

    def without_folder(self, lines: list[str]) -> list[str]:
        """The lines, which say "what was dropped" where they had the name of its folder."""
        if self.folder is None:
            return lines
        place = str(self._pictures)
        return [line.replace(f"the folder {place}", place).replace(place, "what was dropped") for line in lines]

    @property
    def _pictures(self) -> Path:
        assert self.folder is not None
        return self.folder / "dropped"

    async def _take(self, event: MultiUploadEventArguments) -> None:
        await told(self._keep)(event)
        self.upload.reset()

    async def _keep(self, event: MultiUploadEventArguments) -> None:
        if self.folder is None:
            self.folder = Path(tempfile.mkdtemp(dir=self.studio.uploads))
            self._pictures.mkdir()
        had = sum(path.stat().st_size for path in self._pictures.iterdir())
        if len(self.dropped) + len(event.files) > 2 * FILES or had + sum(f.size() for f in event.files) > KEPT:
            raise UserError(f"more than {2 * FILES:,} pictures, or 1 GiB, are dropped here: forget those first")
        for file in event.files:
            name = file_name(file.name, self.dropped)
            try:
                await file.save(self._pictures / name)
            except (OSError, ValueError) as error:
                raise UserError(f"{printable(file.name)[:200]} cannot be kept: {error.__class__.__name__}") from error
            self.dropped.add(name)
        self._tell()
        if self.changed is not None:
            await self.changed()

    def _tell(self) -> None:
        n = len(self.dropped)
        self.said.set_text(f"{n} dropped file{'s' * (n > 1)}, which {'are' if n > 1 else 'is'} taken" if n else "")
        self.forget.set_visibility(bool(n))

    def _forget(self) -> None:
        self._remove()
        self._tell()

    def _remove(self) -> None:
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
        self.folder, self.dropped = None, set()
