"""The list of runs: filtered, live, and several of them side by side."""

from collections.abc import Callable
from urllib.parse import quote, urlencode

from nicegui import ui

from energan.report.compare.runs import MOST
from energan.studio.pages.cards import Cards
from energan.studio.pages.frame import complain, frame, later
from energan.studio.runs import Row
from energan.studio.studio import Studio

EVERY = 2.0  # seconds after which the folder is looked at again


def runs(studio: Studio) -> None:
    """Registers the page."""

    @ui.page("/")
    def page() -> None:
        with frame("/"):
            with ui.element("div").classes("studio-row items-center"):
                wanted = ui.input("Only runs with", placeholder="name, recipe, data or state")
                wanted.props("clearable outlined dense").classes("grow")
                compare = ui.button("Compare", on_click=lambda: _compare(sorted(chosen)))
            chosen: set[str] = set()

            def choose(name: str, ticked: bool) -> None:
                (chosen.add if ticked else chosen.discard)(name)
                compare.set_text(f"Compare {len(chosen)}" if chosen else "Compare")

            def show(rows: list[Row]) -> None:
                cards = Cards[Row](lambda row: _card(row, row.name in chosen, choose), 'role="list"')
                shown: list[Row] = []

                def draw(rows: list[Row], again: bool = False) -> None:
                    word = str(wanted.value or "").lower()
                    rows = [r for r in rows if word in f"{r.name} {r.recipe} {r.data} {r.state}".lower()]
                    there = f"No run in {studio.runs.folder}"
                    if rows != shown or again:
                        shown[:] = rows
                        cards.show(rows, f"{there} is like that." if word else f"{there} yet: train one.")

                async def refresh(again: bool = False) -> None:
                    draw(await studio.work(_rows, studio), again)

                draw(rows, again=True)
                wanted.on_value_change(lambda: refresh(True))
                ui.timer(EVERY, refresh, immediate=False)

            later(lambda: studio.work(_rows, studio), show)


def _rows(studio: Studio) -> list[Row]:
    """The runs on disk, and before them what was asked for and has no folder yet."""
    rows = studio.runs.rows()
    there = {row.name for row in rows}
    new = [
        Row(name, " ".join(t.command[1:2]), "", "waiting" if t.waits else "beginning", 0, 0, {}, t.asked)
        for name, t in studio.trainings.active().items()
        if name not in there
    ]
    failed = [
        Row(name, "", "", f"failed: {said}", 0, 0, {}, 0.0)
        for name, said in studio.trainings.failed().items()
        if name not in there
    ]
    return new + failed + rows


def _card(row: Row, ticked: bool, choose: Callable[[str, bool], None]) -> None:
    with ui.card().props('role="listitem"').classes("studio-card"):
        with ui.element("div").classes("studio-row w-full no-wrap justify-between items-start"):
            if row.name.isprintable():
                ui.link(row.name, f"/run/{quote(row.name)}").classes("text-lg studio-name")
            else:
                ui.label(f"{row.name!r} has a name that no address has: rename its folder").classes("studio-name")
            box = ui.checkbox(value=ticked, on_change=lambda e: choose(row.name, e.value)).props("dense")
            box._props["aria-label"] = f"compare {row.name}"  # a name is no text of properties
        if row.does:
            image = ui.element("img").classes("studio-thumb").props('loading="lazy" alt=""')
            image.props["src"] = f"/thumb/{quote(row.name)}?{row.step}"
            image.props["onerror"] = "this.remove()"
        ui.label(" · ".join(filter(None, (row.recipe, row.data, row.does)))).classes("studio-quiet")
        ui.label(f"{row.state}, step {row.step:,} of {row.steps:,}" if row.steps else row.state)
        if row.steps:
            ui.linear_progress(min(1.0, row.step / row.steps), show_value=False).props('aria-hidden="true"')
        for name, value in list(row.metrics.items())[:3]:
            ui.label(f"{name} {value:.4g}").classes("studio-quiet")


def _compare(names: list[str]) -> None:
    if not 2 <= len(names) <= MOST:
        return complain(f"tick two runs or more to compare, at most {MOST}")
    ui.navigate.to(f"/compare?{urlencode([('run', name) for name in names])}", new_tab=True)
