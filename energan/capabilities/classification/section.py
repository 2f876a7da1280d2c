"""A classifier's run: its test error and how sure of that one can be, its confusions, its most uncertain images."""

from itertools import zip_longest
from math import ceil, sqrt
from pathlib import Path
from typing import NamedTuple

from energan.capabilities.capability import Section
from energan.capabilities.classification.labels_section import labels_sections
from energan.capabilities.classification.preview import ERROR, METRICS
from energan.html import charts, formatting
from energan.html.pictures import Picture, groups, picture
from energan.runs.reader import Json, RunFiles, mapping, number, sequence

COUNTED = 20  # classes up to which each cell of the confusion matrix holds its count

NAMED = 40  # classes up to which its rows and columns bear their names

LETTERS = 14  # of a class's name in the figure, at most

LETTER = 7.2  # width of one there

SIDE = 700  # of the matrix where it holds no counts

CAPTION = 22  # of the words "truth" and "prediction" beside it


class Cell(NamedTuple):
    """One entry of the confusion matrix that is not 0; `strength` is the root of its share of the row, 0 to 1."""

    x: float
    y: float
    hit: bool
    strength: float
    label: str  # its count, where there is room
    says: str


class Recall(NamedTuple):
    name: str
    share: float | None  # None for a class of which there were no images
    images: int
    mistaken: str  # the class that its images are most often taken for, and how often


class Uncertain(NamedTuple):
    tile: Picture | None
    predicted: str
    probability: str
    verdict: str  # "right", "wrong: truly 9", "no label"
    says: str


def sections(run: RunFiles) -> list[Section]:
    """The sections "Classifier" and "Labels"."""
    values = classifier(run)
    error = values["error"]
    headline = f"Its classifier’s test error is {error:.2f} %." if isinstance(error, float | int) else ""
    shown = Section("classifier", "Classifier", "classification/section.html", values, headline=headline)
    return [shown, *labels_sections(run)]


def classifier(run: RunFiles) -> dict[str, object]:
    """What the section shows."""
    evaluation = run.json("evaluation.json")
    measured = mapping(evaluation.get("classification"))
    errors = [line for line in run.logged("metrics") if ERROR in line.values]
    names = [formatting.plain(name) for name in sequence(measured.get("classes"))]
    counts = _counts(measured.get("confusion"), len(names))
    if measured:
        step, error = evaluation.get("step"), number(measured.get("error"))
    else:
        step, error = (errors[-1].step, errors[-1].values[ERROR]) if errors else (None, None)
    judged = sum(map(sum, counts)) if counts else round(number(measured.get("images")) or 0)
    wrong = judged - sum(row[i] for i, row in enumerate(counts)) if counts else round((error or 0) / 100 * judged)
    meaning = f"{METRICS[ERROR][1].capitalize()}, in %. Lower is better."
    return {
        "evaluated": bool(measured),
        "step": step,
        "error": error,
        "judged": judged,
        "wrong": wrong,
        "interval": wilson(wrong, judged) if error is not None and 0 <= wrong <= judged > 0 else None,
        "reference": evaluation.get("reference") if measured else None,
        "images": measured.get("images"),
        "chart": charts.single("Test error", ERROR, errors, meaning) if len(errors) > 1 else None,
        "matrix": _matrix(counts, names) if counts else None,
        "recalls": sorted(_recalls(counts, names), key=lambda r: 2.0 if r.share is None else r.share),
        "uncertain": _uncertain(run.path / "uncertain.png", measured),
        "sheet": picture(run.path / "uncertain.png"),
    }


def wilson(k: int, n: int) -> tuple[float, float]:
    """The 95 % interval, in %, of the rate of which k of n > 0 independent trials are a sample (Wilson 1927)."""
    from scipy.stats import binomtest

    interval = binomtest(k, n).proportion_ci(confidence_level=0.95, method="wilson")
    return 100 * float(interval.low), 100 * float(interval.high)


def _counts(value: object, classes: int) -> list[list[int]]:
    """The confusion matrix, classes x classes counts; empty where it is not one."""
    rows = [[number(v) for v in sequence(row)] for row in sequence(value)]
    whole = [[round(v) for v in row if v is not None and v >= 0] for row in rows]
    return whole if len(whole) == classes and all(len(row) == classes for row in whole) else []


def _matrix(counts: list[list[int]], names: list[str]) -> dict[str, object]:
    """The figure's geometry, in units of its viewBox."""
    k, counted, named = len(names), len(names) <= COUNTED, len(names) <= NAMED
    short = [name if len(name) <= LETTERS else name[: LETTERS - 1] + "…" for name in names]
    longest = LETTER * max(map(len, short))
    widest = max(len(f"{count:,}") for row in counts for count in row)
    wide = max(34.0, LETTER * widest + 14) if counted else SIDE / k
    high = 34.0 if counted else wide
    upright = longest > wide - 4  # then the names of columns are turned
    left, top = (CAPTION + longest + 10, CAPTION + (longest if upright else 12) + 10) if named else (CAPTION, CAPTION)
    cells = []
    for i, row in enumerate(counts):
        for j, count in enumerate(row):
            if count:
                says = f"{names[i]} taken for {names[j]}" if i != j else f"{names[i]} recognised"
                strength = round(sqrt(count / sum(row)), 3)
                place = round(left + j * wide, 2), round(top + i * high, 2)
                cells.append(Cell(*place, i == j, strength, f"{count:,}" if counted else "", f"{says}: {count:,}"))
    return {
        "left": round(left, 1), "top": round(top, 1), "wide": wide, "high": high,
        "across": round(k * wide, 1), "down": round(k * high, 1),
        "width": round(left + k * wide + 1), "height": round(top + k * high + 1),
        "counted": counted, "gap": 1 if counted else 0, "upright": upright,
        "cells": cells, "names": short if named else [],
    }  # fmt: skip


def _recalls(counts: list[list[int]], names: list[str]) -> list[Recall]:
    found = []
    for i, (row, name) in enumerate(zip(counts, names, strict=False)):
        count, j = max(((c, j) for j, c in enumerate(row) if j != i), default=(0, 0))
        mistaken = f"{names[j]} ({count:,})" if count else ""
        found.append(Recall(name, row[i] / sum(row) if sum(row) else None, sum(row), mistaken))
    return found


def _uncertain(path: Path, found: Json) -> list[Uncertain]:
    """The images of uncertain.png in words, each with its tile where the sheet can be cut."""
    entries = [mapping(entry) for entry in sequence(found.get("uncertain"))]
    tiles = groups(path, ceil(sqrt(len(entries))), 1, len(entries))
    shown = []
    for entry, tile in zip_longest(entries, tiles):
        predicted, truth, p = (
            formatting.plain(entry.get("predicted")),
            entry.get("truth"),
            number(entry.get("probability")),
        )
        probability = "–" if p is None else f"{p:.2f}"
        verdict = (
            "no label"
            if truth is None
            else "right"
            if truth == entry.get("predicted")
            else f"wrong: truly {formatting.plain(truth)}"
        )
        index = formatting.plain(entry.get("index"))
        says = f"Image {index}: taken for {predicted} with probability {probability}; {verdict}"
        shown.append(Uncertain(tile, predicted, probability, verdict, says))
    return shown
