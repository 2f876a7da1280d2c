"""Reads a run folder as far as it goes: a killed run leaves half a line, an old one lacks a file.

Only a folder that is no run at all, or one from a newer Energan, is refused; everything else that is missing or
of an unexpected type reads as absent (`{}`, `None` or an empty list).
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import NamedTuple

from energan.runs.log import LogReader
from energan.runs.record import LARGEST, read_run_json
from energan.utils.files import read_file

NAMES = 200  # quantities under one key of the log that are read: each has its chart

LOG = 2**24  # bytes of a log's lines that are kept, of each kind; in memory they are several times as large

Json = dict[str, object]


class Logged(NamedTuple):
    """The numbers of one line of log.jsonl; None where a number was not finite."""

    step: int
    values: dict[str, float | None]


@dataclass(frozen=True)
class RunFiles:
    """What a run folder holds: `config` its run.json, `lines` (step, line) of its log.jsonl.

    `path` is the folder itself, no link to it: what below it is reached by a link may be another's, and is not read.
    Of a log that is too long to be kept, `lines` has each `every`-th; `unread_bytes` at its end were not read at all.
    """

    path: Path
    config: Json
    lines: list[tuple[int, Json]]
    every: int = 1
    unread_bytes: int = 0

    @property
    def game(self) -> Json:
        """run.json's account of the game."""
        return mapping(self.config.get("game"))

    def logged(self, key: str) -> list[Logged]:
        """The numbers under a key of the log's lines, by step.

        A resumed run writes again the steps after its checkpoint; the last writing counts. Of more than 200 names, the
        first 200 are read: `unread` says how many others there are.
        """
        values: dict[int, Json] = {}
        known = set(self._names(key)[:NAMES])
        for step, line in self.lines:
            if key in line:
                values[step] = values.get(step, {}) | {k: v for k, v in mapping(line[key]).items() if k in known}
        return [Logged(step, {str(k): number(v) for k, v in logs.items()}) for step, logs in values.items()]

    def unread(self, key: str) -> int:
        """How many of the names under a key of the log's lines `logged` leaves out."""
        return max(0, len(self._names(key)) - NAMES)

    def _names(self, key: str) -> Sequence[str]:
        return list(dict.fromkeys(name for _, line in self.lines for name in mapping(line.get(key))))

    def json(self, name: str) -> Json:
        """A JSON file of the folder; {} where it is missing or damaged."""
        path = self.path / name
        try:
            return {} if path.is_symlink() else mapping(json.loads(read_file(path, LARGEST)))
        except (OSError, ValueError, RecursionError):
            return {}

    @property
    def rates(self) -> list[Logged]:
        """Seconds of training, steps and images a second, as the log had them."""
        names = ("seconds", "steps_per_second", "images_per_second")
        return [
            Logged(step, {name: number(line[name]) for name in names if name in line})
            for step, line in self.lines
            if "logs" in line
        ]


def read(run: Path) -> RunFiles:
    """The run folder's contents; of a log whose lines have more than 16 MiB a part.

    UserError when it is not a run folder, or one from a newer Energan.
    """
    config = read_run_json(run)
    return RunFiles(run.resolve(), config, *LogReader(LOG).lines(run / "log.jsonl"))


def without(logged: list[Logged], names: Collection[str]) -> list[Logged]:
    """The lines without these quantities; lines that have no others are left out."""
    picked = [Logged(line.step, {k: v for k, v in line.values.items() if k not in names}) for line in logged]
    return [line for line in picked if line.values]


def mapping(value: object) -> Json:
    """The value if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def sequence(value: object) -> list[object]:
    """The value if it is a JSON array, else an empty one."""
    return value if isinstance(value, list) else []


def number(value: object) -> float | None:
    """The value if it is a finite number, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return value if isfinite(value) else None
    except OverflowError:  # a whole number of 400 digits
        return None
