"""Chains that a classifier leads to classes, frame by frame; the classifier may be another run's."""

from collections.abc import Awaitable, Callable
from math import prod
from typing import TYPE_CHECKING, NamedTuple, final

from nicegui import ui

from energan.studio.pages.frame import told
from energan.studio.pages.play.asking import Wish
from energan.studio.pages.play.desk import Desk, Latest, Made, busy
from energan.studio.pages.play.pictures import Tiles, address, arrays, download_button, films, sheet
from energan.studio.pages.typed import whole
from energan.studio.studio import Studio
from energan.utils.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from energan.explore.guided_run import GuidedRun
    from energan.inference.model import Model

MOST = 32  # chains at a time
BYTES = 2**26  # of all their frames
LONGEST = 500  # steps
FRAMES = 24  # that are kept of a chain
OWN = "its own classifier"


def build(desk: Desk) -> Callable[[], Awaitable[None]]:
    """Makes the tab, and returns what draws it anew."""
    Chains(desk)
    return nothing


async def nothing() -> None:
    """What takes long waits for its button."""


@final
class Settings:
    """How long chains are, and which classifier leads them."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        with ui.element("div").classes("studio-row"):
            self.steps = ui.number("Steps", placeholder="its own", min=1, max=LONGEST, precision=0, format="%d")
            self.steps.props("outlined dense clearable stack-label")
            self.classifier = ui.select([OWN], value=OWN, label="Steered by").props("outlined dense")
        ui.timer(0, self._fill, once=True)

    async def _fill(self) -> None:
        studio, shape = self.desk.studio, self.desk.able.shape
        self.classifier.set_options([OWN, *await studio.work(classifiers, studio, shape)])

    def guided(self) -> "Callable[[Model], GuidedRun]":
        """What opens the run with these settings, in a thread. UserError for a number of steps that is none."""
        from energan.explore.guidance import Guidance

        desk, other = self.desk, str(self.classifier.value)
        steps = {} if self.steps.value is None else {"steps": whole(self.steps.value, "the steps", 1, LONGEST)}
        guidance = Guidance() if other == OWN else Guidance(str(desk.studio.runs.path(other)))

        def opened(model: "Model") -> "GuidedRun":
            from energan.explore.guided_run import open_guided_run

            return open_guided_run(model, desk.folder, guidance, steps)

        return opened


@final
class Frames(NamedTuple):
    """Chains as they are shown: (frames, n, c, h, w) bytes, their steps, and an address for each image."""

    images: "Tensor"
    steps: list[int]
    sources: list[list[str]]
    of: list[str]
    columns: int
    says: str


@final
class Chains:
    """The tab. made: the last chains."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.made: Made[Frames] | None = None
        self.most = max(1, min(MOST, BYTES // (FRAMES * prod(desk.able.shape))))
        ui.label("Each chain starts anywhere, and a classifier leads it to its class.")
        self.settings = Settings(desk)
        with ui.element("div").classes("studio-row"):
            names = dict(enumerate(desk.able.classes))
            self.classes = ui.select(names, value=[*names][:5], multiple=True, label="Classes, a row each")
            self.classes.props("outlined dense use-chips")
            self.each = ui.number("Chains of each", value=4, min=1, max=self.most, precision=0, format="%d")
            self.each.props("outlined dense")
            self.button = ui.button("Draw", on_click=told(Latest(self._draw))).props("no-caps")
        self.says = ui.label().classes("studio-quiet").props('role="status"')
        with ui.element("div").classes("studio-row").style("align-items: center; width: 100%"):
            self.frame = ui.slider(min=0, max=FRAMES, step=1, value=FRAMES, on_change=self._show)
            self.frame.props('aria-label="Frame of the chains"').classes("play-sentence")
            self.step = ui.label().classes("studio-quiet")
        self.tiles = Tiles()
        with ui.element("div").classes("studio-row"):
            download_button(
                desk, "PNG", "chains", ".png", lambda: self.made, lambda made: sheet(made.images[-1], made.columns)
            )
            download_button(
                desk,
                "GIF",
                "chains",
                ".gif",
                lambda: self.made,
                lambda made: films(made.images.transpose(0, 1), ".gif"),
            )
            download_button(desk, "npz", "chains", ".npz", lambda: self.made, lambda made: arrays(made.images[-1]))

    def _show(self) -> None:
        if self.made is None:
            return
        made = self.made.what
        k = min(len(made.steps) - 1, int(self.frame.value or 0))
        step = made.steps[k]
        self.tiles.show(made.sources[k], [f"{text}, step {step}" for text in made.of])
        self.step.set_text(f"step {step}")

    async def _draw(self) -> None:
        n, wanted = whole(self.each.value, "how many chains a class has", 1, self.most), self.classes.value or ()
        if not wanted or n * len(wanted) > self.most:
            raise UserError(f"choose classes, of which {n} chains each make {self.most} at most")
        guided, classes = self.settings.guided(), [int(c) for c in wanted]

        def work(model: "Model", wish: Wish) -> Frames:
            return framed(guided(model), classes, n, wish.seed)

        with busy(self.button):
            self.made = await self.desk.compute(work)
        self.tiles.place.style(f"grid-template-columns: repeat({n}, minmax(1.5rem, 6rem))" if n <= 16 else "")
        last = len(self.made.what.steps) - 1
        self.frame.props["max"] = last
        self.frame.set_value(last)
        self._show()
        self.says.set_text(
            f"the classifier sees what it was asked for in: {self.made.what.says}; seed {self.made.wish.seed}"
        )


def framed(s: "GuidedRun", classes: list[int], n: int, seed: int) -> Frames:
    """n chains to each class. UserError for a class that the classifier does not know."""
    if max(classes) >= len(s.classes):
        raise UserError(f"that classifier knows {len(s.classes)} classes: choose others")
    targets = [c for c in classes for _ in range(n)]
    images, steps = frames_of(s, targets, seed)
    seen = s.probabilities(images[-1]).argmax(1).view(len(classes), n).tolist()
    shares = (f"{s.classes[c]}: {100 * row.count(c) / n:.0f} %" for c, row in zip(classes, seen, strict=True))
    of = [f"a chain to {s.classes[c]}" for c in targets]
    return Frames(images, steps, [[address(x) for x in page] for page in images], of, n, ", ".join(shares))


def frames_of(s: "GuidedRun", classes: list[int], seed: int) -> "tuple[Tensor, list[int]]":
    """The images of a chain to each class, (frames, n, c, h, w) bytes, and at which steps they are."""
    import torch

    from energan.data.pixels import to_bytes

    trace = s.run_chains(torch.tensor(classes), seed=seed, keep=max(1, s.chain.steps // FRAMES))
    assert trace.images is not None
    return to_bytes(trace.images).cpu(), [int(step) for step in trace.steps]


def classifiers(studio: Studio, shape: tuple[int, int, int]) -> list[str]:
    """The runs that classify images of that shape."""
    from energan.runs.folder import RunFolder
    from energan.runs.reader import mapping
    from energan.studio.sources import serving

    found = []
    for name in serving(studio.runs, "classify"):
        try:
            if (
                mapping(studio.runs.about(name).config.get("data")).get("shape") == list(shape)
                and RunFolder(studio.runs.path(name)).checkpoints()
            ):
                found.append(name)
        except UserError:
            continue
    return found
