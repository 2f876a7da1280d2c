"""What a named set is: its shapes, its classes, the hashes that its content must have, and the sources to try."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int, UInt8
from numpy import ndarray as Array

Captions = tuple[tuple[str, ...], ...]


class Published(NamedTuple):
    """What a source has of a split."""

    images: UInt8[Array, "..."]  # (n, c, h, w), or its bytes in this order
    labels: Int[Array, " n"] | None  # None where the set has no classes
    captions: Captions = ()  # sentences of each image
    targets: UInt8[Array, "..."] | None = None  # (n, c2, h2, w2): what each image is to become


Reader = Callable[[str], Published]  # of a split


class Source(NamedTuple):
    words: str
    read: Reader


class Hashes(NamedTuple):
    """SHA-256 of each kind of content of a split; "" where a set has none of that kind."""

    images: str  # of their bytes (n, c, h, w)
    labels: str = ""  # of their bytes, as `Named.label`
    captions: str = ""  # of the sentences as `loading.written`
    targets: str = ""  # of their bytes (n, c2, h2, w2)


Splits = dict[str, Hashes]


class Named(NamedTuple):
    shape: tuple[int, int, int]  # c, h, w
    classes: tuple[str, ...]  # () where images have no label
    sha256: Splits
    sources: tuple[Source, ...]  # tried in this order
    files: str = "the set's IDX files"  # what a user may put into the folder ENERGAN_DATA
    rendered: bool = False  # a library drew the pixels, and another version of it may round them differently
    target: tuple[int, int, int] | None = None  # c, h, w of what each image is to become

    @property
    def captioned(self) -> bool:
        """Whether its images have captions."""
        return any(hashes.captions for hashes in self.sha256.values())

    @property
    def label(self) -> np.dtype[np.unsignedinteger]:
        """How a label is stored: in one byte where the classes fit."""
        return np.dtype("u1" if len(self.classes) <= 256 else "<u2")


def read_hashes() -> dict[str, Splits]:
    """The table in hashes.json: set -> split -> kind of content -> SHA-256."""
    path = Path(__file__).with_name("hashes.json")
    table = json.loads(path.read_text())
    for text in (text for splits in table.values() for row in splits.values() for text in row.values()):
        if not re.fullmatch(r"[0-9a-f]{64}", text):
            raise ValueError(f"{path} is damaged: {text!r} is no sha256; install Energan again")
    return {name: {split: Hashes(**row) for split, row in splits.items()} for name, splits in table.items()}


HASHES = read_hashes()
