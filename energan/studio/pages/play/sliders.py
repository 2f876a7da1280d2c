"""Codes one by one, or the directions along which the generator's first layer changes most, a slider each."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, final

from nicegui import ui

from energan.studio.pages.frame import told
from energan.studio.pages.play.asking import Wish
from energan.studio.pages.play.desk import Desk, Latest, Made
from energan.studio.pages.play.pictures import TILE, Picture, address, data_address, download_button, sheet
from energan.studio.pages.typed import whole

if TYPE_CHECKING:
    from torch import Tensor

    from energan.inference.model import Model

LAST = 99_999  # the number of a sample
DIRECTIONS = 8  # of a noise
REACH = 3.0  # to either side: standard deviations of normal noise, half the width of uniform noise
STEPS = 9  # columns of the sheet
METHODS = {"codes": "codes", "factors": "directions (factors)", "pca": "directions (pca)"}


@final
class Lever(NamedTuple):
    """One thing that changes. low = high = 0: a category of so many; vector: None for a number of the noise itself."""

    name: str
    noise: str
    place: int
    low: float
    high: float
    categories: int
    vector: "Tensor | None"


def levers(model: "Model", noise: "Mapping[str, Tensor]", method: str) -> list[Lever]:
    """What can be changed of one sample's noise, by a method. UserError where the generator has no directions."""
    import torch

    from energan.explore.traversed import codes_among, directions_of, half_width, measured

    kinds = {name: measured(kind, model, name) for name, kind in model.distributions.items()}
    codes = codes_among(noise, kinds)
    numbers = [name for name, kind in kinds.items() if kind.kind != "category"]
    moved_along = [name for name in numbers if name not in codes] or numbers
    found = []
    for name, kind in kinds.items():
        if method == "codes":
            if name not in codes:
                continue
            width = noise[name].flatten(1).shape[1]
            if kind.kind == "category":
                found.append(Lever(name, name, 0, 0, 0, width, None))
                continue
            far = REACH * half_width(kind) if kind.kind != "uniform" else 1.5 * half_width(kind)
            found += [Lever(f"{name}[{i}]", name, i, kind.mean - far, kind.mean + far, 0, None) for i in range(width)]
        elif name in moved_along:
            ways = directions_of(model, noise, name, method, DIRECTIONS, torch.Generator().manual_seed(0))
            far = REACH * half_width(kind)
            for i, (vector, share) in enumerate(zip(ways.vectors.cpu(), ways.shares.tolist(), strict=True)):
                found.append(
                    Lever(f"{name} {i + 1} ({100 * share:.0f} % of the change)", name, i, -far, far, 0, vector)
                )
    return found


def start_of(noise: "Mapping[str, Tensor]", lever: Lever) -> float:
    """Where the lever stands for a sample: its own code; 0 of a direction."""
    if lever.vector is not None:
        return 0.0
    row = noise[lever.noise].flatten(1)[0]
    return float(row.argmax()) if lever.categories else float(row[lever.place])


def moved(noise: "Mapping[str, Tensor]", settings: list[tuple[Lever, float]]) -> "dict[str, Tensor]":
    """The noise of one sample with levers where they are set."""
    import torch

    found = {name: z.clone() for name, z in noise.items()}
    for lever, value in settings:
        row = found[lever.noise].flatten(1)
        if lever.categories:
            row = torch.eye(lever.categories)[[min(lever.categories - 1, max(0, int(value)))]]
        elif lever.vector is not None:
            row = row + value * lever.vector
        else:
            row = row.clone()
            row[:, lever.place] = value
        found[lever.noise] = row.reshape(found[lever.noise].shape)
    return found


def traversal(noise: "Mapping[str, Tensor]", every: list[Lever]) -> "tuple[dict[str, Tensor], int]":
    """The noise of a sheet with a row for each lever from one side to the other, and its columns."""
    import torch

    columns = max([STEPS, *(min(2 * STEPS, lever.categories) for lever in every)])
    rows = []
    for lever in every:
        high = lever.categories - 1 if lever.categories else lever.high
        values = torch.linspace(lever.low, high, columns).tolist()
        rows += [moved(noise, [(lever, round(v) if lever.categories else v)]) for v in values]
    return {name: torch.cat([row[name] for row in rows]) for name in noise}, columns


