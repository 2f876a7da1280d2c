"""A run that draws what sentences say: a strip for each sentence, whether D reads them, and which words are obeyed."""

from typing import NamedTuple

from energan.capabilities.capability import Section
from energan.capabilities.conditions.text.measure import METRICS, shares
from energan.data.named.captioned.wording import FACTS
from energan.html import formatting
from energan.html.pictures import Picture, groups, picture
from energan.runs.reader import RunFiles, mapping, number, sequence

SAID = {"test": "sentences of held-out images", "zero-shot": "words never seen together", "real": "real images"}


class Row(NamedTuple):
    """A sentence, and what was drawn of it."""

    sentence: str
    strip: Picture | None


class Share(NamedTuple):
    """A metric of the whole, as a figure with its meaning."""

    name: str
    better: str
    value: str
    says: str


class Obeyed(NamedTuple):
    """A row of the table of words: a share, or None, for each fact, and for all of a sentence at once."""

    name: str
    shares: list[float | None]


def sections(run: RunFiles) -> list[Section]:
    """The section "Words"."""
    values = words(run)
    obeyed, headline = values["obeyed"], ""
    if isinstance(obeyed, float):
        headline = f"Of the words asked for, {100 * obeyed:.1f} % are true of its samples."
    return [Section("words", "Words", "conditions/text/section.html", values, headline=headline)]


def words(run: RunFiles) -> dict[str, object]:
    """What the section shows."""
    evaluation = run.json("evaluation.json")
    measured, metrics = mapping(evaluation.get("conditions")), mapping(evaluation.get("metrics"))
    names = [formatting.plain(name) for name in sequence(measured.get("rows"))]
    columns = int(number(measured.get("columns")) or 0)
    strips = groups(run.path / "asked.png", columns, columns, len(names)) if names and columns > 0 else []
    known = {name: number(metrics.get(name)) for name in METRICS}
    obeyed = [(SAID.get(name, ""), of) for name, of in shares(measured)]
    return {
        "evaluated": bool(measured),
        "step": evaluation.get("step"),
        "where": formatting.plain(measured.get("where")) if measured.get("where") else "",
        "obeyed": known["words obeyed"],
        "figures": [
            Share(name, METRICS[name][0], f"{value:.3f}", METRICS[name][1])
            for name, value in known.items()
            if value is not None
        ],
        "rows": [Row(name, strip) for name, strip in zip(names, strips, strict=False)],
        "whole": None if strips else picture(run.path / "asked.png"),
        "columns": columns,
        "facts": [*FACTS, "all"],
        "words": [Obeyed(said, [number(of.get(fact)) for fact in (*FACTS, "all")]) for said, of in obeyed if said],
    }
