"""Logs as pages read them: only what is new since the last look, and never more than a bounded part in memory."""

import os
import stat
import threading
from collections import OrderedDict
from pathlib import Path
from typing import final

from energan.runs.log import Lines, LogReader, json_line
from energan.runs.reader import Json

BYTES = 2**20  # of lines that are kept of a log, of each kind

OPEN = 8  # logs that are kept

TAIL = 2**20  # bytes in which the newest lines are looked for

NEWEST = 50  # lines of which one has the last step: a run that was resumed writes some again

MEASURED = b'"metrics"'


@final
class Logs:
    """The logs that were looked at last, at most 8: what they hold in memory is bounded, however long they are."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: OrderedDict[Path, tuple[threading.Lock, LogReader]] = OrderedDict()

    def read(self, path: Path) -> Lines:
        """The lines of a log."""
        with self._lock:
            own, log = self._open.setdefault(path, (threading.Lock(), LogReader(BYTES)))
            self._open.move_to_end(path)
            while len(self._open) > OPEN:
                self._open.popitem(last=False)
        with own:
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
