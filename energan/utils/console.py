"""What people see in a terminal: output, warnings, progress; and the exit code after a stop.

Whatever is printed is printable: names of files, columns and classes are a stranger's, and cannot move the cursor.
"""

import errno
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any, TextIO, TypeVar, final

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TaskID, TextColumn, TimeRemainingColumn

from energan.utils.errors import printable

COMMAND_LINE: ContextVar[Sequence[str]] = ContextVar("COMMAND_LINE", default=("energan",))  # as it was typed

Item = TypeVar("Item")

STOPPED = 130  # the exit code after Ctrl-C or SIGTERM: saved, and to be resumed

LINE_SECONDS = 60.0  # between two lines of progress, where there is no terminal

GONE = (
    errno.EPIPE,
    errno.EIO,
    errno.EBADF,
    errno.ENXIO,
)  # of a terminal or a pipe that somebody closed


_heard: ContextVar[list[str] | None] = ContextVar("heard", default=None)


@contextmanager
def heard() -> Iterator[list[str]]:
    """Inside, what is said and warned of comes into the list, and is not printed."""
    lines: list[str] = []
    token = _heard.set(lines)
    try:
        yield lines
    finally:
        _heard.reset(token)


def say(text: str) -> None:
    if (lines := _heard.get()) is not None:
        lines.extend(printable(text, keep="\n\t").splitlines())
        return
    print(printable(text, keep="\n\t"), flush=True)


def complain(text: str) -> None:
    """A line on stderr."""
    print(printable(text), file=sys.stderr, flush=True)


def as_text(value: object) -> str:
    return json.dumps(value, indent=2)


def first_line(f: Callable[..., Any]) -> str:
    """The first line of a docstring, "" where Python dropped it (`python -OO`)."""
    return next(iter((f.__doc__ or "").strip().splitlines()), "")


_warned: set[str] = set()


def warn(message: str) -> None:
    """Prints a warning to stderr, one line, each text once."""
    if (lines := _heard.get()) is not None:
        lines.append(f"warning: {printable(message)}")
        return
    if message in _warned:
        return
    _warned.add(message)
    console = Console(stderr=True)
    console.print(f"warning: {printable(message)}", style="yellow", markup=False, highlight=False, soft_wrap=True)


