"""Progress bars on stderr: how much is done, how fast, and how long the rest takes."""

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

Item = TypeVar("Item")


def progress_bar(unit: str, *, show: bool) -> Progress:
    """A bar on stderr whose tasks are counted in `unit`; a task has the field `rate`, units a second as text."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn(f"{{task.completed}}/{{task.total}} {unit}, {{task.fields[rate]}} {unit}/s, left:"),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=Console(stderr=True), disable=not show)


def counted(
    items: Iterable[Item], total: int, words: str, *, each: int = 1, unit: str = "images", done: int = 0, show: bool
) -> Iterator[Item]:
    """The items, with a progress bar on stderr: images/s and the time left. An item stands for `each` images (units).

    done  how many of the `total` were done before, and are not among the items
    """
    with progress_bar(unit, show=show) as progress:
        task = progress.add_task(words, total=total, completed=done, rate="-")
        start, before = time.monotonic(), done
        for item in items:
            yield item
            done = min(done + each, total)
            elapsed = time.monotonic() - start
            progress.update(task, completed=done, rate=f"{(done - before) / elapsed:.0f}" if elapsed else "-")
