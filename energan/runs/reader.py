"""Reads a run folder as far as it goes: a killed run leaves half a line, an old one lacks a file.

Only a folder that is no run at all, or one from a newer Energan, is refused; everything else that is missing or
of an unexpected type reads as absent (`{}`, `None` or an empty list).
"""

import json
from collections.abc import Collection
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import NamedTuple

from energan.runs.record import read_run_json
from energan.utils.files import read_json_lines

Json = dict[str, object]


class Logged(NamedTuple):
    """The numbers of one line of log.jsonl; None where a number was not finite."""

    step: int
    values: dict[str, float | None]


@dataclass(frozen=True)
class RunFiles:
    """What a run folder holds. `path` is the folder, `config` its run.json, `lines` (step, line) of its log.jsonl."""

    path: Path
    config: Json
    lines: list[tuple[int, Json]]

    @property
    def game(self) -> Json:
        """run.json's account of the game."""
        return mapping(self.config.get("game"))

    def logged(self, key: str) -> list[Logged]:
        """The numbers under a key of the log's lines, by step.

        A resumed run writes again the steps after its checkpoint; the last writing counts.
        """
        values: dict[int, Json] = {}
        for step, line in self.lines:
            if key in line:
                values[step] = values.get(step, {}) | mapping(line[key])
        return [Logged(step, {str(k): number(v) for k, v in logs.items()}) for step, logs in values.items()]

    def json(self, name: str) -> Json:
        """A JSON file of the folder; {} where it is missing or damaged."""
        try:
            return mapping(json.loads((self.path / name).read_text(encoding="utf-8")))
        except (OSError, ValueError):
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
    """The run folder's contents. UserError when it is not a run folder, or one from a newer Energan."""
    return RunFiles(run, read_run_json(run), _lines(run / "log.jsonl"))


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
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        return None
    return value


def _lines(path: Path) -> list[tuple[int, Json]]:
    """(step, line) of every whole line that has a step, in the order of steps; of equal steps, as written."""
    return sorted(((line["step"], line) for line in read_json_lines(path)), key=lambda pair: pair[0])
