"""Work on many images at once, in order, with a bar that says how fast and how long."""

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

A = TypeVar("A")
B = TypeVar("B")


def in_order(function: Callable[[A], B], items: Iterable[A]) -> Iterator[B]:
    """`map(function, items)` on all cores, with few results waiting.

    Threads, because Pillow lets go of the interpreter while it decodes and resizes. Measured on two cores: 60
    photos of 1600 x 1200 in 0.65 s, in processes 0.68 s, one after another 1.31 s; 3,000 files of 100 pixels
    a side in 0.98 s, in processes 0.68 s, but starting those takes longer than they save.
    """
    workers = os.cpu_count() or 1
    waiting: deque[Future[B]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > 8 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


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
