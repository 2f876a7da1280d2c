"""Image files that are listed but not yet opened, and what tells whether they changed."""

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple


class Item(NamedTuple):
    """An image file that is listed but not yet opened."""

    name: str  # for the user's eyes: the same wherever the set lies
    read: Callable[[], Path | bytes]  # raises one of UNREADABLE
    label: int | None  # -1: of a set with labels, but without one itself
    size: int = 0  # bytes of memory that `read` takes


class Files(NamedTuple):
    """All image files of a source, in order."""

    name: str
    words: str  # where they are
    stamp: str  # of the content: paths, sizes, times of change
    classes: tuple[str, ...]
    total: int
    items: Callable[[], Iterator[Item]]
    skipped: tuple[str, ...]  # what was found unreadable while listing
    place: str = ""  # the source and the part of it that these are: "ds/train"
    notes: tuple[str, ...] = ()  # what is left out because it is of no split, a phrase each
    left_out: tuple[str, ...] = ()  # what else is there and cannot be read or is no image, a phrase for each kind


def stamp(*parts: object) -> str:
    """A hash of text and numbers, with their boundaries; names that are no valid text work too."""
    lines = (str(part).encode("utf-8", "surrogateescape") for part in parts)
    return hashlib.sha256(b"".join(b"%d:%s," % (len(line), line) for line in lines)).hexdigest()


def fingerprint(path: Path | str) -> tuple[int, int, int]:
    """A file's size in bytes, and when it was written and put here, in ns: one differs once its content does.

    Two files of one size and one time of writing (unpacked, copied with their times) may change places: that is
    what st_ctime tells.
    """
    status = os.stat(path)  # noqa: PTH116  (called 20,000 times; Path costs more than the call)
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns
