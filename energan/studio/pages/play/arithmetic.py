"""Sums of noise: samples, and one's own pictures, are put on sheets that are added and one that is taken away."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, final

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

    from energan.explore.combined import Drawn
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


class Found(NamedTuple):
    """The noise that draws a picture, what it draws, how far that is from it, and for what wish, whatever its seed."""

    noise: "dict[str, Tensor]"
    image: "Tensor"
    error: float
    wish: Wish


@final
class Own:
    """A picture that was dropped. found: None before its noise was looked for."""

    def __init__(self, image: "Tensor", pick: Pick) -> None:
        self.image, self.pick = image, pick
        self.found: Found | None = None

    def show(self, found: Found) -> None:
        """Keeps what was found, and shows what it draws."""
        self.found = found
        error = f"drawn with an error of {found.error:.3f}, pixels from 0 to 1"
        self.pick.pictures[1].show(address(found.image), f"{self.pick.name}, {error}")
        self.pick.element.props["title"] = f"{self.pick.name}: left yours, right the nearest, {error}"


def found_for(pictures: Sequence[Own], drawn: "Drawn", wish: Wish) -> dict[Own, Found]:
    """The noise of pictures: what is known, if that is of this wish; else it is looked for, of all together."""
    import torch

    wish = wish._replace(seed=0)
    known = {own: own.found for own in pictures if own.found is not None and own.found.wish == wish}
    new = [own for own in pictures if own not in known]
    if new:
        there = drawn.projected(torch.stack([own.image for own in new]), STEPS)
        for i, own in enumerate(new):
            noise = {name: z[i : i + 1] for name, z in there.noise.items()}
            known[own] = Found(noise, there.images[i], float(there.errors[i]), wish)
    return known


class Sum(NamedTuple):
    """A sheet of so many columns, and what it says; found: the noise of the pictures in it."""

    images: "Tensor"
    columns: int
    says: str
    source: str
    found: dict[Own, Found]


@final
class Arithmetic:
    """The tab. samples: those that can be chosen; own: dropped pictures; made: the last result and its columns."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.samples: list[Pick] = []
        self.own: list[Own] = []
        self.made: Made[Sum] | None = None
        self._look = Latest(self._find)
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

        self.result.hide()
        self.made = None
        self.says.set_text("")
        sources = (await desk.compute(work)).what
        with self.place:
            for i in range(len(self.samples), len(sources)):
                self.samples.append(Pick(f"sample {i}", self._sheet))
        for pick, source in zip(self.samples, sources, strict=True):
            pick.pictures[0].show(source, "")
        await self._look()

    def _sheet(self) -> str:
        return str(self.which.value)

    def _clear(self) -> None:
        """Takes all samples off their sheets, and dropped pictures off the page."""
        for pick in self.samples:
            pick.put("")
        self.own.clear()
        self.mine.clear()
        self.mine.set_visibility(False)

    async def _drop(self, key: str, pictures: "Sequence[tuple[Tensor, str]]") -> None:
        if len(self.own) + len(pictures) > MOST:
            raise UserError(f"more than {MOST} pictures are dropped here: clear them first")
        self.mine.set_visibility(True)
        for image, name in pictures:
            with self.mine:
                pick = Pick(name, self._sheet, pictures=2)
            pick.pictures[0].show(address(image), "")
            pick.put(key)
            self.own.append(Own(image, pick))
        await self._look()

    async def _find(self) -> None:
        """Looks for the noise of dropped pictures, where none is known for what is asked now."""
        own = tuple(self.own)
        if not own:
            return
        self.says.set_text(f"looking for the noise that draws {'them' if len(own) > 1 else 'it'} best …")
        try:
            made = await self.desk.compute(lambda model, wish: found_for(own, self._drawn(model, wish, 0), wish))
        finally:
            self.says.set_text("")
        self._keep(made.what)

    def _keep(self, found: dict[Own, Found]) -> None:
        for own, each in found.items():
            if own in self.own:  # it may have been cleared meanwhile
                own.show(each)

    def _drawn(self, model: "Model", wish: Wish, seed: int) -> "Drawn":
        from energan.explore.combined import Drawn

        return Drawn(model, seed, wish.held(model, self.desk.folder, self.desk.record))

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

        def work(model: "Model", wish: Wish) -> Sum:
            import torch

            from energan.explore.combined import Concept
            from energan.explore.tiles import laid_out

            drawn = self._drawn(model, wish, wish.seed)
            found = found_for([each for key in of for each in own[key]], self._drawn(model, wish, 0), wish)
            concepts = {}
            for key in of:
                rows = [found[each].noise for each in own[key]]
                noise = {name: torch.cat([row[name] for row in rows]) for name in (rows[0] if rows else ())}
                concepts[key] = Concept(numbers[key], key, noise)
            if turned:
                made = drawn.turned(concepts[TAKEN], concepts["A"])
            else:
                added = [concepts[key] for key in concepts if key != TAKEN]
                made = drawn.summed(added, [concepts[TAKEN]] if TAKEN in concepts else [], SPREAD)
            images, columns = laid_out(made.rows)
            return Sum(images, columns, made.says, data_address(sheet(images, columns), "png"), found)

        with busy(button):
            self.made = await desk.compute(work)
        made = self.made.what
        self._keep(made.found)
        self.result.show(made.source, made.says, made.columns * max(TILE, made.images.shape[3]))
        self.says.set_text(made.says)
