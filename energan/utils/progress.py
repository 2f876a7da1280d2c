"""Progress bars on stderr for work on many items."""

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

A = TypeVar("A")


def counted(
    items: Iterable[A], total: int, words: str, *, each: int = 1, unit: str = "images", done: int = 0, show: bool
) -> Iterator[A]:
    """`items` with a progress bar on stderr: images/s and the time left. An item stands for `each` images (units).

    done  how many of the `total` were done before, and are not among the items
    """
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn(f"{{task.completed}}/{{task.total}} {unit}, {{task.fields[rate]}} {unit}/s, left:"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), disable=not show) as progress:
        task = progress.add_task(words, total=total, completed=done, rate="-")
        start, before = time.monotonic(), done
        for item in items:
            yield item
            done = min(done + each, total)
            elapsed = time.monotonic() - start
            progress.update(task, completed=done, rate=f"{(done - before) / elapsed:.0f}" if elapsed else "-")
