"""Logs as pages read them: only what is new since the last look, and never more than a bounded part in memory."""

import os
import stat
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any, NamedTuple, final

from energan.runs.reader import Json
from energan.utils.files import LARGEST_LINE, LARGEST_LOG, json_line

BYTES = 2**20  # of lines that are kept of a log, and as many of those that have metrics

OPEN = 8  # logs that are kept

TAIL = 2**20  # bytes in which the newest lines are looked for

NEWEST = 50  # lines of which one has the last step: a run that was resumed writes some again

MEASURED = b'"metrics"'


class Lines(NamedTuple):
    """(step, line) by step; every: of the log's lines, each so many-th is there (and the last)."""

    lines: list[tuple[int, Json]]
    every: int


@final
class _Part:
    """Each `every`-th of the lines that are added: every second of them goes whenever they are more than BYTES."""

    def __init__(self) -> None:
        self.every, self.count, self.bytes = 1, 0, 0
        self.kept: list[tuple[int, int, int, dict[str, Any]]] = []  # the line's number here, its place, bytes, itself

    def add(self, text: bytes, place: int) -> None:
        """Adds a line. place: where in the file it begins."""
        number, self.count = self.count, self.count + 1
        if number % self.every or (line := json_line(text)) is None:
            return
        self.kept.append((number, place, len(text), line))
        self.bytes += len(text)
        while self.bytes > BYTES and len(self.kept) > 1:
            self.every *= 2
            self.kept = [each for each in self.kept if each[0] % self.every == 0]
            self.bytes = sum(size for _, _, size, _ in self.kept)


@final
class _Log:
    """One log, as far as it was read."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._restart(0)

    def _restart(self, file: int) -> None:
        self.file, self.read, self.last = file, 0, b""
        self.logs, self.metrics = _Part(), _Part()

    def lines(self, path: Path) -> Lines:
        """Reads what is new. No lines of a file that is none, or a link."""
        try:
            with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
                status = os.fstat(file.fileno())
                if not stat.S_ISREG(status.st_mode):
                    return Lines([], 1)
                if status.st_ino != self.file or status.st_size < self.read:  # written anew, as a resumed run's is
                    self._restart(status.st_ino)
                file.seek(self.read)
                while self.read < LARGEST_LOG and (text := file.readline(LARGEST_LINE)):
                    self.last = text
                    if not text.endswith(b"\n") and len(text) < LARGEST_LINE:
                        break  # half a line, or one without an end: it is read again
                    (self.metrics if MEASURED in text else self.logs).add(text, self.read)
                    self.read += len(text)
        except OSError:
            return Lines([], 1)
        parts = self.logs.kept, self.metrics.kept
        found = [(line["step"], place, line) for part in parts for _, place, _, line in part]
        if (last := json_line(self.last)) is not None and all(part[-1][3] != last for part in parts if part):
            found.append((last["step"], self.read, last))
        return Lines([(step, line) for step, _, line in sorted(found, key=lambda each: each[:2])], self.logs.every)


@final
class Logs:
    """The logs that were looked at last, at most 8: what they hold in memory is bounded, however long they are."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: OrderedDict[Path, _Log] = OrderedDict()

    def read(self, path: Path) -> Lines:
        """The lines of a log."""
        with self._lock:
            log = self._open.setdefault(path, _Log())
            self._open.move_to_end(path)
            while len(self._open) > OPEN:
                self._open.popitem(last=False)
        with log.lock:
            return log.lines(path)


def newest(path: Path) -> tuple[int, Json]:
    """The last step of a log, 0 where it has none, and its newest metrics; of its last MiB, of which little is read."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                return 0, {}
            file.seek(max(0, status.st_size - TAIL))
            texts = file.read(TAIL).split(b"\n")
    except OSError:
        return 0, {}
    steps = [line["step"] for text in texts[-NEWEST:] if (line := json_line(text)) is not None]
    measured = (line["metrics"] for text in reversed(texts) if MEASURED in text and (line := json_line(text)))
    return max(steps, default=0), next((each for each in measured if isinstance(each, dict)), {})
