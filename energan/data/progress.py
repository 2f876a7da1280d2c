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

    Threads, because Pillow lets go of the interpreter while it decodes and resizes: measured on two cores,
    they were as fast as processes, and need neither copies of the images nor a picklable source.
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


def counted(items: Iterable[A], total: int, words: str, *, each: int = 1, show: bool) -> Iterator[A]:
    """`items` with a progress bar on stderr: images/s and the time left. An item stands for `each` images."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} images, {task.fields[rate]} images/s, left:"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), disable=not show) as progress:
        task = progress.add_task(words, total=total, rate="-")
        start, done = time.monotonic(), 0
        for item in items:
            yield item
            done = min(done + each, total)
            elapsed = time.monotonic() - start
            progress.update(task, completed=done, rate=f"{done / elapsed:.0f}" if elapsed else "-")
