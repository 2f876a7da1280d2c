"""The section "What it has learned": what probes left in the run's folder, one after another, and none by name."""

from typing import NamedTuple

from energan.capabilities.capability import Section
from energan.html.formatting import plain
from energan.html.pictures import Picture, picture
from energan.runs.probes import FOLDER
from energan.runs.reader import Json, RunFiles, mapping, sequence

MOST = 20  # findings that are shown
NUMBERS = 40  # of one of them
LETTERS = 1000  # of a sentence
BYTES = 60_000  # of a picture

ORDER = ("walk", "arithmetic", "traverse", "project", "neighbours", "forget", "probe")  # others follow


class Found(NamedTuple):
    """What one probe found. numbers: (name, value, what it is)."""

    title: str
    says: str
    step: object
    numbers: list[tuple[str, object, str]]
    shown: str
    picture: Picture | None


def learned(run: RunFiles) -> list[Section]:
    """The section, where a probe found anything."""
    found = [each for name in _names(run) if (each := _found(run, name)) is not None]
    return [Section("learned", "What it has learned", "learned/section.html", found, late=True)] if found else []


def _names(run: RunFiles) -> list[str]:
    """The names of the findings that are there."""
    folder = run.path / FOLDER
    if folder.is_symlink() or not folder.is_dir():
        return []
    names = sorted(path.stem for path in folder.glob("*.json"))
    place = {name: i for i, name in enumerate(ORDER)}
    return sorted(names, key=lambda name: place.get(name, len(ORDER)))[:MOST]


def _found(run: RunFiles, name: str) -> Found | None:
    found = run.json(f"{FOLDER}/{name}.json")
    if not found.get("says"):
        return None
    return Found(
        title=_text(found.get("title") or name),
        says=_text(found["says"]),
        step=found.get("step"),
        numbers=[_number(mapping(each)) for each in sequence(found.get("numbers"))[:NUMBERS]],
        shown=_text(found.get("picture") or ""),
        picture=picture(run.path / FOLDER / f"{name}.png", BYTES),
    )


def _number(each: Json) -> tuple[str, object, str]:
    value = each.get("value")
    return _text(each.get("name")), _text(value) if isinstance(value, str) else value, _text(each.get("says") or "")


def _text(value: object) -> str:
    return plain(value)[:LETTERS]
