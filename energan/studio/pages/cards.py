"""Cards of any number of things, so many at a time."""

from collections.abc import Callable
from typing import Generic, TypeVar, final

from nicegui import ui

T = TypeVar("T")

TOGETHER = 48  # a browser that is sent thousands is long at it, and the server answers nobody while it draws them


@final
class Cards(Generic[T]):
    """Cards, so many at a time, of any number of things.

    Args:
        card: Draws one.
        props: Of the element that has them.
    """

    def __init__(self, card: Callable[[T], object], props: str = "") -> None:
        self._card = card
        self._all: list[T] = []
        self._none = ""
        self._place = ui.element("div").classes("studio-cards").props(props)
        self._pages = ui.pagination(1, 1, direction_links=True, on_change=self._draw).props("max-pages=7")

    def show(self, every: list[T], none: str) -> None:
        """Shows these. none: what is said where there is none."""
        self._all, self._none = every, none
        pages = max(1, -(-len(every) // TOGETHER))
        self._pages.max = pages
        self._pages.set_visibility(pages > 1)
        if not 1 <= self._page <= pages:
            self._pages.set_value(1)  # which draws
        else:
            self._draw()

    @property
    def _page(self) -> int:
        return self._pages.value if isinstance(self._pages.value, int) else 0

    def _draw(self) -> None:
        first = TOGETHER * max(0, self._page - 1)
        self._place.clear()
        with self._place:
            for each in self._all[first : first + TOGETHER]:
                self._card(each)
            if not self._all:
                ui.label(self._none)
