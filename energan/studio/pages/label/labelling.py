"""One image at a time, large, with the classes as buttons and a key for each."""

from itertools import count
from typing import Any, NamedTuple

from nicegui import ui

from energan.studio.pages.frame import told
from energan.studio.pages.judge.pictures import picture, shown
from energan.studio.pages.label.asked import Asked, Originals, Pool, asked_at_random, asked_by
from energan.studio.pages.label.table import Table, class_name
from energan.studio.studio import Studio
from energan.utils.errors import UserError

KEYS = "123456789abcdefghijklmnopqrstuvwxyz"

UNDO, SKIP = "Backspace", " "

_tokens = count(1)  # of images that are shown, in all pages: what was begun before hears the same events


class Answer(NamedTuple):
    """What was answered to an image: name, "" for a skip; before: the label that another page had given it, or ""."""

    asked: Asked
    name: str
    before: str


class Labelling:
    """What one client labels.

    Args:
        studio: The server's.
        run: The run whose classifier chooses; "" for none.
        pool: The images.
        table: Where labels go.
        labels: All of now.
        originals: The images as their files have them.
    """

    def __init__(
        self, studio: Studio, run: str, pool: Pool, table: Table, labels: dict[str, str], originals: Originals
    ) -> None:
        self.studio, self.run, self.pool, self.table = studio, run, pool, table
        self.labels, self.originals = labels, originals
        self.classes = table.classes(pool.classes(labels))  # in the order of their keys: others come last
        self.queue: list[Asked] = []
        self.skipped: set[str] = set()
        self.done: list[Answer] = []  # to be undone
        self.token = 0  # of the image that is shown: an answer to another one is not taken
        self.working = False
        self.kept = False  # whether the order of the classes is on the disk

    async def draw(self) -> None:
        """Draws the part, and asks for the first image."""
        with ui.element("section").classes("label-part"):
            self.image = ui.element("div").classes("label-image")
            with ui.element("div").classes("label-side"):
                self.reason = ui.label("").classes("studio-quiet")
                self.buttons = ui.element("div").classes("label-classes")
                with ui.element("div").classes("studio-row items-center"):
                    self.new = ui.input("New class").props("outlined dense maxlength=100")
                    self.new.on("keydown.enter", told(self._add))
                    ui.button("Add", on_click=told(self._add)).props("flat no-caps")
                with ui.element("div").classes("studio-row items-center"):
                    for words, key in (("Skip (space)", SKIP), ("Undo (backspace)", UNDO)):
                        button = ui.button(words).props("outline no-caps")
                        button.props["data-key"] = key
                self.progress = ui.label("").props('role="status"').classes("label-progress")
                self.bar = ui.linear_progress(0, show_value=False).props('aria-hidden="true"')
                self.wrote = ui.label("").classes("studio-quiet")
        ui.on("label-key", self._key)
        self._classes()
        self._tell(f"Labels go to {self.table.path}")
        await told(self.next)()
        # keys are for the image now, and not for the button that was pressed
        ui.run_javascript("document.activeElement?.blur()")

    async def next(self) -> None:
        """Shows the next image that lacks a label; chooses others where none is left of those that were chosen."""
        self.queue = [each for each in self.queue if each.file not in self.labels]
        if not self.queue:
            self.queue = await self._chosen()
        self.token = next(_tokens)
        self.image.clear()
        self._progress()
        if not self.queue:
            self.image.props["data-token"] = str(self.token)  # what was answered last can be undone
            self.image.update()
            self.reason.set_text("")
            with self.image:
                left = self.pool.left(self.labels)
                ui.label(f"All images have a label, but for {left} that were skipped." if left else "All have a label.")
            return
        asked = self.queue[0]
        image = await self.studio.work(self.originals.image, self.pool, asked.row)
        address = await self.studio.work(picture, image)
        with self.image:
            small = max(image.shape[1:]) < 200
            shown(address, asked.file, "label-shown" if small else "label-shown label-smooth")
            ui.label(asked.file).classes("studio-quiet")
        self.image.props["data-token"] = str(self.token)
        self.image.update()
        self.reason.set_text(asked.reason)

    async def _chosen(self) -> list[Asked]:
        labels = {**self.labels, **dict.fromkeys(self.skipped, "")}  # what was skipped is not asked for again
        if self.run and self.pool.experiment is not None:
            return await self.studio.with_model(self.run, lambda model: asked_by(self.pool, model, labels))
        return await self.studio.work(asked_at_random, self.pool, labels)

    async def _key(self, event: Any) -> None:
        given = event.args if isinstance(event.args, dict) else {}
        key, token = given.get("key"), given.get("token")
        if isinstance(key, str) and str(token) == str(self.token):
            await self.answer(key, self.token)

    async def answer(self, key: str, token: int) -> None:
        """Takes an answer to the image of that token: a class's key, skip or undo. One at a time."""
        if self.working or token != self.token:
            return
        self.working = True
        try:
            await told(self._answer)(key)
        finally:
            self.working = False

    async def _answer(self, key: str) -> None:
        if key == UNDO:
            await self._undo()
            return
        if not self.queue:
            return
        asked = self.queue[0]
        if key == SKIP:
            self.skipped.add(asked.file)
            self.done.append(Answer(asked, "", ""))
            self.queue.pop(0)
            self._tell(f"skipped {asked.file}")
        else:
            classes = self.classes
            number = KEYS.find(key) if len(key) == 1 else -1
            if not 0 <= number < len(classes):
                return
            before = await self._give(asked, classes[number])
            self.done.append(Answer(asked, classes[number], before))
        await self.next()

    async def _give(self, asked: Asked, name: str, held: str | None = None) -> str:
        """Gives a label, and returns that which there was before. held: that which there must be."""
        self.labels, before = await self.studio.work(self.table.give, asked.file, name, self.pool.labels, held)
        if others := [each for each in dict.fromkeys(self.labels.values()) if each not in self.classes]:
            self.classes += others  # that another page has given
            self._classes()
        if not self.kept:
            await self.studio.work(self.table.keep, self.classes)
            self.kept = True
        if held is not None and held != before:
            self._tell(f"{asked.file} stays {before or 'without a label'}, as another page has made it")
        elif name:
            instead = f", in the place of {before}" if before not in ("", name) and held is None else ""
            self._tell(f"wrote {asked.file},{name} to {self.table.path}{instead}")
        else:
            self._tell(f"took {asked.file} out again")
        return before

    async def _undo(self) -> None:
        if not self.done:
            raise UserError("nothing to undo")
        asked, name, before = self.done[-1]
        if name:
            await self._give(asked, before, held=name)
        else:
            self._tell(f"{asked.file} is asked for again")
        self.done.pop()
        self.skipped.discard(asked.file)
        self.queue.insert(0, asked)
        await self.next()

    async def _add(self, *_: Any) -> None:
        name = class_name(self.new.value or "")
        if name in self.classes:
            raise UserError(f"there is a class {name} already")
        if len(self.classes) == len(KEYS):
            raise UserError(f"there are keys for {len(KEYS)} classes, and no more")
        await self.studio.work(self.table.keep, [*self.classes, name])
        self.classes.append(name)
        self.new.set_value("")
        self._classes()

    def _classes(self) -> None:
        """Draws the buttons, a class each."""
        self.buttons.clear()
        with self.buttons:
            for key, name in zip(KEYS, self.classes, strict=False):
                with ui.element("button").classes("label-class").props('type="button"') as button:
                    ui.label(key).classes("label-key").props('aria-hidden="true"')
                    ui.label(name)
                button.props["aria-keyshortcuts"] = button.props["data-key"] = key
            if not self.classes:
                ui.label("No class yet: type the names of two or more.")

    def _progress(self) -> None:
        n, left = len(self.pool.data.files), self.pool.left(self.labels)
        given = sum(1 for each in self.done if each.name)
        counts = dict.fromkeys(self.classes, 0)
        for name in self.labels.values():
            counts[name] = counts.get(name, 0) + 1
        words = ", ".join(f"{name} {count}" for name, count in counts.items())
        words = f" ({words})" if words else ""
        self.progress.set_text(f"{given} given here; {n - left} of {n} images have a label{words}")
        self.bar.set_value((n - left) / n)

    def _tell(self, words: str) -> None:
        self.wrote.set_text(words)
