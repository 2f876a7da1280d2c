"""Parts of a picture, painted over with a brush and filled in by chains."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, final

from nicegui import ui

from energan.studio.pages.frame import told
from energan.studio.pages.play.asking import Wish
from energan.studio.pages.play.chains import Settings, frames_of, nothing
from energan.studio.pages.play.desk import Desk, Latest, Made, busy
from energan.studio.pages.play.pictures import Picture, Tiles, address, download_button, dropped, sheet
from energan.studio.pages.typed import whole
from energan.utils.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from energan.inference.model import Model

FILLS = 8
SEEN = -1  # the class that the classifier sees
PATIENCE = 10.0  # seconds for the browser's answer


def build(desk: Desk) -> Callable[[], Awaitable[None]]:
    """Makes the tab, and returns what draws it anew."""
    Inpainting(desk)
    return nothing


@final
class Inpainting:
    """The tab. image: the picture that is painted on; fills: the last ones."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.image: Tensor | None = None
        self.fills: Made[Tensor] | None = None
        ui.label("Drop a picture, or draw one, and paint what is to be filled in.")
        ui.label("By keys: arrows move the brush, space paints. With shift, a pointer takes paint away.").classes(
            "studio-quiet"
        )
        self.settings = Settings(desk)
        _, h, w = desk.able.shape
        with ui.element("div").classes("studio-row"):
            with ui.element("div").classes("play-drop"):
                dropped(desk, "Your picture", self._drop)
                ui.button("Draw one", on_click=told(self._sample)).props("flat no-caps")
            with ui.element("div").classes("play-brush studio-small"):
                self.under = Picture("play-whole")
                self.canvas = ui.element("canvas").props(f'tabindex="0" role="application" data-w="{w}" data-h="{h}"')
                self.canvas.props["aria-label"] = "What is to be filled in: paint with the arrow keys and space"
                self.canvas.set_visibility(False)
            with ui.element("div").classes("play-side"):
                self._buttons()
        self.says = ui.label().classes("studio-quiet").props('role="status"')
        with ui.element("div").classes("play-third"):
            self.coded = ui.label("Drawn again from its code").classes("studio-quiet")
            self.coded.set_visibility(False)
            self.redrawn = Picture("play-whole")
        self.tiles = Tiles()
        download_button(desk, "PNG", "inpainted", ".png", lambda: self.fills, lambda fills: sheet(fills, len(fills)))

    def _buttons(self) -> None:
        names = {SEEN: "what the classifier sees", **dict(enumerate(self.desk.able.classes))}
        self.asked = ui.select(names, value=SEEN, label="Filled in as").props("outlined dense")
        self.count = ui.number("Fills", value=4, min=1, max=FILLS, precision=0, format="%d").props("outlined dense")
        self.button = ui.button("Fill in", on_click=told(Latest(self._fill))).props("no-caps")
        clear = ui.button("Take all paint away").props("flat no-caps")
        clear.on_click(lambda: ui.run_javascript(f"playClear({self.canvas.id})"))

    async def _drop(self, pictures: "list[tuple[Tensor, str]]") -> None:
        await self._begin(pictures[0][0])

    async def _begin(self, image: "Tensor") -> None:
        from energan.inference.guided import reconstruct

        self.image = image
        self.under.show(address(image), "the picture")
        self.canvas.set_visibility(True)
        await ui.run_javascript(f"playClear({self.canvas.id}); return 1", timeout=PATIENCE)
        redrawn = (await self.desk.compute(lambda model, wish: address(reconstruct(model, image[None])[0]))).what
        self.coded.set_visibility(True)
        self.redrawn.show(redrawn, "the picture, drawn again from its code")

    async def _sample(self) -> None:
        guided, wanted = self.settings.guided(), max(0, int(self.asked.value))
        made = await self.desk.compute(lambda model, wish: frames_of(guided(model), [wanted], wish.seed)[0])
        await self._begin(made.what[-1, 0])

    async def _fill(self) -> None:
        from energan.explore.filling import checked_missing, fill

        image, (_, h, w) = self.image, self.desk.able.shape
        if image is None:
            raise UserError("drop a picture first, or draw one")
        n, guided = whole(self.count.value, "how many fills there are", 1, FILLS), self.settings.guided()
        wanted = None if self.asked.value in (SEEN, None) else int(self.asked.value)
        painted = await ui.run_javascript(f"return playMask({self.canvas.id})", timeout=PATIENCE)
        missing = checked_missing(mask(painted, h, w))

        def work(model: "Model", wish: Wish) -> "tuple[Tensor, list[str], str]":
            s = guided(model)
            found, c = fill(s, image, missing, n, wish.seed, wanted)
            return found, [address(each) for each in found], s.classes[c]

        with busy(self.button):
            made = await self.desk.compute(work)
        fills, sources, of = made.what
        self.fills = Made(made.wish, fills)
        self.tiles.show(sources, [f"fill {i + 1}, as {of}" for i in range(n)])
        self.says.set_text(f"filled in as {of}, seed {made.wish.seed}")


def mask(painted: object, h: int, w: int) -> "Tensor":
    """What was painted, (1, h, w), of the browser's noughts and ones. UserError for anything else."""
    import torch

    if not isinstance(painted, str) or len(painted) != h * w or not set(painted) <= {"0", "1"}:
        raise UserError("what was painted did not arrive: paint again")
    return torch.tensor([c == "1" for c in painted]).view(1, h, w)
