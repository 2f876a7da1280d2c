"""Reads a run folder as far as it goes: a killed run leaves half a line, an old one lacks a file.

Only a folder that is no run at all, or one from a newer Energan, is refused; everything else that is missing or
of an unexpected type reads as absent (`{}`, `None` or an empty list).
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite
from pathlib import Path
from typing import NamedTuple

from energan.runs.record import read_run_json
from energan.utils.json_lines import read_json_lines

ERROR = "test error %"  # a classifier's metric, as training logs it

Json = dict[str, object]


class Logged(NamedTuple):
    """The numbers of one line of log.jsonl; None where a number was not finite."""

    step: int
    values: dict[str, float | None]


class Histogram(NamedTuple):
    """Counts of energies at one step: b + 1 rising edges, b counts of real and of generated images."""

    step: int
    edges: list[float]
    real: list[float]
    fake: list[float]


@dataclass(frozen=True)
class Folder:
    path: Path
    config: Json
    logs: list[Logged]  # training quantities by name, such as "D/E(x)"
    rates: list[Logged]  # "steps_per_second", "images_per_second", "seconds"
    metrics: list[Logged]  # but for ERROR
    errors: list[Logged]  # ERROR alone
    energies: list[Histogram]
    evaluation: Json
    neighbours: Json
    chains: Json  # of a system that draws by chains: how its sheets are laid out


def read(run: Path) -> Folder:
    """The run folder's contents. UserError when it is not a run folder, or one from a newer Energan."""
    config = read_run_json(run)
    lines = _lines(run / "log.jsonl")
    measured = _logged(lines, "metrics")
    return Folder(
        path=run,
        config=config,
        logs=_logged(lines, "logs"),
        rates=_rates(lines),
        metrics=_picked(measured, lambda name: name != ERROR),
        errors=_picked(measured, lambda name: name == ERROR),
        energies=_energies(lines),
        evaluation=_optional(run / "evaluation.json"),
        neighbours=_optional(run / "neighbours.json"),
        chains=_optional(run / "chains.json"),
    )


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


def _optional(path: Path) -> Json:
    try:
        return mapping(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def _lines(path: Path) -> list[tuple[int, Json]]:
    """(step, line) of every whole line that has a step, in the order of steps; of equal steps, as written."""
    return sorted(((line["step"], line) for line in read_json_lines(path)), key=lambda pair: pair[0])


def _logged(lines: list[tuple[int, Json]], key: str) -> list[Logged]:
    # By step: a resumed run writes again the steps after its checkpoint, and the last writing counts.
    values: dict[int, Json] = {}
    for step, line in lines:
        if key in line:
            values[step] = values.get(step, {}) | mapping(line[key])
    return [Logged(step, {str(k): number(v) for k, v in logs.items()}) for step, logs in values.items()]


def _picked(logged: list[Logged], wanted: Callable[[str], bool]) -> list[Logged]:
    """The lines reduced to the wanted quantities, without those that have none of them."""
    picked = [Logged(line.step, {k: v for k, v in line.values.items() if wanted(k)}) for line in logged]
    return [line for line in picked if line.values]


def _rates(lines: list[tuple[int, Json]]) -> list[Logged]:
    names = ("seconds", "steps_per_second", "images_per_second")
    return [
        Logged(step, {name: number(line[name]) for name in names if name in line})
        for step, line in lines
        if "logs" in line
    ]


def _energies(lines: list[tuple[int, Json]]) -> list[Histogram]:
    found = {}
    for step, line in lines:
        histogram = mapping(line.get("energies"))
        edges, real, fake = (_hyperparameters(histogram.get(key)) for key in ("edges", "real", "fake"))
        rising = all(a < b for a, b in pairwise(edges))
        if real and len(real) == len(fake) == len(edges) - 1 and rising:
            found[step] = Histogram(step, edges, real, fake)
    return list(found.values())


def _hyperparameters(value: object) -> list[float]:
    """The array's numbers, or none of them if one is not a finite number."""
    numbers = [number(v) for v in sequence(value)]
    return [] if None in numbers else [v for v in numbers if v is not None]