def build(desk: Desk) -> Callable[[], Awaitable[None]]:
    """Makes the tab, and returns what draws it anew."""
    ui.label("Each slider changes one code of the sample, or moves it along one direction of its noise.")
    with ui.element("div").classes("studio-row"):
        which = ui.number("Sample", value=0, min=0, max=LAST, precision=0, format="%d").props("outlined dense")
    stays = ui.label().classes("studio-quiet")
    panel = Panel(desk, "codes")

    async def draw() -> None:
        number = whole(which.value, "the number of a sample", 0, LAST)

        def work(model: "Model", wish: Wish) -> "tuple[dict[str, Tensor], str]":
            asked = wish.rows(model, desk.folder, desk.record, [number])
            return model.noise_of([number], wish.seed, conditions=asked), wish.stays(model, desk.able, number)

        made = await desk.compute(work)
        noise, words = made.what
        stays.set_text(words)
        await panel.start(Made(made.wish, noise))

    newest = Latest(draw)
    again = told(newest)
    which.on_value_change(again)
    return newest


@final
class Panel:
    """Sliders for the noise of one image, and the image. what: the name of its files."""

    def __init__(self, desk: Desk, what: str) -> None:
        self.desk = desk
        self.noise: Made[dict[str, Tensor]] | None = None
        self.every: list[Lever] = []
        self.values: dict[int, float] = {}
        with ui.element("div").classes("studio-row"):
            self.method = ui.select(METHODS, value="codes", label="What is changed").props("outlined dense")
            ui.button("Back to the start", on_click=told(self.back)).props("flat no-caps")
        with ui.element("div").classes("studio-row"):
            with ui.element("div").classes("play-picture"):
                self.picture = Picture("play-whole")
            self.place = ui.element("div").classes("play-sliders")
        self.draw = Latest(self._draw)
        self.method.on_value_change(told(self.prepare))
        with ui.element("div").classes("studio-row"):
            download_button(desk, "PNG", what, ".png", lambda: self._shown, lambda shown: sheet(shown[0]))
            self.sheet = ui.button("Sheet of all", on_click=told(self._sheet)).props(
                "outline no-caps dense padding='xs sm'"
            )
        self.all = Picture("play-film")
        self._shown: Made[tuple[Tensor, str]] | None = None
        self._first = True

    async def start(self, noise: "Made[dict[str, Tensor]]") -> None:
        """Shows the image of the noise, with the sliders where it has its codes."""
        self.noise = noise
        if self._first:  # codes where there are any, as `energan traverse`; else factors, which are there at once
            self._first = False
            if not (await self.desk.compute(lambda model, wish: levers(model, noise.what, "codes"), noise.wish)).what:
                self.method.set_options({key: text for key, text in METHODS.items() if key != "codes"}, value="factors")
                return
        await self.prepare()

    async def prepare(self) -> None:
        noise, method = self.noise, str(self.method.value)
        if noise is None:
            return
        self.place.clear()
        self.all.hide()
        self.every, self.values = [], {}
        with self.place:
            ui.label("looking for what can be changed …").classes("studio-quiet")
        found = await self.desk.compute(lambda model, wish: levers(model, noise.what, method), noise.wish)
        self.every = found.what
        self.place.clear()
        with self.place:
            for i, lever in enumerate(self.every):
                self._slider(i, lever, start_of(noise.what, lever))
        await self.draw()

    def _slider(self, i: int, lever: Lever, value: float) -> None:
        ui.label(lever.name).classes("studio-quiet").props('aria-hidden="true"')
        if lever.categories:
            options = list(range(lever.categories))
            box: Any = (
                ui.toggle(options, value=int(value)) if len(options) <= 10 else ui.select(options, value=int(value))
            )
        else:
            box = ui.slider(min=lever.low, max=lever.high, step=(lever.high - lever.low) / 120, value=value)
        box.props["aria-label"] = lever.name
        follow = told(self.draw)

        async def change() -> None:
            if box.value is not None:
                self.values[i] = float(box.value)
                await follow()

        box.on_value_change(change)

    async def back(self) -> None:
        if self.noise is not None:
            await self.prepare()

    async def _draw(self) -> None:
        noise, settings = self.noise, [(self.every[i], value) for i, value in self.values.items()]
        assert noise is not None

        def work(model: "Model", wish: Wish) -> "tuple[Tensor, str]":
            from energan.explore.walks import at_once

            image = at_once(model, moved(noise.what, settings))
            return image, address(image[0])

        self._shown = await self.desk.compute(work, noise.wish)
        told_of = ", ".join(f"{lever.name} at {value:.2f}" for lever, value in settings) or "as it was drawn"
        self.picture.show(self._shown.what[1], f"the image, {told_of}")

    async def _sheet(self) -> None:
        noise, every = self.noise, self.every
        if noise is None or not every:
            return

        def work(model: "Model", wish: Wish) -> tuple[int, str]:
            rows, columns = traversal(noise.what, every)
            return columns, data_address(sheet(model.decode(rows), columns), "png")

        rows = ", ".join(lever.name for lever in every)
        columns, source = (await self.desk.compute(work, noise.wish)).what
        self.all.show(
            source, f"a row each, from one side to the other: {rows}", columns * max(TILE, self.desk.able.shape[2])
        )
