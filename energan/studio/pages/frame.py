"""What all pages have: the bar with their names, a place for one sentence, and how errors are told."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from nicegui import ui

from energan.utils.errors import UserError

TABS = {"/": "Runs", "/train": "Train", "/play": "Play", "/judge": "Judge", "/label": "Label", "/toy": "Toy game"}


@contextmanager
def frame(here: str, title: str = "") -> Iterator[None]:
    """The page around a tab's own content. here: its path in TABS; title: what the browser's tab says besides."""
    ui.page_title(f"{title or TABS[here]} · Energan studio")
    ui.add_head_html('<link rel="stylesheet" href="/static/studio.css">')
    with ui.header().classes("studio-bar"), ui.element("nav").props('aria-label="Pages"').classes("studio-nav"):
        for path, name in TABS.items():
            link = ui.link(name, path).classes("studio-tab")
            if path == here:
                link.classes("studio-here").props('aria-current="page"')
    with ui.element("main").classes("studio-main"):
        yield


def told(action: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """The action, whose UserError is shown as one sentence on the page."""

    @wraps(action)
    async def acted(*args: Any, **kwargs: Any) -> Any:
        try:
            return await action(*args, **kwargs)
        except UserError as error:
            complain(str(error))
            return None

    return acted


def complain(sentence: str) -> None:
    """Shows a sentence until it is closed; it is text, whatever it contains."""
    ui.notify(sentence, type="negative", timeout=0, close_button="close", multi_line=True)
