"""Images decoded once: a raw file of bytes that is mapped into memory, and a JSON file beside it.

    <cache folder>/images/<key>.u8      n * c * h * w bytes
    <cache folder>/images/<key>.json    shape, labels, skipped files; written last: its presence says "whole"

The key is a hash of every file's path, size and time of change, and of the size and channels asked for: other
files, other key. Both files appear by renaming, so that a run which is killed leaves none that looks whole.
"""

import hashlib
import json
import math
import os
import warnings
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import IO, NamedTuple

import torch
from jaxtyping import UInt8
from numpy import ndarray as Array
from torch import Tensor

from energan.data.decode import UNREADABLE, decode, is_grey, open_image, reason
from energan.data.images import Images
from energan.data.progress import counted, in_order
from energan.data.registry import cache_dir, keep, refuse_full_disk, replacing, warn
from energan.errors import UserError

FORMAT = 3  # raise it when decoding changes: what older versions cached is then decoded again


class Item(NamedTuple):
    """An image file that was found but not yet opened."""

    name: str  # for the user's eyes
    read: Callable[[], Path | bytes]  # raises one of UNREADABLE
    label: int | None  # -1: of a set with labels, but without one itself


class Files(NamedTuple):
    """All image files of a source, in order."""

    name: str
    words: str  # where they are
    stamp: str  # of the content: paths, sizes, times of change
    classes: tuple[str, ...]
    total: int
    items: Callable[[], Iterator[Item]]
    skipped: tuple[str, ...]  # what was found unreadable while listing


class Decoded(NamedTuple):
    shape: tuple[int, int, int, int]  # n c h w
    labels: list[int] | None
    skipped: list[str]
    files: list[str]


def stamp(*parts: object) -> str:
    """A hash of text and numbers, each told apart from the next; names that are no valid text work too."""
    lines = (str(part).encode("utf-8", "surrogateescape") for part in parts)
    return hashlib.sha256(b"".join(b"%d:%s," % (len(line), line) for line in lines)).hexdigest()


def changed(path: Path | str) -> tuple[int, int]:
    """What tells that a file is another than before: its size in bytes and time of change in ns."""
    found = os.stat(path)  # noqa: PTH116  (called 20,000 times; Path costs more than the call)
    return found.st_size, found.st_mtime_ns


def load_files(files: Files, size: int | None, channels: int | None, progress: bool) -> Images:
    """The files' images, decoded now or before. Raises UserError if none can be read or the disk is full."""
    key = stamp(FORMAT, files.stamp, size, channels)
    raw = cache_dir() / "images" / f"{key}.u8"
    described = raw.with_suffix(".json")
    made = _read(described, raw)
    if made is not None:
        content = torch.from_file(str(raw), shared=False, size=math.prod(made.shape), dtype=torch.uint8)
    else:
        made, content = _make(files, raw, size, channels, progress)
        if raw.is_file():
            keep(described, json.dumps(made._asdict()).encode())
    if made.skipped:
        some = "; ".join(made.skipped[:3]) + ("; ..." if len(made.skipped) > 3 else "")
        warn(f"{len(made.skipped)} of {files.total} files of {files.words} were skipped: {some}")
    labels = None if made.labels is None else torch.tensor(made.labels, dtype=torch.int64)
    classes = () if labels is None else files.classes
    images = content.view(made.shape)
    return Images(images, labels, files.name, classes, files.words, key, tuple(made.skipped), tuple(made.files))


def _read(described: Path, raw: Path) -> Decoded | None:
    """What the cache holds, or None if it lacks this key or is damaged."""
    try:
        found = json.loads(described.read_bytes())
        n, c, h, w = found["shape"]
        whole = raw.stat().st_size == n * c * h * w
        return Decoded((n, c, h, w), found["labels"], found["skipped"], found["files"]) if whole else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _make(
    files: Files, raw: Path, size: int | None, channels: int | None, progress: bool
) -> tuple[Decoded, UInt8[Tensor, " bytes"]]:
    """Decode into the cache; into memory, with a warning, where the cache folder cannot be written."""
    with warnings.catch_warnings():  # here and not in the threads: the filters belong to the whole process
        warnings.simplefilter("ignore")  # Pillow's remarks on odd metadata; `open_image` refuses bombs itself
        channels = channels or (1 if all_grey(files) else 3)
        try:
            with replacing(raw) as file:
                made = _write(files, file, size, channels, progress)
            mapped = torch.from_file(str(raw), shared=False, size=math.prod(made.shape), dtype=torch.uint8)
            return made, mapped
        except OSError as error:
            refuse_full_disk(error, raw.parent)
            warn(
                f"the cache folder {raw.parent} cannot be written ({error.strerror}); "
                "the images are kept in memory and will be decoded again next time"
            )
        memory = BytesIO()
        made = _write(files, memory, size, channels, progress)
        return made, torch.frombuffer(memory.getbuffer(), dtype=torch.uint8)


def all_grey(files: Files) -> bool:
    """Whether no readable file has colours; files after the first that does are not opened."""
    for item in files.items():
        try:
            with open_image(item.read()) as image:
                if not is_grey(image):
                    return False
        except UNREADABLE:
            continue
    return True


def _write(files: Files, file: IO[bytes], size: int | None, channels: int, progress: bool) -> Decoded:
    """Append every readable image's bytes to `file`."""

    def work(item: Item) -> tuple[Item, UInt8[Array, "c h w"] | str]:
        try:
            return item, decode(item.read(), size, channels)
        except UNREADABLE as error:
            return item, f"{item.name}: {reason(error)}"

    shape: tuple[int, ...] = ()
    labels: list[int | None] = []
    names: list[str] = []
    skipped = list(files.skipped)
    todo = in_order(work, files.items())
    for item, image in counted(todo, files.total, f"reading {files.name}", show=progress):
        if isinstance(image, str):
            skipped.append(image)
            continue
        shape = shape or image.shape
        if image.shape != shape:
            raise UserError(
                f"the images of {files.words} have different sizes ({shape[2]} x {shape[1]} and, in "
                f"{item.name}, {image.shape[2]} x {image.shape[1]}): "
                "choose one for all with --size, such as --size 64"
            )
        file.write(image.data)
        labels.append(item.label)
        names.append(item.name)
    if not labels:
        raise UserError(f"none of the {files.total} files of {files.words} can be read: {skipped[0]}")
    c, h, w = shape
    known = [label for label in labels if label is not None]
    return Decoded((len(labels), c, h, w), known if len(known) == len(labels) else None, skipped, names)
