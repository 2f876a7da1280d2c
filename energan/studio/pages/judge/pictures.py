"""Pictures as pages have them, and those that a user names or drops."""

import base64
import secrets
import shutil
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, nullcontext
from io import BytesIO
from typing import TYPE_CHECKING, final

from nicegui import ui
from nicegui.events import MultiUploadEventArguments

from energan.data import NAMED
from energan.data.decoding.cache import decoded_in
from energan.data.decoding.decode import EXTENSIONS
from energan.studio.dropped import Dropped
from energan.studio.pages.frame import complain, told
from energan.studio.sources import named_images
from energan.studio.studio import Studio
from energan.utils.errors import UserError

if TYPE_CHECKING:
    from jaxtyping import Float, UInt8
    from torch import Tensor

FILES = 1000  # that are dropped at once: what the server's forms take

BYTES = 2**28 - 2**20  # of one drop

MOST = 2 * FILES  # that are dropped on one field


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
        self.folder = studio.uploads / f"judged-{secrets.token_hex(8)}"
        self.dropped = Dropped(self.folder)
        known = [*(str(path) for path in studio.data), *NAMED]
        with ui.element("div").classes("judge-given"):
            self.field = ui.input(label, placeholder="a folder, or a built-in set: digits", autocomplete=known)
            self.field.props("outlined dense clearable stack-label")
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
        if not self.dropped:
            return named_images(self.studio, self.field.value or "")
        only = next(iter(self.dropped.names))
        single = len(self.dropped) == 1 and not only.lower().endswith(EXTENSIONS)
        return str(self.dropped.folder / only if single else self.dropped.folder)

    def plain(self, text: str) -> str:
        """The text, which says "what was dropped" where it had the name of that folder."""
        place = str(self.dropped.folder)
        for name in (f"the folder {place}", place, self.dropped.folder.name):
            text = text.replace(name, "what was dropped")
        return text

    @contextmanager
    def reading(self) -> Iterator[None]:
        """In which `source` is to be read: what is decoded of what was dropped goes with it, and errors are plain."""
        try:
            with decoded_in(self.folder / "decoded") if self.dropped else nullcontext():
                yield
        except UserError as error:
            raise UserError(self.plain(str(error))) from error

    async def _take(self, event: MultiUploadEventArguments) -> None:
        await told(self._keep)(event)
        self.upload.reset()

    async def _keep(self, event: MultiUploadEventArguments) -> None:
        if len(self.dropped) + len(event.files) > MOST:
            raise UserError(f"more than {MOST:,} pictures are dropped here: forget those first, or name a folder")
        self.folder.mkdir(exist_ok=True)
        for file in event.files:
            await self.dropped.keep(file)
        self._tell()
        if self.changed is not None:
            await self.changed()

    def _tell(self) -> None:
        n = len(self.dropped)
        self.said.set_text(f"{n} dropped file{'s' * (n > 1)}, which {'are' if n > 1 else 'is'} taken" if n else "")
        self.forget.set_visibility(bool(n))

    def _forget(self) -> None:
        self._remove()
        self.dropped = Dropped(self.folder)
        self._tell()

    def _remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
