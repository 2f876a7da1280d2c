"""The page: two parts, of which one is seen at a time."""

from nicegui import ui

from energan.studio.pages.frame import frame, later
from energan.studio.studio import Studio


def judge(studio: Studio) -> None:
    """Registers the page."""

    @ui.page("/judge")
    def page(run: str = "") -> None:
        def draw(runs: list[str]) -> None:
            from energan.studio.pages.judge.comparing import comparing
            from energan.studio.pages.judge.scoring import scoring

            with ui.tabs().props("align=left no-caps inline-label") as tabs:
                score, compare = ui.tab("Score pictures"), ui.tab("Compare two sets")
            with ui.tab_panels(tabs, value=score, animated=False).classes("w-full bg-transparent"):
                with ui.tab_panel(score).classes("p-0"):
                    scoring(studio, runs, run)
                with ui.tab_panel(compare).classes("p-0"):
                    comparing(studio)

        with frame("/judge"):
            ui.add_head_html('<link rel="stylesheet" href="/static/judge.css">')
            later(lambda: studio.work(_scoring, studio), draw)


def _scoring(studio: Studio) -> list[str]:
    """The runs that score; imports, in a thread, what takes long: the server begins without torch."""
    from energan.studio.sources import serving

    return serving(studio.runs, "score")
