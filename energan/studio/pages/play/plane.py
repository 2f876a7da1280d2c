"""The plane between four samples: a square to drag in, by mouse, touch or arrow keys; the picture follows."""

import random
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from nicegui import ui

from energan.studio.pages.frame import told
from energan.studio.pages.play.asking import Wish
from energan.studio.pages.play.desk import Desk, Latest, Made
from energan.studio.pages.play.pictures import Picture, address, data_address, download_button, sheet
from energan.studio.pages.typed import whole

if TYPE_CHECKING:
    from torch import Tensor

    from energan.inference.model import Model

CORNERS = ("Top left", "Top right", "Bottom left", "Bottom right")
TILES = 7  # images on a side of the square
OFTEN = 0.03  # seconds between two places that a browser tells
LAST = 99_999  # the number of a sample


def build(desk: Desk) -> Callable[[], Awaitable[None]]:
    """Makes the tab, and returns what draws it anew."""
    ui.label("Four samples are the corners. Drag in the square, or use the arrow keys: the picture follows.")
    with ui.element("div").classes("studio-row").props('role="group" aria-label="Samples at the corners"'):
        boxes = [
            ui.number(f"{name}: sample", value=i, min=0, max=LAST, precision=0, format="%d")
            .props("outlined dense")
            .classes("play-corner")
            for i, name in enumerate(CORNERS)
        ]
        other = ui.button("Other four").props("flat no-caps")
    with ui.element("div").classes("studio-row"):
        square = ui.element("div").classes("play-plane studio-small")
        square.props('tabindex="0" role="application" aria-roledescription="plane to drag in"')
        with ui.element("div").classes("play-side"):
            picture = Picture()
            where = ui.label().classes("studio-quiet").props('role="status"')
            stays = ui.label().classes("studio-quiet")
    state: dict[str, Any] = {"place": (0.5, 0.5)}
    last: list[Made[tuple[dict[str, Tensor], Tensor, str, str]]] = []  # corners, square, picture, words

    def noise(model: "Model", wish: Wish, numbers: list[int]) -> "dict[str, Tensor]":
        asked = wish.rows(model, desk.folder, desk.record, numbers)
        return model.noise_of(numbers, wish.seed, conditions=asked)

    async def corners() -> None:
        numbers = [whole(box.value, "the number of a sample", 0, LAST) for box in boxes]
        every = [i / (TILES - 1) for i in range(TILES)]

        def work(model: "Model", wish: Wish) -> "tuple[dict[str, Tensor], Tensor, str, str]":
            four = noise(model, wish, numbers)
            grid = on_plane(model, four, every, every)
            words = wish.stays(model, desk.able, numbers[0])
            return four, grid, data_address(sheet(grid, TILES), "png"), words

        last[:] = [await desk.compute(work)]
        square.style["background-image"] = f'url("{last[0].what[2]}")'
        stays.set_text(last[0].what[3])
        named = ", ".join(map(str, numbers))
        square.props["aria-label"] = f"Plane between the samples {named}: arrow keys move, with shift further"
        await follow(*state["place"])

    async def follow(u: float, v: float) -> None:
        if not last:
            return
        (four, *_), wish = last[0].what, last[0].wish

        def work(model: "Model", wish: Wish) -> str:
            from energan.explore.walks import at_once

            return address(at_once(model, points(model, four, [u], [v]))[0])

        made = await desk.compute(work, wish)
        picture.show(made.what, f"the image at {100 * u:.0f} % across and {100 * v:.0f} % down")
        where.set_text(f"{100 * u:.0f} % across, {100 * v:.0f} % down; seed {made.wish.seed}")

    newest, around = Latest(follow), Latest(corners)
    following, redraw = told(newest), told(around)

    async def moved(event: Any) -> None:
        u, v = (min(1.0, max(0.0, float(x))) for x in event.args[:2])
        state["place"] = (u, v)
        await following(u, v)

    for kind in ("pointerdown", "pointermove", "keydown"):
        square.on(kind, moved, throttle=OFTEN, js_handler="(e) => { const p = playPlane(e); if (p) emit(...p); }")

    def others() -> None:
        for box, value in zip(boxes, random.sample(range(1000), len(boxes)), strict=True):
            box.set_value(value)

    other.on_click(others)
    for box in boxes:
        box.on_value_change(redraw)
    with ui.element("div").classes("studio-row"):
        download_button(
            desk,
            "PNG of the plane",
            "plane",
            ".png",
            lambda: last[0] if last else None,
            lambda made: sheet(made[1], TILES),
        )
    return around


def on_plane(model: "Model", corners: "dict[str, Tensor]", across: list[float], down: list[float]) -> "Tensor":
    """The images at all places (across, down) of the plane between four rows of noise, row by row."""
    return model.decode(points(model, corners, across, down))


def points(model: "Model", corners: "dict[str, Tensor]", across: list[float], down: list[float]) -> "dict[str, Tensor]":
    """The noise there."""
    import torch

    from energan.engine.noise import Distribution
    from energan.inference.probes.paths import plane

    u, v = (torch.tensor(t, dtype=torch.float64) for t in (across, down))
    kinds, held = model.distributions, Distribution("category")  # what is asked for stays that of the first corner
    return {name: plane(z, u, v, kinds.get(name, held)).flatten(0, 1) for name, z in corners.items()}
