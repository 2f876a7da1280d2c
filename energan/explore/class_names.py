"""Classes as people name them on the command line: by name or by number, several with commas between."""

import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from energan.utils.console import warn
from energan.utils.errors import UserError, printable

NAMES = 20  # classes that a message names


def class_names(names: Sequence[str], count: int) -> tuple[str, ...]:
    """The names if there are `count` of them, else the numbers from 0 on."""
    return tuple(names) if len(names) == count else tuple(map(str, range(count)))


def listed(names: Sequence[str]) -> str:
    """The first 20 names, and how many there are if there are more."""
    more = f", ... ({len(names)} in all)" if len(names) > NAMES else ""
    return f"{', '.join(names[:NAMES])}{more}"


def parse_classes(text: str, names: tuple[str, ...]) -> list[int]:
    """The indices of classes given by name or number, with commas between; "all" for all.

    A class may be called "all", "3" or "a,b", too: the whole text is a name first, and so is each part of it. Where
    it could also be read otherwise, a warning says how it is read.

    UserError for what is no class, and for a list with commas that can be read in two ways.

    >>> parse_classes("b, 0", ("a", "b")), parse_classes("all", ("a", "b")), parse_classes("a,b", ("a,b", "c"))
    ([1, 0], [0, 1], [0])
    """
    known = _Known({_written(name): i for i, name in enumerate(names)}, {str(i): i for i in range(len(names))})
    written = _written(text)
    whole = known.names.get(written, known.names.get(written.strip()))
    if whole is not None:
        _tell(written.strip(), whole, known)
        return [whole]
    if written.strip() == "all":
        return [*range(len(names))]
    parts = written.split(",")
    readings = _readings(parts, known)
    if not readings:
        lacking = next((part for part in parts if not _single(part, known)), written).strip()
        alike = [name for name in names if name.casefold() == lacking.casefold()]
        there = f"there is {alike[0]}" if len(alike) == 1 else f"there are {listed(names)}"
        raise UserError(f"there is no class {lacking!r}; {there}")
    if len(readings) > 1:
        first, second = (" and ".join(repr(names[i]) for i in each) for each in readings)
        raise UserError(f"`class` {text} can be read as {first}, or as {second}: name the classes by number, from 0")
    for part in map(str.strip, parts):
        if part in known.names and known.names[part] in readings[0]:
            _tell(part, known.names[part], known)
    return readings[0]


class _Known(NamedTuple):
    names: dict[str, int]
    numbers: dict[str, int]


def _written(name: str) -> str:
    """The name as data sets have it: composed, and without what no terminal should get."""
    return printable(unicodedata.normalize("NFC", name))


def _single(part: str, known: _Known) -> list[int]:
    """The class of a part without commas: by name, else by number; none where it is no class."""
    found = known.names.get(part.strip(), known.numbers.get(part.strip()))
    return [] if found is None else [found]


def _readings(parts: list[str], known: _Known) -> list[list[int]]:
    """Two of the ways, at most, to read the parts as classes, of which some have commas in their names."""
    ways: list[list[list[int]]] = [[] for _ in parts] + [[[]]]
    for i in reversed(range(len(parts))):
        for j in range(i + 1, len(parts) + 1):
            name = ",".join(parts[i:j]).strip()
            found = _single(name, known) if j == i + 1 else [known.names[name]] if name in known.names else []
            ways[i] += [found + rest for rest in ways[j] if found]
        ways[i] = ways[i][:2]
    return ways[0]


def _tell(text: str, index: int, known: _Known) -> None:
    """Warns where a class's name could also be read otherwise."""
    lists = [way for way in _readings(text.split(","), known) if way != [index]]
    otherwise = ""
    if text == "all":
        otherwise = "all classes"
    elif known.numbers.get(text, index) != index:
        otherwise = f"class number {text}"
    elif lists:
        otherwise = f"the classes of numbers {', '.join(map(str, lists[0]))}"
    if otherwise:
        warn(f"{text!r} is read as the class of that name (number {index}), not as {otherwise}")
