"""Which arrays of an .npz are images and which their labels, and of which split, by their names and shapes."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from energan.data.splits.words import ALL, DEV, TRAIN, VALIDATION, WORDS, canonical, in_order, words
from energan.utils.errors import UserError

IMAGES = ("images", "x", "image", "img", "imgs", "data", "pixels")  # in order of preference

LABELS = ("labels", "y", "label", "targets", "target")

JOINED = re.compile(rf"([xy])({'|'.join(WORDS)})|({'|'.join(WORDS)})([xy])")  # xtrain, trainx

Shape = tuple[int, ...]


class Pair(NamedTuple):
    """The names of the arrays of one split, and what is said of the choice."""

    images: str
    labels: str | None
    words: str


class _Array(NamedTuple):
    name: str
    split: str | None
    kind: str  # one of IMAGES or LABELS; "" where the name says neither
    shape: Shape

    @property
    def pictures(self) -> bool:
        """Whether these may be images: many, of two or three dimensions each."""
        return len(self.shape) in (3, 4)


def array_splits(shapes: Mapping[str, Shape]) -> tuple[str, ...]:
    """The splits whose images there are; () where no name says so."""
    arrays = _read(shapes)
    return in_order([a.split for a in arrays if a.split and a.kind not in LABELS and a.pictures])


def pairs(shapes: Mapping[str, Shape], split: str, where: str) -> list[Pair]:
    """The arrays of a split; of "all", those of every split.

    Without splits: `images`, else `x`, else the only array that has the shape of images; with labels if there are any.

    Raises:
        UserError: for a split that is not there, and where several arrays may be the images.

    Example:
        >>> pairs({"y_test": (2,), "x_test": (2, 8, 8), "x_train": (9, 8, 8)}, "test", "a.npz")
        [Pair(images='x_test', labels='y_test', words='x_test')]
    """
    arrays, splits = _read(shapes), array_splits(shapes)
    if not splits:
        if split not in (TRAIN, ALL):
            raise UserError(f"{where} has no split {split!r}: no array's name says {split}")
        return [_pair(arrays, where)]
    loose = [a.name for a in arrays if a.split is None and a.pictures and a.kind not in LABELS]
    if loose and split != ALL:
        named = ", ".join(a.name for a in arrays if a.split and a.pictures)
        raise UserError(
            f"{where} has the array {loose[0]} beside those of splits ({named}): keep one or the other in the file"
        )
    if split != ALL and split not in splits:
        raise UserError(f"{where} has no split {split!r}, only {', '.join(splits)}")
    chosen = [_pair([a for a in arrays if a.split == s], where) for s in (splits if split == ALL else (split,))]
    return chosen + ([_pair([a for a in arrays if a.split is None], where)] if loose else [])


def _read(shapes: Mapping[str, Shape]) -> list[_Array]:
    said = {name: [part for word in words(name) for part in _parted(word)] for name in shapes}
    has_train = any(WORDS.get(word) == TRAIN for found in said.values() for word in found)
    known = WORDS | ({DEV: VALIDATION} if has_train else {})
    arrays = []
    for name, shape in shapes.items():
        splits = [word for word in said[name] if word in known]
        others = [word for word in said[name] if word not in known]
        kind = next((kind for kind in (*LABELS, *IMAGES) if kind in others), "")
        one = len({canonical(word) for word in splits}) == 1
        arrays.append(_Array(name, known[splits[0]] if one else None, kind, shape))
    return arrays


def _parted(word: str) -> list[str]:
    match = JOINED.fullmatch(word)
    return [part for part in match.groups() if part] if match else [word]


def _pair(arrays: list[_Array], where: str) -> Pair:
    """The images and labels among arrays of one split."""
    named = [a for kind in IMAGES for a in arrays if a.kind == kind]
    certain = [a for a in named if a.kind in IMAGES[:2]] or named
    pictures = [a for a in arrays if a.pictures and a.kind not in LABELS]
    if not certain and len(pictures) > 1:
        raise UserError(
            f"{where} has several arrays of images ({', '.join(a.name for a in pictures)}): call the one to use images"
        )
    rest = [a for a in arrays if a.kind not in LABELS] or arrays
    images = (certain or pictures or rest)[0]
    if twice := [a for a in certain if a.kind == images.kind and a is not images and a.pictures]:
        raise UserError(f"{where} has {images.name} and {twice[0].name}: keep one of the two in the file")
    labels = [a for kind in LABELS for a in arrays if a.kind == kind and a is not images]
    others = [a.name for a in pictures if a is not images]
    words_ = f"{images.name} (not {', '.join(others)})" if others else images.name
    return Pair(images.name, labels[0].name if labels else None, words_)
