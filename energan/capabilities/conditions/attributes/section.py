"""A run that draws images for attributes: a row for each, with what was drawn, and whether it is seen."""

from typing import NamedTuple

from energan.capabilities.capability import Section
from energan.capabilities.conditions.attributes.measure import SEEN
from energan.html import formatting
from energan.html.pictures import Picture, groups, picture
from energan.runs.reader import RunFiles, mapping, number, sequence


class Row(NamedTuple):
    """One attribute; None where something was not measured."""

    name: str
    seen: float | None
    of_real: float | None
    real: float | None


def sections(run: RunFiles) -> list[Section]:
    """The section "Attributes"."""
    values = attributes(run)
    seen, headline = values["seen"], ""
    if isinstance(seen, float | int):
        headline = f"What was asked of an attribute is seen with a balanced accuracy of {100 * seen:.1f} %."
    return [Section("attributes", "Attributes", "conditions/attributes/section.html", values, headline=headline)]


def attributes(run: RunFiles) -> dict[str, object]:
    """What the section shows."""
    evaluation = run.json("evaluation.json")
    measured, metrics = mapping(evaluation.get("conditions")), mapping(evaluation.get("metrics"))
    entries = [mapping(entry) for entry in sequence(measured.get("attributes"))]
    rows = [
        Row(formatting.plain(e.get("name")), number(e.get("seen")), number(e.get("of_real")), number(e.get("real")))
        for e in entries
    ]
    names = [formatting.plain(name) for name in sequence(measured.get("rows"))]
    columns, sheet = int(number(measured.get("columns")) or 0), run.path / "asked.png"
    strips = groups(sheet, columns, columns, len(names)) if names else []
    pairs: list[tuple[str, Picture]] = list(zip(names, strips, strict=False))
    return {
        "seen": number(metrics.get(SEEN)),
        "of_real": number(metrics.get(f"{SEEN}, of real")),
        "step": number(evaluation.get("step")),
        "taught": number(measured.get("taught")),
        "where": formatting.plain(measured.get("where")) if measured.get("where") else "",
        "network": formatting.plain(measured.get("network")) if measured.get("network") else "",
        "rows": rows,
        "strips": pairs,
        "whole": None if pairs else picture(sheet),
        "others": [formatting.plain(name) for name in sequence(measured.get("others"))],
    }
