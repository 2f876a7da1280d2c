"""Classes out of labels as files and arrays have them: integers, whole floats, text, bytes or truth values.

[7, None, 3.0, nan, -1]   labels 1, -1, 0, -1, -1 of the classes ("3", "7")
"""

import hashlib
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch

from energan.data.image_set import NONE, ImageSet
from energan.utils.console import warn
from energan.utils.errors import UserError

NO_CLASS = frozenset({"", str(NONE), f"{NONE}.0", "nan"})  # text that is no class, in any case


def class_order(names: Iterable[str]) -> tuple[str, ...]:
    """The distinct names in their order: by value where all are integers (9 before 10), else as text.

    Example:
        >>> class_order(["10", "9", "10"]), class_order(["10", "9", "cat"])
        (('9', '10'), ('10', '9', 'cat'))
    """
    distinct = set(names)
    whole = all(name.isascii() and name.isdecimal() for name in distinct)
    return tuple(sorted(distinct, key=_by_value)) if whole else tuple(sorted(distinct))


def _by_value(name: str) -> tuple[int, str, str]:
    """The order of a number's digits: Python makes no integer of more than 4,300."""
    digits = name.lstrip("0")
    return len(digits), digits, name


def plain_label(value: Any) -> Any:
    """A label as an integer, a truth value or composed text; -1 (NONE) for null, NaN and text that says so.

    What is no label (a fraction, a list) is returned as it is. ValueError for bytes that are no text.
    """
    if isinstance(value, np.generic | np.ndarray):
        value = value.item() if value.size == 1 else value.tolist()  # MedMNIST's labels are arrays of one number
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return NONE
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, bytes):
        value = value.decode()
    if isinstance(value, str):
        text = unicodedata.normalize("NFC", value)
        return NONE if text.casefold() in NO_CLASS else text
    return value


def classes_of(values: Sequence[Any], names: Sequence[str], where: str) -> tuple[list[int], tuple[str, ...]]:
    """Labels 0..k-1, or -1 for none, and the names of the k classes; neither if no image has a class.

    `names` are those of the integers, where the source has them. Without, integers and text are numbered in their
    order: 3, 5, 7 become classes 0, 1, 2 called so. Values that are no classes (fractions, negative numbers, lists)
    give neither, with a warning. UserError for text beside numbers, and for bytes that are no text.
    """
    try:
        plain = [plain_label(value) for value in values]
    except ValueError as error:
        raise UserError(f"{where} has labels of bytes that are no UTF-8 text: {error}") from error
    known = [value for value in plain if value != NONE]
    if not known:
        return [], ()
    kinds = {type(value) for value in known}
    if str in kinds and kinds & {int, bool}:
        text = next(value for value in known if isinstance(value, str))
        number = next(value for value in known if not isinstance(value, str))
        raise UserError(f"{where} has labels of two kinds, {number!r} and {text!r}: make them all numbers or all text")
    strange = [value for value in known if not isinstance(value, int | str) or (isinstance(value, int) and value < 0)]
    if strange:
        warn(f"the labels of {where} are left out: {str(strange[0])[:40]} is no class (a whole number from 0, or text)")
        return [], ()
    if names and kinds == {int} and max(known) < len(names):
        return plain, tuple(names)
    distinct: Sequence[Any] = class_order(known) if kinds == {str} else sorted(set(known))
    number_of = {value: index for index, value in enumerate(distinct)}
    return [NONE if value == NONE else number_of[value] for value in plain], tuple(map(str, distinct))


def numbered_as(
    wanted: tuple[str, ...], labels: list[int], classes: tuple[str, ...]
) -> tuple[list[int], tuple[str, ...]]:
    """The labels numbered as the classes `wanted`, if these have all of `classes`; else as they are.

    Example:
        >>> numbered_as(("a", "b", "c"), [0, -1, 1], ("b", "c"))
        ([1, -1, 2], ('a', 'b', 'c'))
    """
    if not labels or not set(classes) <= set(wanted):
        return labels, classes
    number = [*(wanted.index(name) for name in classes), NONE]  # -1 stays so
    return [number[label] for label in labels], wanted


def joined(parts: Sequence[ImageSet]) -> ImageSet:
    """The images of several sets, in their order, with the classes of all: `labels` is None where none has any.

    UserError for images of different sizes, channels or ranges of values, and where only some have captions or targets.
    """
    if len(parts) == 1:
        return parts[0]
    if len({part.images.shape[1:] for part in parts}) > 1:
        shapes = " and ".join(sorted({" x ".join(map(str, part.images.shape[1:])) for part in parts}))
        raise UserError(f"the images of {parts[0].name} have different shapes ({shapes}): choose `size` and `channels`")
    if len({part.value_range for part in parts}) > 1:
        raise UserError(
            f"the parts of {parts[0].name} have values of different ranges: give `value_range`, what is black and white"
        )
    if len({bool(part.captions) for part in parts}) > 1:
        raise UserError(f"some parts of {parts[0].name} have captions and others have none: name one of them")
    targets = [part.targets for part in parts if part.targets is not None]
    if len(targets) not in (0, len(parts)) or len({y.shape[1:] for y in targets}) > 1:
        raise UserError(f"the parts of {parts[0].name} are to become pictures of different shapes: name one of them")
    first = next((part.classes for part in parts if part.classes), ())
    same = all(set(part.classes) <= set(first) for part in parts)
    classes = first if same else class_order(name for part in parts for name in part.classes)
    return parts[0]._replace(
        images=torch.cat([part.images for part in parts]),
        labels=torch.cat([_renumbered(part, classes) for part in parts]) if classes else None,
        classes=classes,
        source=" and ".join(part.source for part in parts),
        sha256=hashlib.sha256("".join(part.sha256 for part in parts).encode()).hexdigest(),
        skipped=tuple(text for part in parts for text in part.skipped),
        files=tuple(file for part in parts for file in part.files),
        captions=tuple(said for part in parts for said in part.captions),
        targets=torch.cat(targets) if targets else None,
        place=" and ".join(part.place for part in parts),
    )


def _renumbered(part: ImageSet, classes: Sequence[str]) -> torch.Tensor:
    """The labels of a set, by its classes' places among `classes`."""
    if part.labels is None:
        return torch.full((len(part.images),), NONE)
    return torch.tensor([*(classes.index(name) for name in part.classes), NONE])[part.labels]  # -1 stays so
