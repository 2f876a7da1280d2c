"""Sums of noise: samples, and one's own pictures, are put on sheets that are added and one that is taken away."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, final

from nicegui import ui

from energan.studio.pages.frame import told
from energan.studio.pages.play.asking import Wish
from energan.studio.pages.play.desk import Desk, Latest, Made, busy
from energan.studio.pages.play.pictures import (
    TILE,
    Picture,
    address,
    data_address,
    download_button,
    dropped,
    sheet,
)
from energan.utils.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from energan.inference.codes.projection import Projection
    from energan.inference.model import Model

OFFERED = 48  # samples to choose from
MOST = 24  # pictures of one's own
STEPS = 100  # of descent towards each of them
SPREAD = 0.25  # of the sum's neighbours, as `energan arithmetic`
SHEETS = {"A": "plus A", "B": "minus B", "C": "plus C"}
TAKEN = "B"


def build(desk: Desk) -> Callable[[], Awaitable[None]]:
    """Makes the tab, and returns what draws it anew."""
    return Latest(Arithmetic(desk).draw)


@final
class Pick:
    """A picture that is put on a sheet by pressing it, and taken off by pressing it again.

    Args:
        name: What it is called.
        which: The sheet that it is put on.
        pictures: How many there are of it, beside each other.
    """

    def __init__(self, name: str, which: Callable[[], str], pictures: int = 1) -> None:
        self.name, self.which, self.sheet = name, which, ""
        self.element = ui.element("button").classes("play-pick studio-small").props('type="button"')
        self.element.on("click", self._press)
        with self.element:
            self.pictures = [Picture("") for _ in range(pictures)]
        self.put("")

    def put(self, sheet: str) -> None:
        """Puts it on a sheet; "" for none."""
        self.sheet = sheet
        props = self.element.props
        props.set_optional("data-sheet", f"{'−' if sheet == TAKEN else '+'}{sheet}" if sheet else None)
        props["aria-pressed"] = "true" if sheet else "false"
        props["aria-label"] = self.name + (f", {SHEETS[sheet]}" if sheet else "")

    def _press(self) -> None:
        self.put("" if self.sheet == self.which() else self.which())


@final
class Own:
    """A picture that was dropped. found: the noise that draws it, of what was asked for then, whatever its seed."""

    def __init__(self, image: "Tensor", pick: Pick) -> None:
        self.image, self.pick = image, pick
        self.found: Made[Projection] | None = None

    def projection(self, model: "Model", wish: Wish, desk: Desk) -> "Projection":
        """The noise that draws it: what is known, if that is of this wish."""
        from energan.explore.combined import Drawn

        if self.found is not None and self.found.wish == wish._replace(seed=0):
            return self.found.what
        return Drawn(model, 0, wish.held(model, desk.folder, desk.record)).projected(self.image[None], STEPS)

    def show(self, made: "Made[Projection]") -> None:
        """Shows what its noise draws, and keeps it."""
        projection = made.what
        self.found = Made(made.wish._replace(seed=0), projection)
        error = f"drawn with an error of {float(projection.errors[0]):.3f}, pixels from 0 to 1"
        self.pick.pictures[1].show(address(projection.images[0]), f"{self.pick.name}, {error}")
        self.pick.element.props["title"] = f"{self.pick.name}: left yours, right the nearest, {error}"


@final
class Arithmetic:
    """The tab. samples: those that can be chosen; own: dropped pictures; made: the last result and its columns."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.samples: list[Pick] = []
        self.own: list[Own] = []
        self.made: Made[tuple[Tensor, int, str, str]] | None = None
        drops = desk.able.does("project")
        ui.label(
            "Choose a sheet, then the samples on it, some of a kind"
            + ("; or drop pictures of your own on a sheet: the noise that draws them best is taken" if drops else "")
            + ". The sum is A − B + C, of the sheets’ means."
        )
        with ui.element("div").classes("studio-row"):
            self.which = ui.toggle(SHEETS, value="A").props('aria-label="The sheet that samples go to" no-caps')
            ui.button("Clear", on_click=self._clear).props("flat no-caps")
        if drops:
            with ui.element("div").classes("studio-row"):
                for key, label in SHEETS.items():
                    dropped(desk, f"Your pictures: {label}", partial(self._drop, key), most=MOST)
        self.mine = ui.element("div").classes("play-tiles play-own").props('role="group" aria-label="Your pictures"')
        self.mine.set_visibility(False)
        self.place = ui.element("div").classes("play-tiles").props('role="group" aria-label="Samples to choose from"')
        with ui.element("div").classes("studio-row"):
            self.add = ui.button("Add up", on_click=told(self._add_up)).props("no-caps")
            self.turn = ui.button("Turn others from B to A", on_click=told(self._turn)).props("outline no-caps")
        self.says = ui.label().classes("studio-quiet").props('role="status"')
        self.result = Picture("play-film")
        download_button(desk, "PNG", "arithmetic", ".png", lambda: self.made, lambda made: sheet(*made[:2]))

    async def draw(self) -> None:
        """Shows the samples to choose from, and looks anew for the noise of dropped pictures where it is another."""
        desk = self.desk

        def work(model: "Model", wish: Wish) -> list[str]:
            rows = wish.rows(model, desk.folder, desk.record, range(OFFERED))
            return [address(image) for image in model.sample(OFFERED, wish.seed, conditions=rows)]

        sources = (await desk.compute(work)).what
        self.result.hide()
        self.made = None
        self.says.set_text("")
        with self.place:
            for i in range(len(self.samples), len(sources)):
                self.samples.append(Pick(f"sample {i}", self._sheet))
        for pick, source in zip(self.samples, sources, strict=True):
            pick.pictures[0].show(source, "")
        await self._project()

    def _sheet(self) -> str:
        return str(self.which.value)

    def _clear(self) -> None:
        """Takes all samples off their sheets, and dropped pictures off the page."""
        for pick in self.samples:
            pick.put("")
        self.own.clear()
        self.mine.clear()
        self.mine.set_visibility(False)

    async def _drop(self, key: str, image: "Tensor", name: str) -> None:
        if len(self.own) >= MOST:
            raise UserError(f"there are {MOST} pictures: clear them first")
        self.mine.set_visibility(True)
        with self.mine:
            pick = Pick(name, self._sheet, pictures=2)
        pick.pictures[0].show(address(image), "")
        pick.put(key)
        self.own.append(Own(image, pick))
        await self._project()

    async def _project(self) -> None:
        """Looks for the noise of each dropped picture, where none is known for what is asked now."""
        for own in tuple(self.own):
            self.says.set_text(f"looking for the noise that draws {own.pick.name} …")
            try:
                made = await self.desk.compute(partial(own.projection, desk=self.desk))
            finally:
                self.says.set_text("")
            if own in self.own:  # it may have been cleared meanwhile
                own.show(made)

    async def _add_up(self) -> None:
        await self._combine(self.add, turned=False)

    async def _turn(self) -> None:
        await self._combine(self.turn, turned=True)

    async def _combine(self, button: ui.button, *, turned: bool) -> None:
        desk = self.desk
        numbers = {key: [i for i, pick in enumerate(self.samples) if pick.sheet == key] for key in SHEETS}
        own = {key: [each for each in self.own if each.pick.sheet == key] for key in SHEETS}
        of = [key for key in SHEETS if numbers[key] or own[key]]
        if "A" not in of:
            raise UserError("choose samples for A first, or drop pictures there")
        if turned and TAKEN not in of:
            raise UserError("choose samples for B, too, or drop pictures there: others are turned from B to A")

        def work(model: "Model", wish: Wish) -> "tuple[Tensor, int, str, str]":
            import torch

            from energan.explore.combined import Concept, Drawn
            from energan.explore.tiles import laid_out

            drawn = Drawn(model, wish.seed, wish.held(model, desk.folder, desk.record))
            concepts = {}
            for key in of:
                rows = [each.projection(model, wish, desk).noise for each in own[key]]
                noise = {name: torch.cat([row[name] for row in rows]) for name in (rows[0] if rows else ())}
                concepts[key] = Concept(numbers[key], key, noise)
            if turned:
                found = drawn.turned(concepts[TAKEN], concepts["A"])
            else:
                added = [concepts[key] for key in concepts if key != TAKEN]
                found = drawn.summed(added, [concepts[TAKEN]] if TAKEN in concepts else [], SPREAD)
            images, columns = laid_out(found.rows)
            return images, columns, found.says, data_address(sheet(images, columns), "png")

        with busy(button):
            self.made = await desk.compute(work)
        images, columns, sentence, source = self.made.what
        self.result.show(source, sentence, columns * max(TILE, images.shape[3]))
        self.says.set_text(sentence)
