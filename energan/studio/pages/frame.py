"""What all pages have: the bar with their names, content that comes later, and how errors are told.

A page is a plain function that draws its frame at once, and asks `later` for what is to be read of the disk or made:
a browser gets the page without waiting for it, however much there is to be read.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from inspect import isawaitable
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from nicegui import Client, ui

from energan.utils.errors import UserError

TABS = {"/": "Runs", "/train": "Train", "/play": "Play", "/judge": "Judge", "/label": "Label", "/toy": "Toy game"}


T = TypeVar("T")


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


def later(find: Callable[[], Awaitable[T]], draw: Callable[[T], object]) -> None:
    """Draws a page's content here, when the page is in the browser.

    find: what is drawn, which may take as long as it likes; draw: draws it, at once or not. A UserError of either
    stands in the place of the content.
    """
    with ui.element("div").classes("studio-later") as place, ui.element("div").classes("studio-row") as waiting:
        waiting.props('role="status"')
        ui.spinner(size="sm").props('aria-hidden="true"')
        ui.label("opening …").classes("studio-quiet")

    async def fill() -> None:
        try:
            found = await find()
            place.clear()
            with place:
                drawn = draw(found)
                if isawaitable(drawn):
                    await drawn
        except UserError as error:
            place.clear()
            with place:
                ui.label(str(error)).props('role="alert"')

    ui.timer(0, fill, once=True)


_complaints: WeakKeyDictionary[Client, ui.notification] = WeakKeyDictionary()  # the one that each page shows


def told(action: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """The action, whose UserError is shown as one sentence on the page, unless that was left meanwhile.

    What was complained of before is gone.
    """

    @wraps(action)
    async def acted(*args: Any, **kwargs: Any) -> Any:
        client = _client()
        settled()
        try:
            return await action(*args, **kwargs)
        except UserError as error:
            if client is not None and not client.is_deleted:
                with client:  # what was pressed may be gone already
                    complain(str(error))
        except RuntimeError:  # NiceGUI's, of elements that are gone
            if client is None or not client.is_deleted:
                raise
        return None

    return acted


def complain(sentence: str) -> None:
    """Shows a sentence until it is closed, or something else is done; it is text, whatever it contains."""
    settled()
    if (client := _client()) is not None:
        _complaints[client] = ui.notification(
            sentence, type="negative", timeout=None, close_button="close", multi_line=True, classes="studio-complaint"
        )


def settled() -> None:
    """Takes away what was complained of."""
    client = _client()
    shown = _complaints.pop(client, None) if client is not None else None
    if shown is not None and not shown.is_deleted:
        shown.dismiss()


def _client() -> Client | None:
    """Whose page it is; None where what was pressed is gone already."""
    try:
        return ui.context.client
    except RuntimeError:
        return None
