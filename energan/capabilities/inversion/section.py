"""A run that draws by chains: reconstructions, what the chains drew of each class, their paths, and what it cost."""

from pathlib import Path
from typing import NamedTuple

from energan.capabilities.capability import Section, Sheets
from energan.capabilities.drawing.section import nearest, over_time
from energan.html import formatting
from energan.html.pictures import LARGEST, Picture, groups, picture
from energan.runs.reader import Json, RunFiles, mapping, number, sequence


class Grid(NamedTuple):
    """A sheet whose rows are classes; without names where it is not made so, and then `columns` is 0."""

    whole: Picture
    names: list[str]
    columns: int


class Spent(NamedTuple):
    """A player's part of the cost."""

    name: str
    parameters: object
    learns: bool
    meaning: object


RECONSTRUCTIONS = Sheets(
    plural="Reconstructions",
    last="Reconstructions",
    what=": what the generator makes of the codes of the real images, place by place,",
    frame="Reconstructions at the chosen step",
    over_time="What the generator made of the codes of the same training images at every step: those of the sheet of "
    "real images, place by place.",
)


def sections(run: RunFiles) -> list[Section]:
    """The sections "Codes", "Over time" and "Neighbours"."""
    shown = Section("codes", "Codes", "inversion/section.html", chains(run))
    return [shown, over_time(run, RECONSTRUCTIONS), nearest(run, "an image that a chain drew")]


def chains(folder: RunFiles) -> dict[str, object]:
    """What the section "Codes" shows."""
    evaluation = folder.json("evaluation.json")
    layout, run = folder.json("chains.json"), folder.path
    names = [formatting.plain(name) for name in sequence(layout.get("classes"))]
    steps = [number(step) for step in sequence(layout.get("steps"))]
    whole, spent = picture(run / "reconstructions.png"), _spent(folder)
    shape = [number(side) for side in sequence(mapping(folder.config.get("data")).get("shape"))]
    path = _grid(run / "path.png", names, len(steps), shape)
    meanings = mapping(folder.game.get("chain_meanings"))
    return {
        "settings": [(k.replace("_", " "), v, meanings.get(k, "")) for k, v in _settings(folder).items()],
        "evaluated": bool(evaluation),
        "held_out": "held out" in str(evaluation.get("reference")),
        "whole": whole,
        "pairs": _pairs(run / "reconstructions.png", layout),
        "classes": _grid(run / "classes.png", names, _whole(layout.get("each")), shape),
        "path": path,
        "steps": steps,
        "player": _player(path, steps) if path else None,
        "spent": spent,
        "learning": sum(number(player.parameters) or 0 for player in spent if player.learns),
        **_time(folder),
    }


def _settings(folder: RunFiles) -> Json:
    return mapping(folder.game.get("codes"))


def _whole(value: object) -> int:
    return int(number(value) or 0)


def _pairs(path: Path, layout: Json) -> list[Picture]:
    """An image and its reconstruction each; none where the sheet cannot be cut, or is too large for it."""
    if not path.is_file() or path.stat().st_size > LARGEST:
        return []
    return groups(path, _whole(layout.get("columns")), 2, _whole(layout.get("pairs")))


def _grid(path: Path, names: list[str], columns: int, shape: list[float | None]) -> Grid | None:
    """The sheet of images of `shape`, channels, height and width, 1 pixel apart."""
    whole = picture(path)
    if whole is None:
        return None
    rows, across = (whole.height + 1) / max(1, len(names)) - 1, (whole.width + 1) / max(1, columns) - 1
    return Grid(whole, names, columns) if names and shape[1:] == [rows, across] else Grid(whole, [], 0)


def _player(path: Grid, steps: list[float | None]) -> dict[str, object] | None:
    """What page.js needs to show one step of all paths; None where there is nothing to play."""
    if not path.names or len(steps) < 2 or None in steps:
        return None
    return {"steps": steps, "rows": len(path.names), "width": path.whole.width, "height": path.whole.height}


def _spent(folder: RunFiles) -> list[Spent]:
    game = folder.game
    players, meanings = mapping(game.get("players")), mapping(game.get("meanings"))
    return [
        Spent(name, mapping(p).get("parameters"), mapping(p).get("optimizer") != "frozen", meanings.get(name, ""))
        for name, p in players.items()
    ]


def _time(folder: RunFiles) -> Json:
    status = mapping(folder.config.get("status"))
    seconds, step = number(status.get("seconds")), number(status.get("step"))
    return {"seconds": seconds, "each": seconds / step if seconds is not None and step else None, "step": step}
