"""Commands that are killed at a chosen moment: in a forked process, which has everything imported already.

A moment is a number of seconds, or a number of the process's calls that open, rename, remove or make a file or folder
in a folder of the test's: between two of these nothing changes there, but for what is appended to the log.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from small_runs import fingerprint

from energan.cli import main

EVENTS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.truncate"}

TIMES = ("seconds", "steps_per_second", "images_per_second")  # of a line of the log


def run(command: Sequence[str], *, after: float = 0.0, at_event: int = 0) -> int:
    """The exit code of `energan COMMAND`, or minus SIGKILL: it gets that `after` seconds, or at a call, from 1 on."""
    child = os.fork()
    if child == 0:
        _play(command, at_event)
    end = time.monotonic() + after
    while after:
        if (ended := os.waitpid(child, os.WNOHANG))[0]:
            return os.waitstatus_to_exitcode(ended[1])
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            break
        time.sleep(0.001)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def events(command: Sequence[str], folder: Path) -> int:
    """How many such calls in the folder the command makes, run to its end; in this process, which then has imported
    what it needs. From now on, it is this folder's calls that are counted.
    """
    counting.folder, counting.count = str(folder), 0
    assert main([*command]) == 0
    return counting.count


class Counting:
    """Hears of every call. At the one of a number, it kills its process."""

    folder, count, end = "", 0, 0

    def __call__(self, event: str, given: tuple[Any, ...]) -> None:
        if event in EVENTS and str(given[0]).startswith(self.folder):
            self.count += 1
            if self.count == self.end:
                os.kill(os.getpid(), signal.SIGKILL)


counting = Counting()
sys.addaudithook(counting)


def _play(command: Sequence[str], at_event: int) -> None:
    """Ends this process with the command's exit code."""
    code = 1
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        counting.count, counting.end = 0, at_event
        code = main([*command])
    finally:
        os._exit(code)


def outcome(folder: Path) -> dict[str, Any]:
    """All that a finished run leaves which does not depend on the clock: equal for equal runs."""
    record = json.loads((folder / "run.json").read_text())
    log: dict[tuple[int, str], Any] = {}
    for text in (folder / "log.jsonl").read_text().splitlines():
        line = {k: v for k, v in json.loads(text).items() if k not in TIMES}
        log[line["step"], ",".join(sorted(line))] = line
    pictures = [*folder.glob("*.png"), *folder.glob("samples/*.png")]
    written = ("evaluation.json", "neighbours.json")
    return {
        "checkpoints": {p.name: fingerprint(p) for p in folder.glob("checkpoints/[!.]*.safetensors")},
        "log": log,
        "pictures": {str(p.relative_to(folder)): p.read_bytes() for p in pictures if p.name[0] != "."},
        **{name: json.loads((folder / name).read_text()) for name in written},
        "data": {k: v for k, v in record["data"].items() if k != "source"},  # a named set may come from the cache now
        "status": {k: record["status"][k] for k in ("state", "step", "message")},
        "report": (folder / "report.html").is_file(),
    }
