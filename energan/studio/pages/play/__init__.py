"""Play: what a run learned, drawn, moved and changed by hand.

asking.py      what can be done with a run, and what the page asks it for
desk.py        a client's page: its run, its wish, its work
pictures.py    pictures on the page, and files of them
sampling.py    samples           chains.py      chains, frame by frame
plane.py       between four      sliders.py     codes and directions
arithmetic.py  sums of samples   projecting.py  one's own picture
walking.py     walks as films    inpainting.py  parts of pictures filled in, by a brush
"""

import re
from collections.abc import Awaitable, Callable
from typing import NamedTuple
from urllib.parse import quote

from nicegui import ui

from energan.studio.pages.cards import Cards
from energan.studio.pages.frame import complain, frame, later
from energan.studio.pages.play import arithmetic, chains, inpainting, plane, projecting, sampling, sliders, walking
from energan.studio.pages.play.asking import Able
from energan.studio.pages.play.desk import Desk, opened
from energan.studio.runs import Row
from energan.studio.studio import Studio
from energan.utils.errors import UserError


class Tool(NamedTuple):
    """A tab.

    offered: whether a run can do it; build: makes the tab, and returns what draws it anew; needs: what a run must have,
    with recipes that have it.
    """

    name: str
    offered: Callable[[Able], bool]
    build: Callable[[Desk], Callable[[], Awaitable[None]]]
    needs: str


NOISE = "noise that images are drawn from, as {ebgan-pt-mnist} and {dcgan-64} have"
CHAINS = "chains that a classifier leads, as {ppgn-h-mnist} and {noiseless-ppgn-h-64} have"

TOOLS = (
    Tool("Samples", lambda able: able.does("sample") and not able.chains, sampling.build, NOISE),
    Tool("Chains", lambda able: able.does("sample") and able.chains, chains.build, CHAINS),
    Tool("Plane", lambda able: able.moves, plane.build, NOISE),
    Tool("Codes", lambda able: able.does("traverse") and able.moves, sliders.build, NOISE),
    Tool("Walk", lambda able: able.does("walk") and (able.moves or len(able.classes) > 1), walking.build, NOISE),
    Tool("Project", lambda able: able.does("project"), projecting.build, NOISE),
    Tool("Arithmetic", lambda able: able.does("arithmetic"), arithmetic.build, NOISE),
    Tool("Inpaint", lambda able: able.does("inpaint"), inpainting.build, CHAINS),
)


def play(studio: Studio) -> None:
    """Registers the pages."""

    @ui.page("/play")
    def choose() -> None:
        def show(found: list[tuple[Row, str]]) -> None:
            Cards(_card).show(found, f"No run in {studio.runs.folder} draws anything yet: train one first.")

        with frame("/play"):
            ui.label("Choose a run, and play with what it learned.")
            later(lambda: studio.work(_drawing, studio), show)

    @ui.page("/play/{run:path}")
    def page(run: str) -> None:
        ui.add_head_html('<link rel="stylesheet" href="/static/play.css"><script src="/static/play.js"></script>')
        with frame("/play", title=run):
            with ui.element("div").classes("play-head"):
                ui.link("All runs that draw", "/play")
                ui.label(run).classes("text-xl play-name")
            with ui.element("div").classes("play-place"):
                later(lambda: opened(studio, run), _tools)


def _card(found: tuple[Row, str]) -> None:
    row, says = found
    with ui.card():
        ui.link(row.name, f"/play/{quote(row.name)}").classes("text-lg")
        ui.label(f"{row.recipe} · {row.data}").classes("studio-quiet")
        ui.label(says).classes("studio-quiet")


def lacking(can: Able) -> list[str]:
    """A sentence for each reason why tabs are missing, with the names of recipes in braces."""
    missing: dict[str, list[str]] = {}
    for tool in TOOLS:
        if not tool.offered(can):
            missing.setdefault(tool.needs, []).append(tool.name)
    return [f"Not here: {', '.join(names)}. These need {needs}." for needs, names in missing.items()]


def _drawing(studio: Studio) -> list[tuple[Row, str]]:
    """The runs that draw and have a checkpoint, and what each can do."""
    from energan.runs.folder import RunFolder
    from energan.studio.sources import had_by

    found = []
    for row in studio.runs.rows():
        had = had_by(studio.runs, row.name)
        try:
            drawn = any("sample" in each.serves for each in had) and RunFolder(studio.runs.path(row.name)).checkpoints()
        except UserError:
            continue
        if drawn:
            found.append((row, f"It can {', '.join(each.verb for each in had)}."))
    return found


async def _tools(desk: Desk) -> None:
    """The page below the bar: what is asked for, and a tab for each tool; a tab is made when it is first looked at."""
    offered = [tool for tool in TOOLS if tool.offered(desk.able)]
    if not offered:
        ui.label("This run draws nothing.")
        return
    desk.bar()
    made: dict[str, Callable[[], Awaitable[None]]] = {}
    drawn: dict[str, object] = {}
    with ui.tabs().props('align="left" outside-arrows mobile-arrows no-caps') as tabs:
        for tool in offered:
            ui.tab(tool.name)
    tabs.set_value(offered[0].name)
    with ui.tab_panels(tabs, value=offered[0].name, animated=False, keep_alive=True).classes("play-panels"):
        places = {tool.name: ui.tab_panel(tool.name) for tool in offered}

    async def show() -> None:
        tool = next(tool for tool in offered if tool.name == tabs.value)
        with places[tool.name]:
            if tool.name not in made:
                made[tool.name] = tool.build(desk)
            if drawn.get(tool.name) == desk.wish:
                return
            drawn[tool.name] = desk.wish
            try:
                await made[tool.name]()
            except UserError as error:
                drawn.pop(tool.name, None)
                complain(str(error))

    for sentence in lacking(desk.able):
        _sentence(sentence)
    desk.changed = show
    tabs.on_value_change(show)
    await show()


def _sentence(text: str) -> None:
    """A quiet line, in which names of recipes lead to their forms."""
    with ui.element("p").classes("studio-quiet play-lacking"):
        for i, part in enumerate(re.split(r"[{}]", text)):
            if i % 2:
                ui.link(part, f"/train?recipe={quote(part)}")
            else:
                ui.label(part)
