"""Reads log.jsonl line by line: as far as it is new, and of a long one a part, so that memory is bounded.

A killed run may have left half a line, or bytes that are no text; such lines, and those of more than 1 MiB, are left
out. A page reads 256 MiB of a log at most, and says so; who goes on with a run reads all of it. A file that cannot be
read has no lines.
"""

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, final

from energan.utils.errors import UserError
from energan.utils.files import LARGEST_LINE, LARGEST_STEP

LARGEST = 2**28  # bytes of a log that pages read

KINDS = (
    b'"logs"',
    b'"metrics"',
    b'"energies"',
)  # of lines, told by the first of these keys that is in them; others are one kind


class Lines(NamedTuple):
    """(step, line) by step; of equal steps, as written.

    every: of those with losses each so many-th, and the last; unread_bytes: at its end, which are too many.
    """

    lines: list[tuple[int, dict[str, object]]]
    every: int
    unread_bytes: int = 0


def json_line(text: bytes) -> dict[str, Any] | None:
    """A line of a log, where it is complete and has a step, a whole number from 0."""
    try:
        line = json.loads(text)  # of a part of a line too long, no part is an object
    except (ValueError, RecursionError):
        return None
    step = line.get("step") if isinstance(line, dict) else None
    usable = isinstance(step, int) and not isinstance(step, bool) and 0 <= step < LARGEST_STEP
    return line if usable else None


def json_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The complete lines of a log that have a step, one after another: no others are in memory."""
    return (line for line in all_lines(path) if line is not None)


def all_lines(path: Path, must: bool = False) -> Iterator[dict[str, Any] | None]:
    """The lines of a log, however long it is, one after another; None for each that is none of a step.

    Half a line at the end, which a killed run left, is not among them. must: UserError for a log that is there and
    cannot be read to its end, for whoever would write it anew, and lose the rest.
    """
    try:
        with _opened(path) as file:
            while text := file.readline(LARGEST_LINE):
                whole = text.endswith(b"\n")
                if (line := json_line(text)) is not None or whole:
                    yield line
    except FileNotFoundError:
        return
    except OSError as error:
        if must:
            why = (error.strerror or str(error)).lower()
            raise UserError(f"{path} cannot be read ({why}): mend that, or move it away to go on without it") from error


def _opened(path: Path, more: int = 0) -> BinaryIO:
    """The file, which no pipe is waited for. OSError for what is no regular file."""
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | more), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError("it is no regular file")
    return file


@final
class _Part:
    """Each `every`-th of the lines that are added: every second goes whenever they have more than `most` bytes."""

    def __init__(self, most: int) -> None:
        self.most, self.every, self.count, self.bytes = most, 1, 0, 0
        self.kept: list[tuple[int, int, int, dict[str, Any]]] = []  # the line's number here, its place, bytes, itself

    def add(self, text: bytes, place: int) -> None:
        """Adds a line. place: where in the file it begins."""
        number, self.count = self.count, self.count + 1
        if number % self.every or (line := json_line(text)) is None:
            return
        self.kept.append((number, place, len(text), line))
        self.bytes += len(text)
        while self.bytes > self.most and len(self.kept) > 1:
            self.every *= 2
            self.kept = [each for each in self.kept if each[0] % self.every == 0]
            self.bytes = sum(size for _, _, size, _ in self.kept)


@final
class LogReader:
    """One log, as far as it was read.

    Args:
        most: Bytes of lines that are kept of each kind. Whenever there are more, every second of them goes.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._restart(0)

    def _restart(self, file: int) -> None:
        self.file, self.read, self.last = file, 0, b""
        self.parts = {kind: _Part(self.most) for kind in (*KINDS, b"")}

    def lines(self, path: Path) -> Lines:
        """The lines, of which what is new is read. None of a link."""
        try:
            with _opened(path, os.O_NOFOLLOW) as file:
                status = os.fstat(file.fileno())
                if status.st_ino != self.file or status.st_size < self.read:  # written anew, as a resumed run's is
                    self._restart(status.st_ino)
                file.seek(self.read)
                while self.read < LARGEST and (text := file.readline(LARGEST_LINE)):
                    self.last = text
                    if not text.endswith(b"\n") and len(text) < LARGEST_LINE:
                        break  # half a line, or one without an end: it is read again
                    self.parts[next((kind for kind in KINDS if kind in text), b"")].add(text, self.read)
                    self.read += len(text)
        except OSError:
            return Lines([], 1)
        parts = [part.kept for part in self.parts.values()]
        lines = [(line["step"], place, line) for part in parts for _, place, _, line in part]
        if (last := json_line(self.last)) is not None and all(part[-1][3] != last for part in parts if part):
            lines.append((last["step"], self.read, last))
        every, unread = self.parts[KINDS[0]].every, status.st_size - self.read if self.read >= LARGEST else 0
        return Lines([(step, line) for step, _, line in sorted(lines, key=lambda each: each[:2])], every, unread)
