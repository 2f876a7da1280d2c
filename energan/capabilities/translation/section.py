"""The report of a system that makes pictures of pictures: input, output and truth, with a slider between two."""

from typing import NamedTuple

from energan.capabilities.capability import Section, Sheets
from energan.capabilities.drawing.section import over_time
from energan.html.formatting import plain
from energan.html.pictures import Picture, groups, picture
from energan.runs.reader import RunFiles, mapping, number, sequence

SHEETS = Sheets(
    plural="Held-out pictures",
    last="Made of held-out pictures",
    what="",
    frame="Held-out pictures, what becomes of them, and what they should become, at the chosen step",
    over_time="The same held-out pictures at every step; each is followed by what becomes of it.",
)

MOST = 12  # pictures with a slider


class Shown(NamedTuple):
    """A picture, what was made of it, and the others of its row: what comes back, the truth."""

    before: Picture
    after: Picture
    others: list[Picture]


def sections(run: RunFiles) -> list[Section]:
    """The sections "Pictures of pictures" and "Over time"."""
    told = mapping(run.json("evaluation.json").get("translation"))
    said = [plain(each) for each in sequence(told.get("verdicts"))]
    values = {
        "evaluated": bool(told),
        "step": run.json("evaluation.json").get("step"),
        "where": plain(told.get("where")),
        "paired": told.get("paired") is True,
        "hidden": told.get("paired") is True and told.get("trained with pairs") is False,
        "inputs": [
            (plain(way), share)
            for way, each in mapping(told.get("found of inputs %")).items()
            if (share := number(each)) is not None
        ],
        "images": number(told.get("images")),
        "verdicts": said,
        "shown": _shown(run),
        "whole": picture(run.path / "translations.png"),
    }
    headline = " ".join(said)
    return [
        Section("translation", "Pictures of pictures", "translation/section.html", values, headline=headline),
        over_time(run, SHEETS),
    ]


def _shown(run: RunFiles) -> list[Shown]:
    """The pictures of translations.png; none where it cannot be cut."""
    layout = run.json("translation.json")
    each, columns, count = (int(number(layout.get(name)) or 0) for name in ("each", "columns", "count"))
    if not 2 <= each <= 4 or columns != 2 * each or count <= 0:
        return []
    cut = groups(run.path / "translations.png", columns, 1, count)
    rows = [cut[i : i + each] for i in range(0, len(cut) - each + 1, each)]
    return [Shown(row[0], row[1], row[2:]) for row in rows[:MOST]]
