"""The images to train on: a built-in set, a folder that the server was told of, or what is dropped here."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import final

from nicegui import events, ui

from energan.data.decoding.decode import EXTENSIONS
from energan.data.named.catalog import NAMED
from energan.studio.dropped import Dropped, title
from energan.studio.fields import Field
from energan.studio.pages.frame import complain, settled
from energan.studio.studio import Studio
from energan.utils.errors import UserError

FILE = 2**26  # bytes of one file that is dropped

PACKED = (".zip", ".npz", ".npy", ".parquet", ".tar", ".tgz", ".gz", ".csv", ".json", ".txt")  # that may be data


@final
class Given:
    """A field in which a set is chosen, or pictures are dropped. It is built anew for each form, and keeps its choice.

    Args:
        studio: The server's.
        told: Called after pictures were dropped, and when another set was chosen.
    """

    def __init__(self, studio: Studio, told: Callable[[], Awaitable[object]]) -> None:
        self.studio, self.told = studio, told
        self.dropped = Dropped(studio.runs.folder / ".studio" / "data")
        self.value: str | None = None  # None: nothing was chosen, so each recipe has its own

    def build(self, field: Field) -> Callable[[], str]:
        """Draws the field. Returns what gives its value, in a word."""
        with ui.element("div").classes("studio-row w-full"):
            self.text = ui.select(
                self._choices(), label=field.name, value=field.default or None, with_input=True,
                new_value_mode="add-unique", key_generator=lambda typed: typed,
            ).classes("grow")  # fmt: skip
            self.upload = ui.upload(label=f"or drop pictures or a .zip ({field.name})", multiple=True, auto_upload=True,
                                    max_file_size=FILE, on_multi_upload=self._take).classes("studio-drop")  # fmt: skip
        self.said = ui.label("").classes("studio-quiet").props('role="status"')
        ui.label(field.help).classes("studio-help")
        if self.value is not None:
            self._choose(self.value)
        self.text.on_value_change(self._chosen)
        return lambda: str(self.text.value or "")

    def _choices(self) -> dict[str, str]:
        kept = {str(path): title(path) for path in self.dropped.kept()}
        return {name: name for name in (*NAMED, *map(str, self.studio.data))} | kept

    def _choose(self, value: str) -> None:
        choices = self._choices()
        self.text.set_options({value: value, **choices} if value and value not in choices else choices, value=value)

    async def _chosen(self) -> None:
        self.value = str(self.text.value or "")
        await self.told()

    async def _take(self, event: events.MultiUploadEventArguments) -> None:
        settled()
        folder = None
        for file in event.files:
            try:
                folder = await self.dropped.keep(file)
            except UserError as error:
                complain(str(error))
                break
        self.upload.reset()  # or each picture would stand there, large
        if folder:
            self.said.set_text(counted(self.dropped.names))
            self._choose(source(folder, self.dropped.names))


def source(folder: Path, names: set[str]) -> str:
    """What is trained on of what was dropped: the folder; of a single file that is no picture, the file."""
    only = next(iter(names), "")
    return str(folder / only) if len(names) == 1 and not only.lower().endswith(EXTENSIONS) else str(folder)


def counted(names: set[str]) -> str:
    """How many pictures were dropped, and which files are none.

    >>> counted({"a.png", "b.PNG", "README.md"})
    '2 pictures were dropped, and README.md, which is no picture'
    """
    others = sorted(name for name in names if not name.lower().endswith((*EXTENSIONS, *PACKED)))
    packed = [name for name in names if name.lower().endswith(PACKED)]
    n = len(names) - len(others) - len(packed)
    words = ([f"{n:,} picture{'s' * (n != 1)}"] if n or not packed else []) + packed[:3]
    said = f"{', '.join(words)} {'was' if n + len(packed) == 1 else 'were'} dropped"
    if not others:
        return said
    more = f" and {len(others) - 3} more" if len(others) > 3 else ""
    return f"{said}, and {', '.join(others[:3])}{more}, which {'is no picture' if len(others) == 1 else 'are none'}"
