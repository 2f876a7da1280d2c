"""What the command line asks a run for by attributes, as numbers that its generator takes.

age=70            that value, in the units of the table of attributes
age+=10           10 more than the image would have
age=20..80        a sheet with a row for each of seven values
age=70,smiling=1  several, with commas between

All other attributes, and the noise, are those that the image would have without: of the same seed.
"""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from energan.utils.console import warn
from energan.utils.errors import UserError, printable

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from energan.inference.model import Model

VALUES = 7  # rows of a sheet from one value to another

FAR = 5.0  # standard deviations from the training images' mean; what is further is warned of


class Attribute(NamedTuple):
    """An attribute that a run can be asked for, with its mean and standard deviation in the training images."""

    name: str
    mean: float
    deviation: float


class Wish(NamedTuple):
    """One attribute: set to the values, or changed by them. More than one value: a row of the sheet for each."""

    place: int
    values: tuple[float, ...]
    added: bool


def attributes_of(record: Mapping[str, Any], folder: "Path") -> list[Attribute]:
    """The attributes that run.json names. UserError for a run without any, or a damaged one."""
    rows = record["data"].get("attributes")
    if not rows:
        raise UserError(f"{folder} draws no attributes: train conditional-faces (energan list)")
    try:
        return [Attribute(printable(str(row["name"])), float(row["mean"]), float(row["deviation"])) for row in rows]
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{folder}'s run.json is damaged: its attributes are none") from error


def wishes(text: str, known: list[Attribute], folder: "Path") -> list[Wish]:
    """What the text asks for. UserError for an unknown attribute, one that is there twice, and what is no number."""
    found: list[Wish] = []
    for part in text.split(","):
        wish = _wish(part.strip(), known, folder)
        if wish.place in {other.place for other in found}:
            raise UserError(f"`attributes` names {known[wish.place].name!r} twice")
        found.append(wish)
    if sum(len(wish.values) > 1 for wish in found) > 1:
        raise UserError("`attributes` has two ranges: a sheet has a row for each value of one attribute")
    for wish in found:
        name, mean, deviation = known[wish.place]
        centre = 0.0 if wish.added else mean
        value = max(wish.values, key=lambda value: abs(value - centre))
        if abs(value - centre) > FAR * deviation:
            added = " to add" if wish.added else ""
            warn(f"{name}: {value:g}{added} is far from the training images, {mean:.3g} ± {deviation:.3g}")
    return found


def _wish(part: str, known: list[Attribute], folder: "Path") -> Wish:
    from energan.data.attributes import index_of

    name, equals, value = part.rpartition("=")
    names = [attribute.name for attribute in known]
    added = name.endswith("+") and name not in names
    if not equals:
        raise UserError(f"`attributes` {printable(part)!r}: an attribute has a value, as {names[0]}=1")
    place = index_of(name.removesuffix("+").strip() if added else name.strip(), names, str(folder))
    first, dots, last = value.partition("..")
    ends = [_number(end, part) for end in ((first, last) if dots else (first,))]
    if len(ends) == 1:
        return Wish(place, (ends[0],), added)
    step = (ends[1] - ends[0]) / (VALUES - 1)
    return Wish(place, tuple(ends[0] + step * i for i in range(VALUES)), added)


def _number(text: str, part: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not abs(value) < 1e30:
        raise UserError(f"`attributes` {printable(part)!r}: {printable(text.strip()) or 'nothing'} is no number")
    return value


def sample_attributes(
    model: "Model",
    record: Mapping[str, Any],
    folder: "Path",
    text: str,
    n: int,
    seed: int,
    truncation: float | None = None,
) -> tuple["Tensor", int, str]:
    """n images for each row of the sheet, how many rows there are, and what they show."""
    import torch

    known = attributes_of(record, folder)
    found = wishes(text, known, folder)
    usual = model.conditions(n, seed)
    if usual.shape[1] != len(known):
        raise UserError(f"{folder}'s run.json is damaged: it names {len(known)} attributes, not {usual.shape[1]}")
    rows = max(len(wish.values) for wish in found)
    images = []
    for row in range(rows):
        c = usual.clone()
        for place, values, added in found:
            value = values[row if len(values) > 1 else 0]
            c[:, place] = c[:, place] + value if added else value
        images.append(model.sample(n, seed, conditions=c, truncation=truncation))
    swept = next((wish for wish in found if len(wish.values) > 1), None)
    note = ""
    if swept is not None:
        shown = ", ".join(f"{value:g}" for value in swept.values)
        note = f"; the rows {'add to' if swept.added else 'have'} {known[swept.place].name}: {shown}"
    return torch.cat(images), rows, note
