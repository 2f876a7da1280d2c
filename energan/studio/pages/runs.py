"""The list of runs, and a run: curves, sheets over time, metrics, live while it trains."""

from urllib.parse import quote

from nicegui import ui

from energan.studio.pages.frame import frame
from energan.studio.runs import Row
from energan.studio.studio import Studio

EVERY = 2.0  # seconds after which the list looks at the folder again


def runs(studio: Studio) -> None:
    """Registers the pages."""

    @ui.page("/")
    async def page() -> None:
        with frame("/"):
            wanted = ui.input("Only runs with", placeholder="name, recipe, data or state").props(
                "clearable outlined dense"
            )
            cards = ui.element("div").classes("studio-cards")
            shown: list[Row] = []

            async def refresh(again: bool = False) -> None:
                rows = await studio.work(studio.runs.rows)
                word = (wanted.value or "").lower()
                rows = [r for r in rows if word in f"{r.name} {r.recipe} {r.data} {r.state}".lower()]
                if rows != shown or again:
                    shown[:] = rows
                    cards.clear()
                    with cards:
                        for row in rows:
                            _card(row)
                        if not rows:
                            ui.label(f"No run in {studio.runs.folder}" + (" is like that." if word else " yet."))

            wanted.on_value_change(lambda: refresh(True))
            await refresh(True)
            ui.timer(EVERY, refresh)


def _card(row: Row) -> None:
    with ui.card():
        ui.link(row.name, f"/run/{quote(row.name)}").classes("text-lg")
        ui.label(f"{row.recipe} · {row.data}").classes("studio-quiet")
        ui.label(f"{row.state}, step {row.step:,} of {row.steps:,}")
        if row.steps:
            ui.linear_progress(min(1.0, row.step / row.steps), show_value=False).props('aria-hidden="true"')
        for name, value in list(row.metrics.items())[:3]:
            ui.label(f"{name} {value:.4g}").classes("studio-quiet")
