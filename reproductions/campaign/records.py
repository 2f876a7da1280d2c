"""The results of the campaign: results/ENTRY/looks.jsonl, a line a look; lines of several machines merge by seed.

A line:  entry  step  steps  axis  seeds  values (name -> one number for each seed)  logs (of the last step, likewise)
         settings  open (what the paper leaves open)  run (the training that it is of)  seconds (of training alone)
         costs (the longest that a start, a look, a save and a burst of steps took)
         graphs (how many CUDA graphs steps are replayed from)  machine
"""

import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from shutil import copyfile
from typing import Any, NamedTuple

from energan.runs.log import json_lines
from energan.utils.errors import UserError
from energan.utils.files import write
from reproductions.campaign.entry import Entry

LOOKS = "looks.jsonl"

OF_MACHINES = ("precision", "products")  # settings that are another GPU's or processor's, for the same entry

Line = dict[str, Any]


class Run(NamedTuple):
    """The looks of one seed of an entry in one training, by step."""

    seed: int
    lines: list[Line]

    @property
    def last(self) -> Line:
        return self.lines[-1]

    def value(self, name: str, line: Line | None = None) -> float:
        """A value of a look, the last by default; NaN where it was not finite."""
        line = line or self.last
        at = line["seeds"].index(self.seed)
        number = {**line["logs"], **line["values"]}.get(name, [None] * (at + 1))[at]
        return math.nan if number is None else float(number)


def read(results: Path, entry: str) -> list[Line]:
    """The lines of an entry; none where it has no folder. Lines that are no looks (an edited file's) are left out."""
    return [line for line in json_lines(results / entry / LOOKS) if line.get("entry") == entry and _is_look(line)]


def _is_look(line: Line) -> bool:
    """Whether all that is read of a line is there, and a number for each of its seeds."""
    steps, seeds = line.get("steps"), line.get("seeds")
    return (
        _is_count(steps)
        and isinstance(seeds, list)
        and len(seeds) > 0
        and all(map(_is_count, seeds))
        and len(set(seeds)) == len(seeds)
        and isinstance(line.get("run"), str)
        and all(isinstance(line.get(part), dict) for part in ("values", "logs", "settings", "costs", "machine"))
        and all(_is_of(seeds, numbers) for part in ("values", "logs") for numbers in line[part].values())
        and all(_is_number(seconds) for seconds in (line.get("seconds"), *line["costs"].values()))
    )


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def _is_of(seeds: Sequence[int], numbers: Any) -> bool:
    """Whether there is a number, or None, for each seed."""
    return isinstance(numbers, list) and len(numbers) == len(seeds) and all(n is None or _is_number(n) for n in numbers)


def known(results: Path, entry: Entry) -> list[Line]:
    """The lines of an entry. UserError where they are of another length or of other settings.

    What the machine chose is not compared: results of a GPU are told at home, on processors.
    """
    lines = read(results, entry.name)
    refuse_others(lines, entry.settings, entry.steps, results, but=OF_MACHINES)
    return lines


def put(results: Path, entry: str, run: str, lines: Sequence[Line]) -> None:
    """Writes the lines of a run in place of those that it had."""
    _write(results, entry, [*(line for line in read(results, entry) if line["run"] != run), *lines])


def _write(results: Path, entry: str, lines: Iterable[Line]) -> None:
    text = "".join(json.dumps(finite(line), allow_nan=False) + "\n" for line in lines)
    write(results / entry / LOOKS, lambda p: p.write_text(text))


