"""What people see in a terminal: output, warnings, progress bars; and the exit code after a stop."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextvars import ContextVar
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

COMMAND_LINE: ContextVar[Sequence[str]] = ContextVar("COMMAND_LINE", default=("energan",))  # as it was typed

Item = TypeVar("Item")

STOPPED = 130  # the exit code after Ctrl-C or SIGTERM: saved, and to be resumed


def say(text: str) -> None:
    print(text, flush=True)


def as_text(value: object) -> str:
    return json.dumps(value, indent=2)


def first_line(f: Callable[..., Any]) -> str:
    return (f.__doc__ or "").strip().splitlines()[0]


_warned: set[str] = set()


def warn(message: str) -> None:
    """Prints a warning to stderr, one line, each text once."""
    if message in _warned:
        return
    _warned.add(message)
    console = Console(stderr=True)
    console.print(f"warning: {message}", style="yellow", markup=False, highlight=False, soft_wrap=True)


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
