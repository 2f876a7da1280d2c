"""Decodes all files of a source, one after another, into the bytes of a cache."""

import threading
from collections.abc import Callable
from itertools import islice
from typing import NamedTuple, final

from energan.data.decoding import bounds
from energan.data.decoding.decode import Fit, OtherSize, Page, decode_pages, extents
from energan.data.decoding.failures import UNREADABLE, is_passing, reason
from energan.data.decoding.listing import Files, Item
from energan.data.decoding.parallel import in_order
from energan.data.decoding.resumable import Partial
from energan.data.decoding.values import Extent, Range, common_range
from energan.data.image_set import finished_hash
from energan.utils.console import counted
from energan.utils.errors import UserError

FEW, SHARE = 3, 0.1  # so many files, or this share of all, may be lost; more is an error

LOOKED_AT = 1000  # files at the start, of which at least one must be an image

PAGES = 2**30  # bytes that the pages of one file may take

EXAMPLES = 3


class Decoded(NamedTuple):
    """What the cache knows beside the bytes of the images."""

    shape: tuple[int, int, int, int]  # n c h w
    labels: list[int] | None
    skipped: list[str]
    files: list[str]
    unread: list[int]  # positions of the files that are to be tried again at the next start
    value_range: Range | None
    values: int
    outside: int
    several: int
    sha256: str  # as image_set.content_hash


class Lost(NamedTuple):
    """A file that was not read."""

    why: str
    passing: bool


@final
class Once:
    """A function's result, computed by the first thread that asks; an error is raised to all."""

    def __init__(self, function: Callable[[], Range]) -> None:
        self._function, self._lock = function, threading.Lock()
        self._result: Range | UserError | None = None

    def __call__(self) -> Range:
        with self._lock:
            if self._result is None:
                try:
                    self._result = self._function()
                except UserError as error:
                    self._result = error
        if isinstance(self._result, UserError):
            raise self._result
        return self._result


def write(files: Files, part: Partial, fit: Fit, progress: bool, *, in_memory: bool = False) -> Decoded:
    """Appends the bytes of every readable image that are missing.

    UserError where too many files are lost, for images of different sizes, for a range of values that cannot be told,
    and, in memory, for more than there is.
    """
    given = part.value_range
    part.kind = "square" if fit.squares else "page"
    value_range = Once(lambda: given or measured(files))

    def work(item: Item) -> tuple[Item, list[Page] | Lost | OtherSize]:
        shape = () if fit.size or fit.centre or fit.squares else part.shape
        try:
            if item.size > bounds.LARGE_MEMBER:
                with bounds.members.taken(1):
                    return item, pages(item, shape)
            return item, pages(item, shape)
        except OtherSize as error:
            return item, error
        except UserError:
            raise
        except UNREADABLE as error:
            return item, Lost(f"{item.name}: {reason(error)}", is_passing(error))

    def pages(item: Item, shape: tuple[int, ...]) -> list[Page]:
        decoded: list[Page] = []
        for page in decode_pages(item.read(), fit, value_range, shape):
            decoded.append(page)
            if len(decoded) * page.pixels.nbytes > PAGES:
                raise ValueError(f"its pages take more than {PAGES} bytes: make a file of each")
        return decoded

    todo = in_order(work, islice(files.items(), part.position, None), _bytes)
    for item, result in counted(todo, files.total, f"reading {files.name}", done=part.position, show=progress):
        if isinstance(result, Lost):
            part.skip(result.why, passing=result.passing)
            _check_lost(files, part)
            continue
        if isinstance(result, OtherSize):
            raise _different_sizes(files, part, item, *result.size)
        for page in result:
            if page.pixels.shape != (part.shape or page.pixels.shape):
                raise _different_sizes(files, part, item, page.pixels.shape[2], page.pixels.shape[1])
            if page.values:
                part.value_range = value_range()
                part.values += page.values
                part.outside += page.outside
        if in_memory and not part.files:
            bounds.check_memory(files.words, files.total * result[0].pixels.nbytes)
        part.add(item.name, item.label, *(page.pixels for page in result))
    part.flush()
    return _described(files, part)


def _described(files: Files, part: Partial) -> Decoded:
    skipped = [*files.skipped, *part.skipped]
    if not skipped and not part.files:
        raise UserError(f"{files.words} holds no images")
    if not part.files:
        raise UserError(f"none of the {files.total} files of {files.words} can be read: {skipped[0]}")
    c, h, w = part.shape
    shape = len(part.files), c, h, w
    known = [label for label in part.labels if label is not None]
    labels = known if len(known) == len(part.labels) else None
    classes = () if labels is None else files.classes
    digest = finished_hash(part.sha256(), shape, labels, classes, part.files)
    return Decoded(
        shape, labels, skipped, part.files, part.unread, part.value_range if part.values else None, part.values,
        part.outside, part.several, digest,
    )  # fmt: skip


def _check_lost(files: Files, part: Partial) -> None:
    """UserError where more files are lost than a set may lose."""
    lost = part.skipped
    examples = "; ".join(lost[:EXAMPLES]) + ("; ..." if len(lost) > EXAMPLES else "")
    if len(lost) > max(FEW, SHARE * files.total):
        again = "start again once they are there" if part.unread else "remove or replace them"
        raise UserError(
            f"more than a tenth of the {files.total} files of {files.words} cannot be read, so nothing was loaded "
            f"({examples}): {again}"
        )
    if part.position == LOOKED_AT and not part.files:
        raise UserError(
            f"none of the first {LOOKED_AT} of {files.total} files of {files.words} is readable: {examples}"
        )


def _different_sizes(files: Files, part: Partial, item: Item, w: int, h: int) -> UserError:
    return UserError(
        f"the images of {files.words} have different sizes ({part.shape[2]} x {part.shape[1]} and, in "
        f"{item.name}, {w} x {h}): choose one for all with `size`, such as 64"
    )


def _bytes(result: tuple[Item, list[Page] | Lost | OtherSize]) -> int:
    return sum(page.pixels.nbytes for page in result[1]) if isinstance(result[1], list) else 0


def measured(files: Files) -> Range:
    """The range of all images of more than eight bits: each is decoded once more for it. UserError as common_range."""

    def look(item: Item) -> list[tuple[str, Extent]]:
        try:
            return [(item.name, found) for found in extents(item.read())]
        except UNREADABLE:
            return []  # said when it is decoded

    return common_range((pair for pairs in in_order(look, files.items()) for pair in pairs), files.words)
