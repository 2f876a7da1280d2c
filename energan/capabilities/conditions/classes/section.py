"""A run that draws classes: a row for each class, with what was drawn, how much of it is seen as asked, how varied."""

from pathlib import Path
from typing import NamedTuple

from energan.capabilities.capability import Section
from energan.capabilities.conditions.classes.preview import SEEN
from energan.html import formatting
from energan.html.pictures import Picture, groups, picture
from energan.runs.reader import Json, RunFiles, mapping, number, sequence

RELIABLE = 0.8  # a judge that recognises less of the real images is said to say little


class Row(NamedTuple):
    """One class; None where something was not measured."""

    name: str
    strip: Picture | None
    samples: float | None
    seen: float | None
    taken_for: str
    distance: float | None
    diversity: float | None
    real: float | None


def sections(run: RunFiles) -> list[Section]:
    """The section "Classes"."""
    values = classes(run)
    seen, headline = values["seen"], ""
    if isinstance(seen, float | int):
        headline = f"Of its samples, {100 * seen:.1f} % show the class asked for."
    return [Section("classes", "Classes", "conditions/classes/section.html", values, headline=headline)]


def classes(run: RunFiles) -> dict[str, object]:
    """What the section shows."""
    evaluation = run.json("evaluation.json")
    measured, metrics = mapping(evaluation.get("conditions")), mapping(evaluation.get("metrics"))
    judge, reading = mapping(measured.get("judge")), mapping(measured.get("reading"))
    curve = [line for line in run.logged("metrics") if SEEN in line.values]
    if evaluation:
        step, seen = evaluation.get("step"), number(metrics.get(SEEN))
    else:
        step, seen = (curve[-1].step, curve[-1].values[SEEN]) if curve else (None, None)
    accuracy = number(judge.get("accuracy"))
    rows, whole = _rows(run.path / "asked.png", measured), picture(run.path / "asked.png")
    return {
        "evaluated": bool(measured),
        "step": step,
        "seen": seen,
        "judge": judge,
        "accuracy": accuracy,
        "little": accuracy is not None and accuracy < RELIABLE,
        "rows": rows,
        "whole": None if any(row.strip for row in rows) else whole,
        "columns": number(measured.get("columns")),
        "distance": formatting.plain(measured.get("distance")) if measured.get("distance") else "",
        "least": number(measured.get("least")),
        "unmeasured": (number(measured.get("of")) or 0) - len(sequence(measured.get("classes"))),
        "reading": reading if number(reading.get("error")) is not None else None,
        "varied": number(metrics.get("diversity in a class, of real")),
    }


def _rows(path: Path, measured: Json) -> list[Row]:
    """The classes that were measured, and those that the sheet shows; the sheet's first."""
    names = [formatting.plain(name) for name in sequence(measured.get("rows"))]
    columns = int(number(measured.get("columns")) or 0)
    strips = groups(path, columns, columns, len(names)) if names else []
    of = dict(zip(names, strips, strict=False))
    entries = [mapping(entry) for entry in sequence(measured.get("classes"))]
    known = [_row(entry, of) for entry in entries] or [_row({"name": name}, of) for name in names]
    return sorted(known, key=lambda row: row.strip is None)


def _row(entry: Json, strips: dict[str, Picture]) -> Row:
    name, taken_for = formatting.plain(entry.get("name")), entry.get("taken_for")
    samples, seen, distance, diversity, real = (
        number(entry.get(key)) for key in ("samples", "seen", "distance", "diversity", "real")
    )
    wrong = "" if taken_for is None else formatting.plain(taken_for)
    return Row(name, strips.get(name), samples, seen, wrong, distance, diversity, real)
