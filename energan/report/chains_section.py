"""A run that draws by chains: reconstructions, what the chains drew of each class, their paths, and what it cost."""

from pathlib import Path
from typing import NamedTuple

from energan.report import formatting
from energan.report.pictures import LARGEST, Picture, groups, picture
from energan.report.run_reader import Folder, Json, mapping, number, sequence


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


def has_codes(folder: Folder) -> bool:
    """Whether the run's system draws by chains."""
    return bool(_settings(folder))


def codes(folder: Folder) -> dict[str, object] | None:
    """What the section "Chains" shows; None for a run that draws otherwise."""
    if not has_codes(folder):
        return None
    layout, run = folder.chains, folder.path
    names = [formatting.plain(name) for name in sequence(layout.get("classes"))]
    steps = [number(step) for step in sequence(layout.get("steps"))]
    whole, spent = picture(run / "reconstructions.png"), _spent(folder)
    shape = [number(side) for side in sequence(mapping(folder.config.get("data")).get("shape"))]
    path = _grid(run / "path.png", names, len(steps), shape)
    meanings = mapping(mapping(folder.config.get("game")).get("chain_meanings"))
    return {
        "settings": [(k.replace("_", " "), v, meanings.get(k, "")) for k, v in _settings(folder).items()],
        "evaluated": bool(folder.evaluation),
        "held_out": "held out" in str(folder.evaluation.get("reference")),
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


def _settings(folder: Folder) -> Json:
    return mapping(mapping(folder.config.get("game")).get("codes"))


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


def _spent(folder: Folder) -> list[Spent]:
    game = mapping(folder.config.get("game"))
    players, meanings = mapping(game.get("players")), mapping(game.get("meanings"))
    return [
        Spent(name, mapping(p).get("parameters"), mapping(p).get("optimizer") != "frozen", meanings.get(name, ""))
        for name, p in players.items()
    ]


def _time(folder: Folder) -> Json:
    status = mapping(folder.config.get("status"))
    seconds, step = number(status.get("seconds")), number(status.get("step"))
    return {"seconds": seconds, "each": seconds / step if seconds is not None and step else None, "step": step}
