"""How pictures of two domains are read, which of them train, and what a set of both is."""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from energan.data.image_set import ImageSet
from energan.data.pairs.folders import WHOLE
from energan.data.splits import TEST, TRAIN, VALIDATION
from energan.utils.errors import UserError

SHARE = 10  # one picture of so many is held out, where a source holds out none

MOST = 100  # of them


class Domains(NamedTuple):
    """How pictures of two domains are read.

    paired    whether each image has a target of its own; else a target is any picture of the other domain
    reverse   whether the two change places
    crop      pixels a side of the squares that the nets see
    resize    pixels a side that pictures' largest centred squares are brought to; None: nothing is resized
    channels, outputs  1 (luminance), 3 (RGB) or 4 (and opacity) of images and of targets, once they changed places
    """

    paired: bool = True
    reverse: bool = False
    crop: int = 64
    resize: int | None = None
    channels: int = 3
    outputs: int = 3


def split_of(splits: Sequence[str], split: str) -> tuple[str, bool | None]:
    """Which split of those that a source has is read; and, where it is divided by names, whether the held-out part.

    >>> split_of(("train", "test"), "validation")
    ('train', True)
    >>> split_of(("train", "test"), "train"), split_of(("train", "test"), "test")
    (('train', False), ('test', None))
    >>> split_of((), "test")
    ('', True)
    """
    if not splits or set(splits) == {WHOLE}:
        return WHOLE, split != TRAIN
    if TRAIN not in splits:
        raise UserError(f"these pictures have {' and '.join(splits)}, and nothing to train on: name a folder train")
    if split == VALIDATION and VALIDATION not in splits:
        return TRAIN, True
    if split == TRAIN and VALIDATION not in splits:
        return TRAIN, False
    if split == TEST and TEST not in splits:
        return VALIDATION if VALIDATION in splits else TRAIN, None if VALIDATION in splits else True
    if split not in splits:
        raise UserError(f"these pictures have the splits {', '.join(splits)}, and no {split!r}")
    return split, None


def held_out(names: Sequence[str]) -> set[int]:
    """Places of the names that are held out: a tenth, one at least and 100 at most, whatever their order."""
    count = min(MOST, max(1, len(names) // SHARE))
    order = sorted(range(len(names)), key=lambda i: hashlib.sha256(names[i].encode("utf-8", "replace")).digest())
    return set(order[:count])


def both(one: ImageSet, other: ImageSet, paired: bool) -> ImageSet:
    sha = hashlib.sha256(f"{one.sha256} {other.sha256} {paired}".encode()).hexdigest()
    return one._replace(
        labels=None, classes=(), targets=other.images, paired=paired, name=f"{one.name} to {other.name}",
        source=f"{one.source}; to {other.source}", sha256=sha, skipped=(*one.skipped, *other.skipped),
        place=one.place if paired else f"{other.counted} and {one.place or one.name}",
    )  # fmt: skip


def turned(data: ImageSet, reverse: bool) -> ImageSet:
    """The set, or the one of which images and targets have changed places."""
    if not reverse:
        return data
    assert data.targets is not None
    return data._replace(images=data.targets, targets=data.images, source=f"{data.source}, reversed", files=())
