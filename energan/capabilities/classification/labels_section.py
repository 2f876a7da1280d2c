"""What the report says of labels: which images to label next, which labels may be wrong, whether sureness is earned."""

from itertools import zip_longest
from math import ceil, sqrt
from typing import NamedTuple

from energan.capabilities.capability import Section
from energan.capabilities.classification import label_next, suspected_labels
from energan.capabilities.classification.calibration import said
from energan.html import formatting
from energan.html.pictures import Picture, groups
from energan.runs.reader import Json, RunFiles, mapping, number, sequence


class ToLabel(NamedTuple):
    tile: Picture | None
    file: str
    predicted: str
    probability: str
    reason: str


class Suspected(NamedTuple):
    file: str
    label: str
    likelier: str
    probabilities: str


def labels_sections(run: RunFiles) -> list[Section]:
    """The section "Labels", where a classifier was measured."""
    measured = mapping(run.json("evaluation.json").get("classification"))
    if not measured:
        return []
    calibration, test = mapping(measured.get("calibration")), ""
    before, after = (number(calibration.get(f"test_ece_{when}")) for when in ("before", "after"))
    if before is not None:
        then = "" if after is None else f" before calibration, {100 * after:.1f} % after"
        test = f"On the test images the calibration error is {100 * before:.1f} %{then}."
    values = {
        "calibration": said(calibration),
        "test": test,
        "next": _to_label(run, measured),
        "rows": label_next.ROWS,
        "suspected": [_suspected(mapping(row)) for row in sequence(measured.get("suspected"))],
        "said": formatting.plain(measured.get("suspected_said") or ""),
        "parts": suspected_labels.PARTS,
    }
    return [Section("labels", "Labels", "classification/labels.html", values)]


def _to_label(run: RunFiles, measured: Json) -> list[ToLabel]:
    rows, path = [mapping(row) for row in sequence(measured.get("label_next"))], run.path / label_next.SHEET
    tiles = groups(path, ceil(sqrt(len(rows))), 1, len(rows)) if rows else []
    shown = []
    for row, tile in zip_longest(rows, tiles[: len(rows)]):
        file, predicted, reason = (formatting.plain(row.get(name)) for name in ("file", "predicted", "reason"))
        shown.append(ToLabel(tile, file, predicted, _probability(row.get("probability")), reason))
    return shown


def _suspected(row: Json) -> Suspected:
    file, label, likelier = (formatting.plain(row.get(name)) for name in ("file", "label", "likelier"))
    both = f"{_probability(row.get('probability'))} against {_probability(row.get('its_probability'))}"
    return Suspected(file, label, likelier, both)


def _probability(value: object) -> str:
    return "–" if (p := number(value)) is None else f"{p:.2f}"
