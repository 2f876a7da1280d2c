"""Walks as films: through noise, between classes or sentences, or along a guided chain; GIF, MP4, PNG, npz."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, NamedTuple, final

from nicegui import ui

from energan.studio.pages.frame import told
from energan.studio.pages.play.asking import Wish
from energan.studio.pages.play.desk import Desk, Latest, Made, busy
from energan.studio.pages.play.pictures import Picture, arrays, data_address, download_button, encodes, films, sheet
from energan.studio.pages.typed import whole
from energan.utils.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from energan.inference.model import Model

ROWS, FRAMES, STOPS, IMAGES = 16, 60, 8, 960  # at most
NOISE, CLASSES, SENTENCES, CHAIN = "through noise", "between classes", "between sentences", "a chain between classes"


def build(desk: Desk) -> Callable[[], Awaitable[None]]:
    """Makes the tab, and returns what draws it anew."""
    return Walking(desk).first


@final
class Route(NamedTuple):
    """A walk as it is asked for."""

    way: str
    rows: int
    frames: int
    loop: bool
    classes: list[int]
    sentences: list[str]


@final
class Walking:
    """The tab. made: the rows of the sheet, the films that are shown side by side, and their GIF."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.made: Made[tuple[Tensor, Tensor, bytes]] | None = None
        self.draw = Latest(self._draw)
        with ui.element("div").classes("studio-row"):
            self._settings()
            self.button = ui.button("Walk", on_click=told(self.draw)).props("no-caps")
        self.says = ui.label().classes("studio-quiet").props('role="status"')
        self.film = Picture("play-film")
        with ui.element("div").classes("studio-row"):
            download_button(desk, "GIF", "walk", ".gif", lambda: self.made, lambda made: made[2])
            video = download_button(desk, "MP4", "walk", ".mp4", lambda: self.made, lambda made: films(made[1], ".mp4"))
            if not encodes():
                video.disable()
                ui.label("MP4 needs pip install 'energan[video]'").classes("studio-quiet")
            download_button(
                desk,
                "PNG",
                "walk",
                ".png",
                lambda: self.made,
                lambda made: sheet(made[0].flatten(0, 1), made[0].shape[1]),
            )
            download_button(desk, "npz", "walk", ".npz", lambda: self.made, lambda made: arrays(made[0].flatten(0, 1)))

    def _settings(self) -> None:
        able = self.desk.able
        ways = [CHAIN] if able.chains else [NOISE] if able.moves else []
        ways += [CLASSES] if not able.chains and len(able.classes) > 1 else []
        ways += [SENTENCES] if able.kind == "text" else []
        self.way = ui.select(ways, value=ways[0], label="Walk").props("outlined dense")
        self.rows = ui.number("Rows", value=4, min=1, max=ROWS, precision=0, format="%d")
        self.frames = ui.number("Frames a leg", value=16, min=2, max=FRAMES, precision=0, format="%d")
        for box in (self.rows, self.frames):
            box.props("outlined dense").classes("play-few")
        self.rows.bind_visibility_from(self.way, "value", lambda way: way != CHAIN)
        self.loop = ui.switch("One film that ends where it began")
        self.loop.bind_visibility_from(self.way, "value", value=NOISE)
        names = dict(enumerate(able.classes))
        self.classes = ui.select(names, value=[*names][:3], multiple=True, label="Classes, in this order")
        self.classes.props("outlined dense use-chips")
        self.classes.bind_visibility_from(self.way, "value", lambda way: way in (CLASSES, CHAIN))
        self.said = ui.textarea("Sentences, a line each").props("outlined dense autogrow").classes("play-sentence")
        self.said.bind_visibility_from(self.way, "value", value=SENTENCES)

    def _route(self) -> Route:
        """What is asked for. UserError where that is no walk."""
        rows = whole(self.rows.value, "how many rows there are", 1, ROWS)
        frames = whole(self.frames.value, "how many frames a leg has", 2, FRAMES)
        sentences = [line for line in (self.said.value or "").splitlines() if line.strip()]
        classes = [int(c) for c in self.classes.value or ()]
        route = Route(str(self.way.value), rows, frames, bool(self.loop.value), classes, sentences)
        stops = sentences if route.way == SENTENCES else classes
        if route.way != NOISE and not 2 <= len(stops) <= STOPS:
            raise UserError(f"a walk {route.way.removeprefix('a chain ')} has two of them or more, {STOPS} at most")
        if rows * frames * (max(1, len(stops) - 1) if route.way in (CLASSES, SENTENCES) else 1) > IMAGES:
            raise UserError(f"a film has {IMAGES} images at most: ask for fewer rows, frames or stops")
        return route

    async def first(self) -> None:
        """Chains and sentences wait for the button: the ones take long, the others have to be written."""
        if self.way.value in (NOISE, CLASSES):
            await self.draw()

    async def _draw(self) -> None:
        route, desk = self._route(), self.desk

        def work(model: "Model", wish: Wish) -> "tuple[Tensor, Tensor, bytes]":
            rows, shown = walked(model, desk, wish, route)
            return rows, shown, films(shown, ".gif")

        with busy(self.button):
            self.made = await desk.compute(work)
        _, shown, film = self.made.what
        self.film.show(data_address(film, "gif"), f"a film of a walk, {route.way}")
        self.says.set_text(f"{route.way}: {shown.shape[1]} frames, seed {self.made.wish.seed}")


def walked(model: "Model", desk: Desk, wish: Wish, route: Route) -> "tuple[Tensor, Tensor]":
    """The rows of the walk's sheet, and the films that are shown side by side."""
    import torch

    from energan.explore.guided_run import open_guided_run
    from energan.explore.said import codes_of
    from energan.explore.walks import at_fixed_noise, by_a_chain, through_noise

    if route.way == CHAIN:
        legs, _ = by_a_chain(open_guided_run(model, desk.folder), route.classes, route.frames, wish.seed)
        return legs.flatten(0, 1), legs.transpose(0, 1).flatten(1, 2)
    if route.way == NOISE:
        held, n = wish.held(model, desk.folder, desk.record), max(route.rows, 2) if route.loop else route.rows
        found = through_noise(model, n, route.frames, route.loop, wish.seed, held)
        return found.films, found.films if found.tour is None else found.tour
    if route.way == CLASSES:
        stops = torch.eye(model.classes)[route.classes]
    else:
        stops = codes_of(model, desk.folder, desk.record, route.sentences)
    rows = at_fixed_noise(model, stops, route.frames, route.rows, wish.seed)
    return rows, rows
