"""Keeps some of a set's classes, without copying files: by name, or a range of names in the classes' order.

("3", "7")                   two classes of mnist
("n02085620..n02113978",)    ImageNet's 118 breeds of dogs; the number of a synset is enough
"""

import difflib
import hashlib
import re
from collections.abc import Iterator, Sequence

import torch

from energan.data.decoding.listing import Files, Item, stamp
from energan.data.image_set import ImageSet, rows_of
from energan.data.splits.words import normal
from energan.utils.errors import UserError

SYNSET = re.compile(r"n\d{8}\b")  # at a class name's start: "n02085620 Chihuahua"


def only_files(files: Files, only: Sequence[str]) -> Files:
    """The files of the classes that `only` names; others are not opened. UserError as `class_indices`."""
    kept = {old: new for new, old in enumerate(class_indices(files.classes, only, files.words))}

    def items() -> Iterator[Item]:
        return (item._replace(label=kept[item.label]) for item in files.items() if item.label in kept)

    classes = tuple(files.classes[i] for i in kept)
    total = sum(1 for _ in items())
    if not total:
        raise UserError(f"{files.words} has no image of {', '.join(only)}")
    return files._replace(stamp=stamp(files.stamp, *only), classes=classes, total=total, items=items)


def only_images(data: ImageSet, only: Sequence[str]) -> ImageSet:
    """The images of the classes that `only` names. UserError as `class_indices`."""
    kept = class_indices(data.classes, only, data.name)
    assert data.labels is not None  # it has classes
    number = torch.full((len(data.classes) + 1,), -1)  # the last is that of images without a label
    number[kept] = torch.arange(len(kept))
    labels = number[data.labels]
    rows = (labels >= 0).nonzero().squeeze(1)
    if not len(rows):
        raise UserError(f"{data.source} has no image of {', '.join(only)}")
    return rows_of(data, rows)._replace(
        labels=labels[rows],
        classes=tuple(data.classes[i] for i in kept),
        source=f"{data.source}, only {', '.join(only)}",
        sha256=hashlib.sha256(f"{data.sha256} {stamp(*only)}".encode()).hexdigest(),
    )


def class_indices(classes: Sequence[str], only: Sequence[str], where: str) -> list[int]:
    """The indices of the named classes, ascending. UserError for an unknown class, and for a set without classes."""
    if not classes:
        raise UserError(f"{where} has no classes to choose from: put its images into one sub-folder per class")
    place = {}
    for index, name in enumerate(classes):
        place[name] = index
        if synset := SYNSET.match(name):
            place[synset[0]] = index
    indices: set[int] = set()
    for name in map(normal, only):
        first, dots, last = (name, "", name) if name in place else name.partition("..")
        for end in (first, last if dots else first):
            if end not in place:
                near = difflib.get_close_matches(end, place, n=1)
                hint = (
                    f"did you mean {near[0]!r}?"
                    if near
                    else f"it has {', '.join(classes[:5])}{', ...' * (len(classes) > 5)}"
                )
                raise UserError(f"{where} has no class {end!r}: {hint}")
        indices |= set(range(place[first], place[last] + 1)) if dots else {place[first]}
    if not indices:
        raise UserError(f"{', '.join(only)} names no class of {where}: the first of a range comes before the last")
    return sorted(indices)
