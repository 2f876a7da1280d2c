"""Samples: of a seed, of the class, sentence or attributes that are asked for; all classes a row each."""

from collections.abc import Awaitable, Callable
from math import prod
from typing import TYPE_CHECKING, Any

from nicegui import ui

from energan.studio.pages.frame import told
from energan.studio.pages.play.asking import Wish
from energan.studio.pages.play.desk import Desk, Latest, Made, busy
from energan.studio.pages.play.pictures import Tiles, address, arrays, download_button, sheet
from energan.studio.pages.typed import number, whole
from energan.utils.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from energan.inference.model import Model

MOST = 400  # samples on the page
BYTES = 2**24  # of all of them together
AS_THEY_FIT = "grid-template-columns: repeat(auto-fill, minmax(4rem, 4.5rem))"
WIDEST = 4.0  # truncation that changes nothing any more


def build(desk: Desk) -> Callable[[], Awaitable[None]]:
    """Makes the tab, and returns what draws it anew."""
    able = desk.able
    most = max(16, min(MOST, BYTES // prod(able.shape)))
    with ui.element("div").classes("studio-row"):
        count = ui.number("Images", value=36, min=1, max=most, precision=0, format="%d").props("outlined dense")
        near: Any = None
        if able.truncates:
            near = ui.input("Truncation", placeholder="none").props("outlined dense clearable stack-label debounce=600")
            near.tooltip("the farthest that a number of the noise may be from its mean, in standard deviations")
        every = ui.switch("Every class, a row each") if len(able.classes) > 1 else None
        in_row = ui.number("Images of each class", value=8, min=1, max=most, precision=0, format="%d")
        in_row.props("outlined dense")
        if every is None:
            in_row.set_visibility(False)
        else:
            in_row.bind_visibility_from(every, "value")
            count.bind_visibility_from(every, "value", lambda on: not on)
        button = ui.button("Draw").props("no-caps")
    says = ui.label().classes("studio-quiet").props('role="status"')
    tiles = Tiles()
    shown: list[Made[tuple[Tensor, int | None]]] = []  # the last

    async def draw() -> None:
        rows = len(able.classes) if every is not None and every.value else 0
        n = whole((in_row if rows else count).value, "how many images are drawn", 1, most)
        far = truncation(str(near.value or "")) if near is not None else None
        if n * max(1, rows) > most:
            raise UserError(f"{n} images of each of {rows} classes are more than {most} pictures: ask for fewer")

        def work(model: "Model", wish: Wish) -> "tuple[Tensor, list[str], list[str]]":
            images = drawn(model, desk, wish, n, far, rows)
            of = [f"sample {i % n}, {able.classes[i // n]}" if rows else f"sample {i}" for i in range(len(images))]
            return images, [address(image) for image in images], of

        with busy(button):
            made = await desk.compute(work)
        images, sources, of = made.what
        shown[:] = [Made(made.wish, (images, n if rows > 1 else None))]
        tiles.show(sources, of)
        tiles.place.style(f"grid-template-columns: repeat({n}, minmax(0, 4.5rem))" if rows else AS_THEY_FIT)
        each = f", {n} of each class, a row each" if rows else ""
        says.set_text(f"{len(images)} images{each}, of seed {made.wish.seed}")

    newest = Latest(draw)
    again = told(newest)
    button.on_click(again)
    for box in (count, in_row, near, every):
        if box is not None:
            box.on_value_change(again)
    with ui.element("div").classes("studio-row"):
        download_button(desk, "PNG", "samples", ".png", lambda: shown[0] if shown else None, lambda made: sheet(*made))
        download_button(
            desk, "npz", "samples", ".npz", lambda: shown[0] if shown else None, lambda made: arrays(made[0])
        )
    return newest


def truncation(text: str) -> float | None:
    """What was typed, None for nothing. UserError for what is no number of that range.

    >>> truncation("0.7"), truncation(" ")
    (0.7, None)
    """
    if not text.strip():
        return None
    try:
        value: float | None = float(text)
    except ValueError:
        value = None
    return number(value, "truncation", 0.01, WIDEST)


def drawn(model: "Model", desk: Desk, wish: Wish, n: int, truncation: float | None, rows: int) -> "Tensor":
    """n samples as they are asked for; of each of the first `rows` classes where there are any."""
    import torch

    if rows:
        return torch.cat([model.sample(n, wish.seed, c, truncation=truncation) for c in range(rows)])
    asked = wish.rows(model, desk.folder, desk.record, range(n))
    return model.sample(n, wish.seed, conditions=asked, truncation=truncation)
