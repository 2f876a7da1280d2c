"""One's own picture: the noise that draws it best, and moves from there."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, final

from nicegui import ui

from energan.studio.pages.frame import told
from energan.studio.pages.play.asking import Wish
from energan.studio.pages.play.desk import Desk, Made, busy
from energan.studio.pages.play.pictures import Picture, address, download_button, dropped, written
from energan.studio.pages.play.sliders import Panel
from energan.studio.pages.typed import whole
from energan.utils.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from energan.inference.codes.projection import Projection
    from energan.inference.model import Model

STEPS = 500  # of gradient descent, at most
COLUMNS = ("Yours", "The start", "Found")


def build(desk: Desk) -> Callable[[], Awaitable[None]]:
    """Makes the tab, and returns what draws it anew."""
    return Projecting(desk).anew


@final
class Projecting:
    """The tab. image: the dropped one; found: its projection."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.image: Tensor | None = None
        self.found: Made[Projection] | None = None
        self.panel: Panel | None = None
        ui.label("Drop a picture: the noise that draws it best is looked for, and can be moved from there.")
        with ui.element("div").classes("studio-row"):
            dropped(desk, "Your picture", self._begin)
            with ui.element("div").classes("play-side"):
                self.steps = ui.number("Steps of descent", value=100, min=0, max=STEPS, precision=0, format="%d")
                self.steps.props("outlined dense")
                self.again = ui.button("Look again", on_click=told(self._project)).props("no-caps")
                self.says = ui.label().classes("studio-quiet").props('role="status"')
        self.shown: list[Picture] = []
        with ui.element("div").classes("studio-row"):
            for name in COLUMNS:
                with ui.element("div").classes("play-third"):
                    ui.label(name).classes("studio-quiet")
                    self.shown.append(Picture("play-whole"))
        download_button(desk, "Noise as npz", "projection", ".npz", lambda: self.found, _noise)
        self.place = ui.element("div").classes("play-place")

    async def anew(self) -> None:
        """Looks again where there is a picture."""
        if self.image is not None:
            await self._project()

    async def _begin(self, pictures: "list[tuple[Tensor, str]]") -> None:
        image = self.image = pictures[0][0]
        self.shown[0].show(address(image), "your picture, in the size of the run's")
        await self._project()

    async def _project(self) -> None:
        image, desk = self.image, self.desk
        if image is None:
            raise UserError("drop a picture first")
        steps = whole(self.steps.value, "how many steps there are", 0, STEPS)

        def work(model: "Model", wish: Wish) -> "Projection":
            held = wish.held(model, desk.folder, desk.record)
            return model.project(image[None], steps=steps, seed=wish.seed, conditions=held)

        with busy(self.again):
            self.found = await desk.compute(work)
        found = self.found.what
        self.shown[1].show(address(found.start[0]), "where the descent started")
        self.shown[2].show(address(found.images[0]), "the image of the noise that was found")
        begun = "what its encoder reads" if desk.able.does("invert") else "the nearest of 500 samples"
        error, before = float(found.errors[0]), float(found.start_errors[0])
        self.says.set_text(
            f"root mean square difference {error:.3f}, of pixels from 0 to 1; at the start, {begun}, {before:.3f}"
        )
        if not (desk.able.does("traverse") and desk.able.moves):
            return
        with self.place:
            if self.panel is None:
                ui.label("Move from there").classes("text-lg")
                self.panel = Panel(desk, "projection")
            await self.panel.start(Made(self.found.wish, found.noise))


def _noise(found: "Projection") -> bytes:
    import numpy as np

    rows = {name: z.numpy() for name, z in found.noise.items()}
    return written(lambda path: np.savez(path, **rows), ".npz")  # type: ignore[arg-type]