@final
class LastingStream:
    """stdout or stderr, writing to which never ends a command: what cannot be written is dropped.

    `lost` is why, where somebody should know: a full disk. A terminal that was closed, or a reader that had enough
    (`energan list | head -1`), is none.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.lost: OSError | None = None
        with suppress(AttributeError, OSError, ValueError):  # a name may have letters that the encoding lacks
            stream.reconfigure(errors="backslashreplace")  # type: ignore[attr-defined]

    def write(self, text: str) -> int:
        with self._kept():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with self._kept():
            self._stream.flush()

    @contextmanager
    def _kept(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno not in GONE:
                self.lost = self.lost or error
            # else what is left would be tried again, and at exit once more
            with suppress(OSError, ValueError), Path(os.devnull).open("w") as nowhere:
                os.dup2(nowhere.fileno(), self._stream.fileno())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def lasting_streams() -> Iterator[list[LastingStream]]:
    """Inside, stdout and stderr are LastingStreams."""
    before = sys.stdout, sys.stderr
    streams = [LastingStream(stream) for stream in before if stream is not None]  # None: closed from the start
    if before[0] is not None:
        sys.stdout = streams[0]
    if before[1] is not None:
        sys.stderr = streams[-1]
    try:
        yield streams
    finally:
        sys.stdout, sys.stderr = before


SLOW_SECONDS = 10.0  # after which work of unknown length is said to go on


def announce_if_slow(items: Iterable[Item], words: str) -> Iterator[Item]:
    """The items; a line on stderr once they take long, since nobody knows how many there will be."""
    begun, told = time.monotonic(), False
    for item in items:
        yield item
        if not told and time.monotonic() - begun > SLOW_SECONDS:
            told = True
            warn(f"{words} takes a while; Ctrl-C stops")


_progress: ContextVar[bool | None] = ContextVar("progress", default=None)


@contextmanager
def progress_shown(on: bool) -> Iterator[None]:
    """Inside, progress is shown unless its caller says no (the command line), or not at all (--quiet)."""
    token = _progress.set(on)
    try:
        yield
    finally:
        _progress.reset(token)


def progress_bar(unit: str, *, show: bool | None = None, columns: Sequence[ProgressColumn] = ()) -> Progress:
    """Progress on stderr of tasks counted in `unit`: a bar in a terminal or a notebook, elsewhere a line a minute.

    Args:
        unit: What is counted, a plural.
        show: None: only where a command runs.
        columns: Of the bar; by default the units done, a task's field `rate` (units/s, as text) and the time left.
    """
    shown = _is_shown(show)
    console = Console(stderr=True)
    notebook = console.is_jupyter
    if not shown or (console.is_terminal and not notebook):
        columns = columns or (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn(f"{{task.completed}}/{{task.total}} {unit}, {{task.fields[rate]}} {unit}/s, left:"),
            TimeRemainingColumn(),
        )
        return Progress(*columns, console=console, disable=not shown)
    return _Lines(unit, output=_notebook_output() if notebook else None)


def _notebook_output() -> Callable[[str], None]:
    """Shows a text in a notebook's cell, each time in the place of the one before.

    Not as a widget, which a saved notebook would have lost, and not as stderr with carriage returns: a notebook that is
    run without a browser keeps each of them.
    """
    from IPython.display import display  # where a notebook runs, it is there

    shown: list[Any] = []

    def output(text: str) -> None:
        bundle = {"text/plain": text}
        if shown:
            shown[0].update(bundle, raw=True)
        else:
            shown.append(display(bundle, raw=True, display_id=True))

    return output


def _is_shown(show: bool | None) -> bool:
    asked = _progress.get()
    return show is not False and asked is not False and bool(show or asked)


@final
class _Lines(Progress):
    """Progress as text: a line a minute; or one line that `output` shows anew each second, and at the end."""

    def __init__(self, unit: str, output: Callable[[str], None] | None = None) -> None:
        super().__init__(disable=True)
        self._unit, self._output = unit, output
        self._seconds = LINE_SECONDS if output is None else 1.0
        self._told = time.monotonic()
        self._words, self._shown = "", False
        self._begun: dict[TaskID, tuple[float, float]] = {}  # when, and how much had been done

    def add_task(self, *args: Any, **options: Any) -> TaskID:
        task = super().add_task(*args, **options)
        self._begun[task] = time.monotonic(), self._tasks[task].completed
        return task

    def update(self, task_id: TaskID, **changes: Any) -> None:
        super().update(task_id, **changes)
        now, task = time.monotonic(), self._tasks[task_id]
        due = now - self._told >= self._seconds
        if not due and self._output is None:
            return
        started, before = self._begun[task_id]
        rate = (task.completed - before) / (now - started) if now > started else 0.0
        total = task.total or 0.0
        left = duration((total - task.completed) / rate) if rate > 0 else "unknown time"
        done = f"{task.completed:.0f}/{total:.0f} {self._unit}, {rate:.3g} {self._unit}/s, {left} left"
        self._words = f"{printable(task.description)}: {done}"
        if not due:
            return
        self._told, self._shown = now, True
        with suppress(OSError, ValueError):
            if self._output is not None:
                filled = int(20 * task.completed / total) if total else 0
                self._output(f"[{'#' * filled}{'.' * (20 - filled)}] {self._words}")
            else:
                sys.stderr.write(f"{self._words}\n")
                sys.stderr.flush()

    def stop(self) -> None:
        super().stop()
        if self._output is not None and self._shown:  # what took less than a second leaves no line
            with suppress(OSError, ValueError):
                self._output(self._words)


def duration(seconds: float) -> str:
    """Hours, minutes and seconds.

    >>> duration(75), duration(3 * 3600 + 61)
    ('1:15', '3:01:01')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def counted(
    items: Iterable[Item],
    total: int,
    words: str,
    *,
    each: int = 1,
    unit: str = "images",
    done: int = 0,
    show: bool | None = None,
) -> Iterator[Item]:
    """The items, with progress on stderr: images/s and the time left. An item stands for `each` images (units).

    done  how many of the `total` were done before, and are not among the items
    show  as of `progress_bar`
    """
    if not _is_shown(show) or total <= each:
        yield from items
        return
    with progress_bar(unit, show=show) as progress:
        task = progress.add_task(words, total=total, completed=done, rate="-")
        start, before = time.monotonic(), done
        for item in items:
            yield item
            done = min(done + each, total)
            elapsed = time.monotonic() - start
            progress.update(task, completed=done, rate=f"{(done - before) / elapsed:.0f}" if elapsed else "-")
