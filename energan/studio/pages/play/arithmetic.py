"""Sums of samples' noise: samples are chosen into sheets that are added and one that is taken away."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, final

from nicegui import ui

from energan.studio.pages.frame import told
from energan.studio.pages.play.asking import Wish
from energan.studio.pages.play.desk import Desk, Latest, Made, busy
from energan.studio.pages.play.pictures import TILE, Picture, address, data_address, download_button, sheet
from energan.utils.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from energan.inference.model import Model

OFFERED = 48  # samples to choose from
SPREAD = 0.25  # of the sum's neighbours, as `energan arithmetic`
SHEETS = {"A": "plus A", "B": "minus B", "C": "plus C"}
TAKEN = "B"


def build(desk: Desk) -> Callable[[], Awaitable[None]]:
    """Makes the tab, and returns what draws it anew."""
    return Latest(Arithmetic(desk).draw)


@final
class Arithmetic:
    """The tab. chosen: the sheet of each sample that is on one; made: the last result and its columns."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.chosen: dict[int, str] = {}
        self.picks: list[ui.element] = []
        self.made: Made[tuple[Tensor, int, str, str]] | None = None
        ui.label("Choose a sheet, then the samples on it, some of a kind. The sum is A − B + C, of the sheets’ means.")
        with ui.element("div").classes("studio-row"):
            self.which = ui.toggle(SHEETS, value="A").props('aria-label="The sheet that samples go to" no-caps')
            ui.button("Clear", on_click=self._clear).props("flat no-caps")
        self.place = ui.element("div").classes("play-tiles").props('role="group" aria-label="Samples to choose from"')
        with ui.element("div").classes("studio-row"):
            self.add = ui.button("Add up", on_click=told(self._add_up)).props("no-caps")
            self.turn = ui.button("Turn others from B to A", on_click=told(self._turn)).props("outline no-caps")
        self.says = ui.label().classes("studio-quiet").props('role="status"')
        self.result = Picture("play-film")
        download_button(desk, "PNG", "arithmetic", ".png", lambda: self.made, lambda made: sheet(*made[:2]))

    async def draw(self) -> None:
        """Shows the samples to choose from."""
        desk = self.desk

        def work(model: "Model", wish: Wish) -> list[str]:
            asked = wish.rows(model, desk.folder, desk.record, range(OFFERED))
            return [address(image) for image in model.sample(OFFERED, wish.seed, conditions=asked)]

        sources = (await desk.compute(work)).what
        self.result.hide()
        self.made = None
        self.says.set_text("")
        self.place.clear()
        self.picks.clear()
        with self.place:
            for i, source in enumerate(sources):
                pick = ui.element("button").classes("play-pick studio-small").props('type="button"')
                pick.on("click", partial(self._choose, i))
                with pick:
                    Picture("").show(source, "")
                self.picks.append(pick)
                self._mark(i)

    def _choose(self, i: int) -> None:
        if self.chosen.get(i) == self.which.value:
            self.chosen.pop(i)
        else:
            self.chosen[i] = str(self.which.value)
        self._mark(i)

    def _clear(self) -> None:
        self.chosen.clear()
        for i in range(len(self.picks)):
            self._mark(i)

    def _mark(self, i: int) -> None:
        """Shows which sheet a sample is on."""
        on, pick = self.chosen.get(i), self.picks[i]
        pick.props.set_optional("data-sheet", None if on is None else f"{'−' if on == TAKEN else '+'}{on}")
        pick.props["aria-pressed"] = "false" if on is None else "true"
        pick.props["aria-label"] = f"sample {i}" + ("" if on is None else f", {SHEETS[on]}")

    async def _add_up(self) -> None:
        await self._combine(self.add, turned=False)

    async def _turn(self) -> None:
        await self._combine(self.turn, turned=True)

    async def _combine(self, button: ui.button, *, turned: bool) -> None:
        desk = self.desk
        of = {key: sorted(i for i, on in self.chosen.items() if on == key) for key in SHEETS}
        if not of["A"]:
            raise UserError("choose samples for A first")
        if turned and not of[TAKEN]:
            raise UserError("choose samples for B, too: others are turned from B to A")

        def work(model: "Model", wish: Wish) -> "tuple[Tensor, int, str, str]":
            from energan.explore.combined import Concept, Drawn
            from energan.explore.tiles import laid_out

            drawn = Drawn(model, wish.seed, wish.held(model, desk.folder, desk.record))
            concepts = {key: Concept(numbers, key) for key, numbers in of.items() if numbers}
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
