"""A client's page: its run, what it asks for, and how work is done for it."""

import random
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar, final

from nicegui import ui

from energan.studio.pages.frame import told
from energan.studio.pages.play.asking import Able, Wish, able
from energan.studio.pages.typed import number, whole
from energan.studio.studio import Studio
from energan.utils.errors import UserError

if TYPE_CHECKING:
    from energan.inference.model import Model

T = TypeVar("T")

NEWEST = "newest"
BEST = "best"
ANY = "as they come"


@final
class Made(NamedTuple, Generic[T]):
    """What was made, by which wish. The page may ask for something else since: words and names are of this wish."""

    wish: Wish
    what: T


@final
class Desk:
    """What a client works at. changed: draws the open tool anew; the page sets it.

    Args:
        studio: The studio.
        run: The run's name.
        can: What its system can do.
        record: Its run.json.
        steps: Its checkpoints' names, the newest first.
    """

    def __init__(self, studio: Studio, run: str, can: Able, record: Mapping[str, Any], steps: list[str]) -> None:
        self.studio, self.run, self.able, self.record, self.steps = studio, run, can, record, steps
        self.folder: Path = studio.runs.path(run)
        self.wish = Wish()
        self.changed: Callable[[], Awaitable[None]] | None = None

    async def compute(self, work: "Callable[[Model, Wish], T]", wish: Wish | None = None) -> "Made[T]":
        """What the work gives, of the model and of a wish, in a thread. wish: None for that of this moment."""
        wish = self.wish if wish is None else wish
        return Made(wish, await self.studio.with_model(self.run, lambda model: work(model, wish), wish.checkpoint))

    def name(self, what: str, wish: Wish) -> str:
        """The name of a file to download, without its ending."""
        plain = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "-" for c in self.run)
        return f"{plain}-{what}-seed{wish.seed}"

    async def ask(self, **changes: Any) -> None:
        """Changes what is asked for, and draws anew."""
        wish = self.wish._replace(**changes)
        if wish.checkpoint not in ("", *self.steps):
            raise UserError(f"{self.run} has no checkpoint {wish.checkpoint}")
        if wish != self.wish:
            self.wish = wish
            if self.changed is not None:
                await self.changed()

    def bar(self) -> None:
        """What all tools share: the seed, the checkpoint, and what is asked for."""
        ask = told(self.ask)
        with ui.element("div").classes("play-bar").props('role="group" aria-label="What is asked for"'):
            seed = ui.number("Seed", value=0, min=0, max=2**31 - 1, precision=0, format="%d").props("outlined dense")
            seed.on_value_change(told(lambda: self.ask(seed=whole(seed.value, "the seed", 0, 2**31 - 1))))
            ui.button("Another seed", on_click=lambda: seed.set_value(random.randrange(10**6))).props("flat no-caps")
            if len(self.steps) > 1:
                steps = [NEWEST, *self.steps]
                chosen = ui.select(steps, value=NEWEST, label="Checkpoint").props("outlined dense")
                chosen.on_value_change(lambda e: ask(checkpoint="" if e.value == NEWEST else str(e.value)))
            if self.able.chains:
                return
            if self.able.classes:
                names: dict[int, str] = {-1: ANY, **dict(enumerate(self.able.classes))}
                asked = ui.select(names, value=-1, label="Class", with_input=len(names) > 20).props("outlined dense")
                asked.on_value_change(lambda e: ask(class_index=None if e.value in (-1, None) else int(e.value)))
            if self.able.kind == "text":
                self._sentence(ask)
            for place, each in enumerate(self.able.attributes):
                self._attribute(place, each.name, each.mean, each.deviation)

    def _sentence(self, ask: Callable[..., Awaitable[Any]]) -> None:
        said = ui.input("Sentence", placeholder=ANY).props("outlined dense clearable maxlength=500")
        said.classes("play-sentence")
        said.on("keydown.enter", lambda: ask(text=said.value or ""))
        said.on("blur", lambda: ask(text=said.value or ""))
        unknown = ui.label().classes("studio-quiet").props('role="status"')
        known = self.record["data"].get("words")

        def tell() -> None:
            from energan.explore.said import unknown_words

            words = unknown_words([said.value or ""], known)
            unknown.set_text(f"no training caption has: {', '.join(words)}" if words else "")

        said.on_value_change(tell)

    def _attribute(self, place: int, name: str, mean: float, deviation: float) -> None:
        """A number for an attribute; empty for what each sample comes with."""
        box = ui.number(name, placeholder=f"{mean:.3g} ± {deviation:.3g}", step=round(deviation, 3) or 0.1).props(
            "outlined dense clearable stack-label"
        )

        async def change() -> None:
            values = dict(self.wish.values)
            values.pop(place, None)
            if box.value is not None:
                values[place] = number(box.value, name, mean - 100 * deviation - 1, mean + 100 * deviation + 1)
            await self.ask(values=tuple(sorted(values.items())))

        box.on_value_change(told(change))


async def opened(studio: Studio, run: str) -> Desk:
    """The desk of a run. UserError where there is no such run, it has no checkpoint, or it is damaged."""
    from energan.runs.folder import RunFolder

    folder = studio.runs.path(run)

    def look() -> tuple[Mapping[str, Any], list[str]]:
        there = RunFolder(folder)
        steps = [str(int(path.stem)) for path in reversed(there.checkpoints())]
        with suppress(UserError):
            there.checkpoint(BEST)
            steps.append(BEST)
        return there.record, steps

    record, steps = await studio.work(look)
    can = await studio.with_model(run, lambda model: able(model, folder, record))
    return Desk(studio, run, can, record, steps)


@contextmanager
def busy(button: ui.button) -> Iterator[None]:
    """Inside, the button cannot be pressed, and shows that something is done."""
    button.disable()
    button.props("loading")
    try:
        yield
    finally:
        button.props(remove="loading")
        button.enable()


@final
class Latest:
    """An action that is done for the newest wish alone: of those that come while it runs, only the last is kept."""

    def __init__(self, action: Callable[..., Awaitable[None]]) -> None:
        self._action = action
        self._wishes: list[tuple[Any, ...]] = []
        self._runs = False

    async def __call__(self, *wish: Any) -> None:
        self._wishes[:] = [wish]
        if self._runs:
            return
        self._runs = True
        try:
            while self._wishes:
                await self._action(*self._wishes.pop())
        finally:
            self._runs = False