def finite(value: Any) -> Any:
    """The value, with None for numbers that are not finite, which JSON lacks."""
    if isinstance(value, Mapping):
        return {k: finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def furthest(lines: Iterable[Line]) -> dict[int, Run]:
    """seed -> its run that got furthest: each seed counts once, whoever trained it how often."""
    runs: dict[tuple[int, str], dict[int, Line]] = {}
    for line in lines:
        for seed in line["seeds"]:
            runs.setdefault((seed, line["run"]), {})[line["step"]] = line
    chosen: dict[int, Run] = {}
    for (seed, _), looks in sorted(runs.items()):
        run = Run(seed, [looks[step] for step in sorted(looks)])
        if seed not in chosen or run.last["step"] > chosen[seed].last["step"]:
            chosen[seed] = run
    return chosen


def finished(results: Path, entry: Entry) -> set[int]:
    """The seeds of an entry that were played to its end. UserError where its results are of other settings."""
    runs = furthest(known(results, entry))
    return {seed for seed, run in runs.items() if run.last["step"] >= run.last["steps"]}


def refuse_others(
    lines: Iterable[Line], settings: Mapping[str, Any], steps: int, place: Path, but: Sequence[str] = ()
) -> None:
    """UserError for lines of other settings than these, `but` for some."""
    mine = {**json.loads(json.dumps(settings)), "steps": steps}
    for line in lines:
        theirs = {**line["settings"], "steps": line["steps"]}
        for name in sorted((mine.keys() | theirs.keys()).difference(but)):
            if mine.get(name) != theirs.get(name):
                raise UserError(
                    f"{place} has results of {line['entry']} with {name} {theirs.get(name)}, where it is "
                    f"{mine.get(name)} here: keep results of different settings in different folders"
                )


def merge(results: Path, folders: Sequence[Path]) -> list[str]:
    """Brings the results of other folders into `results`. Returns a line for each entry, of what there is now.

    A seed that is in several of them counts once: the run that got furthest. UserError, and nothing is written, where
    the settings of an entry differ.
    """
    places = [folder / "results" if (folder / "results").is_dir() else folder for folder in folders]
    for place, folder in zip(places, folders, strict=True):
        if not list(place.glob(f"*/{LOOKS}")):
            raise UserError(f"{folder} has no results of a campaign")
    names = sorted({path.parent.name for place in (results, *places) for path in place.glob(f"*/{LOOKS}")})
    read_from = {name: [(place, read(place, name)) for place in (results, *places)] for name in names}
    for parts in read_from.values():
        first = next((line for _, lines in parts for line in lines), None)
        for place, lines in parts:
            if first:
                refuse_others(lines, first["settings"], first["steps"], place)
    told = []
    for name, parts in read_from.items():
        lines = [line for _, lines in parts for line in lines]
        kept = furthest(lines)
        counted: dict[tuple[str, int], Line] = {}  # by run and step, with the seeds that count
        for line in lines:
            key = line["run"], line["step"]
            seeds = [s for s in line["seeds"] if s in kept and kept[s].last["run"] == line["run"]]
            if seeds:
                counted[key] = _joined(_of(line, seeds), counted.get(key))
        _write(results, name, [counted[key] for key in sorted(counted)])
        for picture in (path for place, _ in parts for path in (place / name).glob("*.png")):
            if picture.parent != results / name and any(run in picture.stem for run, _ in counted):
                write(results / name / picture.name, partial(copyfile, picture))
        ended = sum(run.last["step"] >= run.last["steps"] for run in kept.values())
        axis = next((str(run.last.get("axis", "seed")) for run in kept.values()), "seed")
        told.append(f"{name}: {len(kept)} {axis}s, {ended} of them to the end")
    return told


def _of(line: Line, seeds: Sequence[int]) -> Line:
    """The line with these of its seeds alone."""
    at = [line["seeds"].index(seed) for seed in seeds]
    parts = {part: {k: [v[i] for i in at] for k, v in line[part].items()} for part in ("values", "logs")}
    return {**line, "seeds": list(seeds), **parts}


def _joined(line: Line, other: Line | None) -> Line:
    """One line of both lines' seeds, which are of one run and step, in ascending order."""
    more = [] if other is None else [seed for seed in other["seeds"] if seed not in line["seeds"]]
    if other is None or not more:
        return line
    rest = _of(other, more)
    parts = {part: {k: [*v, *rest[part][k]] for k, v in line[part].items()} for part in ("values", "logs")}
    both = {**line, "seeds": [*line["seeds"], *more], **parts}
    return _of(both, sorted(both["seeds"]))
