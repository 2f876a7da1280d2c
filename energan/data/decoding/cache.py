"""Images decoded once: a raw file of bytes that is mapped into memory, and a JSON file beside it.

    <cache folder>/images/<key>.u8      n * c * h * w bytes; appears last
    <cache folder>/images/<key>.json    shape, labels, skipped files

The key is a hash of every file's path, size and time of change, and of the size and channels asked for: other
files, other key. Both files appear by renaming, so that a run which is killed leaves none that looks whole; what it
had decoded is taken up by the next (resumable.py).
"""

import hashlib
import json
import math
import os
import warnings
from collections.abc import Callable, Iterator
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import UInt8
from numpy import ndarray as Array
from torch import Tensor

from energan.data.decoding.decode import UNREADABLE, decode, is_grey, open_image, reason
from energan.data.decoding.memory_map import map_file
from energan.data.decoding.parallel import in_order
from energan.data.decoding.resumable import Partial, forget, in_turn
from energan.data.image_set import ImageSet
from energan.utils.console import counted, warn
from energan.utils.errors import UserError
from energan.utils.files import cache_dir, refuse_full_disk, replacing

FORMAT = 3  # raise it when decoding changes: what older versions cached is then decoded again


class Item(NamedTuple):
    """An image file that is listed but not yet opened."""

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
    place: str = ""  # the source and the part of it that these are: "ds/train"
    notes: tuple[str, ...] = ()  # what is left out because it is of no split, a phrase each


class Decoded(NamedTuple):
    shape: tuple[int, int, int, int]  # n c h w
    labels: list[int] | None
    skipped: list[str]
    files: list[str]


class Fit(NamedTuple):
    """How images are brought to one shape: see `decode.fit`."""

    size: int | None
    channels: int | None
    centre: int | None


def stamp(*parts: object) -> str:
    """A hash of text and numbers, with their boundaries; names that are no valid text work too."""
    lines = (str(part).encode("utf-8", "surrogateescape") for part in parts)
    return hashlib.sha256(b"".join(b"%d:%s," % (len(line), line) for line in lines)).hexdigest()


def fingerprint(path: Path | str) -> tuple[int, int]:
    """A file's size in bytes and time of change in ns, which differ once its content does."""
    status = os.stat(path)  # noqa: PTH116  (called 20,000 times; Path costs more than the call)
    return status.st_size, status.st_mtime_ns


def load_files(
    files: Files, size: int | None, channels: int | None, progress: bool, centre: int | None = None
) -> ImageSet:
    """The files' images, decoded now or before. Raises UserError if none can be read or the disk is full."""
    key = stamp(FORMAT, files.stamp, size, channels, *([centre] if centre else []))
    raw = cache_dir() / "images" / f"{key}.u8"
    decoded, content = _cached(raw) or _make(files, raw, Fit(size, channels, centre), progress)
    if decoded.skipped:
        examples = "; ".join(decoded.skipped[:3]) + ("; ..." if len(decoded.skipped) > 3 else "")
        warn(f"{len(decoded.skipped)} of {files.total} files of {files.words} were skipped: {examples}")
    labels = None if decoded.labels is None else torch.tensor(decoded.labels, dtype=torch.int64)
    classes = () if labels is None else files.classes
    images = content.view(decoded.shape)
    return ImageSet(images, labels, files.name, classes, files.words, key, tuple(decoded.skipped), tuple(decoded.files))


def _cached(raw: Path) -> tuple[Decoded, UInt8[Tensor, " bytes"]] | None:
    """The cached images, or None if the cache lacks this key or is damaged."""
    try:
        record = json.loads(raw.with_suffix(".json").read_bytes())
        n, c, h, w = record["shape"]
        if raw.stat().st_size != n * c * h * w:
            return None
        decoded = Decoded((n, c, h, w), record["labels"], record["skipped"], record["files"])
        return decoded, map_file(raw, n * c * h * w)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _make(files: Files, raw: Path, fit: Fit, progress: bool) -> tuple[Decoded, UInt8[Tensor, " bytes"]]:
    """Decodes into the cache; into memory, with a warning, where the cache folder cannot be written."""
    with warnings.catch_warnings():  # here and not in the threads: the filters belong to the whole process
        warnings.simplefilter("ignore")  # Pillow's remarks on odd metadata; `open_image` refuses bombs itself
        fit = fit._replace(channels=fit.channels or (1 if all_grey(files) else 3))
        try:
            return _make_file(files, raw, fit, progress)
        except OSError as error:
            refuse_full_disk(error, raw.parent)
            warn(
                f"the cache folder {raw.parent} cannot be written ({error.strerror}); "
                "the images are kept in memory and will be decoded again next time"
            )
        memory = BytesIO()
        decoded = _write(files, Partial(memory), fit, progress)
        return decoded, torch.frombuffer(memory.getbuffer(), dtype=torch.uint8)


def _make_file(files: Files, raw: Path, fit: Fit, progress: bool) -> tuple[Decoded, UInt8[Tensor, " bytes"]]:
    with in_turn(raw.with_name(f".{raw.stem}.part")) as (part, pixels, log):
        if (cached := _cached(raw)) is not None:  # made by the run that was waited for
            forget(part)
            return cached
        try:
            decoded = _write(files, Partial(pixels, log), fit, progress)
            with replacing(raw.with_suffix(".json")) as described:
                described.write_text(json.dumps(decoded._asdict()))
            part.replace(raw)
        except (UserError, OSError):  # but not Ctrl-C: what is there will be gone on with
            forget(part)
            raise
        forget(part)
        return decoded, map_file(raw, math.prod(decoded.shape))


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


def _write(files: Files, part: Partial, fit: Fit, progress: bool) -> Decoded:
    """Appends the bytes of every readable image that are missing."""

    def work(item: Item) -> tuple[Item, UInt8[Array, "c h w"] | str]:
        try:
            return item, decode(item.read(), fit.size, fit.channels or 3, fit.centre)
        except UNREADABLE as error:
            return item, f"{item.name}: {reason(error)}"

    todo = in_order(work, islice(files.items(), part.position, None))
    for item, image in counted(todo, files.total, f"reading {files.name}", done=part.position, show=progress):
        if isinstance(image, str):
            part.skip(image)
            continue
        if image.shape != (part.shape or image.shape):
            raise UserError(
                f"the images of {files.words} have different sizes ({part.shape[2]} x {part.shape[1]} and, in "
                f"{item.name}, {image.shape[2]} x {image.shape[1]}): "
                "choose one for all with `size`, such as 64"
            )
        part.add(item.name, item.label, image)
    part.flush()
    skipped = [*files.skipped, *part.skipped]
    if not part.files:
        raise UserError(f"none of the {files.total} files of {files.words} can be read: {skipped[0]}")
    c, h, w = part.shape
    known = [label for label in part.labels if label is not None]
    labels = known if len(known) == len(part.labels) else None
    return Decoded((len(part.files), c, h, w), labels, skipped, part.files)
