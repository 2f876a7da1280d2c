"""Images decoded once: a raw file of bytes that is mapped into memory, and a JSON file beside it.

    <cache folder>/images/<key>.u8      n * c * h * w bytes; appears last
    <cache folder>/images/<key>.json    shape, labels, skipped files, range of values, hash of the content

The key is a hash of every file's path, size and times of change, and of what was asked for: other files, other key.
Both files appear by renaming, so that a run which is killed leaves none that looks whole; what it had decoded is taken
up by the next (resumable.py). A file that the system could not read for a moment is tried again at every start.
"""

import json
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from io import BytesIO
from itertools import islice
from pathlib import Path

import torch
from jaxtyping import UInt8
from torch import Tensor

from energan.data.decoding.decode import Fit, is_grey, open_image
from energan.data.decoding.failures import UNREADABLE, is_passing
from energan.data.decoding.fitting import Size
from energan.data.decoding.listing import Files, stamp
from energan.data.decoding.memory_map import map_file
from energan.data.decoding.resumable import Partial, forget, in_turn
from energan.data.decoding.values import Range, check_outside, worded
from energan.data.decoding.writing import Decoded, write
from energan.data.image_set import ImageSet
from energan.utils.console import warn
from energan.utils.errors import UserError
from energan.utils.files import cache_dir, refuse_full_disk, replacing

FORMAT = 4  # raise it when decoding changes: what older versions cached is then decoded again


_folder: ContextVar[Path | None] = ContextVar("folder", default=None)


@contextmanager
def decoded_in(folder: Path) -> Iterator[None]:
    """Inside, decoded images are kept in this folder, not in the user's cache: those of files that will be removed."""
    token = _folder.set(folder)
    try:
        yield
    finally:
        _folder.reset(token)


def load_files(
    files: Files,
    size: Size | None,
    channels: int | None,
    progress: bool,
    centre: int | None = None,
    value_range: Range | None = None,
    squares: int | None = None,
) -> ImageSet:
    """The files' images, decoded now or before.

    UserError if none can be read, or too few, if values lie outside the range that was given, or the disk is full.
    """
    cut = (f"squares of {squares}",) if squares else ()  # what was cached without any stays
    key = stamp(FORMAT, files.stamp, size, channels, centre, value_range, *cut)
    raw = (_folder.get() or cache_dir() / "images") / f"{key}.u8"
    cached = _cached(raw)
    if cached is not None and cached[0].unread and _any_readable(files, cached[0].unread):
        raw.unlink(missing_ok=True)
        cached = None
    decoded, content = cached or _make(files, raw, size, channels, centre, value_range, progress, squares)
    if decoded.skipped:
        examples = "; ".join(decoded.skipped[:3]) + ("; ..." if len(decoded.skipped) > 3 else "")
        warn(f"{len(decoded.skipped)} of {files.total} files of {files.words} were skipped: {examples}")
    labels = None if decoded.labels is None else torch.tensor(decoded.labels, dtype=torch.int64)
    classes = () if labels is None else files.classes
    return ImageSet(
        content.view(decoded.shape), labels, files.name, classes, _source(files, decoded, squares), decoded.sha256,
        tuple(decoded.skipped), tuple(decoded.files), value_range=decoded.value_range,
    )  # fmt: skip


def _source(files: Files, decoded: Decoded, squares: int | None) -> str:
    """Where the images came from, and what was made of what could be taken in two ways."""
    words = files.words
    if decoded.value_range is not None:
        words += f", {worded(decoded.value_range)}"
        if said := check_outside(decoded.outside, decoded.values, decoded.value_range, files.words):
            warn(said)
    if squares:
        return f"{words}, cut into squares of {squares} x {squares}"
    if decoded.several:
        words += f", every page an image (in {decoded.several} files of several pages)"
    return words


def _any_readable(files: Files, positions: list[int]) -> bool:
    """Whether one of the files that the system could not read before can be read now, for better or worse."""
    wanted = set(positions)
    for position, item in enumerate(islice(files.items(), max(wanted) + 1)):
        if position in wanted:
            try:
                with open_image(item.read()) as image:
                    image.load()
            except UNREADABLE as error:
                if is_passing(error):
                    continue
            return True
    return False


def _cached(raw: Path) -> tuple[Decoded, UInt8[Tensor, " bytes"]] | None:
    """The cached images, or None if the cache lacks this key or is damaged."""
    try:
        record = json.loads(raw.with_suffix(".json").read_bytes())
        decoded = Decoded(**record)
        size = math.prod(decoded.shape)
        if len(decoded.shape) != 4 or raw.stat().st_size != size:
            return None
        ranged = decoded.value_range and (decoded.value_range[0], decoded.value_range[1])
        return decoded._replace(value_range=ranged), map_file(raw, size)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _make(
    files: Files,
    raw: Path,
    size: Size | None,
    channels: int | None,
    centre: int | None,
    value_range: Range | None,
    progress: bool,
    squares: int | None = None,
) -> tuple[Decoded, UInt8[Tensor, " bytes"]]:
    """Decodes into the cache; into memory, with a warning, where the cache folder cannot be written."""
    with warnings.catch_warnings():  # here and not in the threads: the filters belong to the whole process
        warnings.simplefilter("ignore")  # Pillow's remarks on odd metadata; `open_image` refuses bombs itself
        fit = Fit(size, channels or (1 if all_grey(files) else 3), centre, squares)
        try:
            return _make_file(files, raw, fit, value_range, progress)
        except OSError as error:
            refuse_full_disk(error, raw.parent)
            warn(
                f"the cache folder {raw.parent} cannot be written ({error.strerror}); "
                "the images are kept in memory and will be decoded again next time"
            )
        memory = BytesIO()
        part = Partial(memory)
        part.value_range = value_range
        decoded = write(files, part, fit, progress, in_memory=True)
        return decoded, torch.frombuffer(memory.getbuffer(), dtype=torch.uint8)


def _make_file(
    files: Files, raw: Path, fit: Fit, value_range: Range | None, progress: bool
) -> tuple[Decoded, UInt8[Tensor, " bytes"]]:
    with in_turn(raw.with_name(f".{raw.stem}.part")) as (part, pixels, log):
        if (cached := _cached(raw)) is not None:  # made by the run that was waited for
            forget(part)
            return cached
        try:
            partial = Partial(pixels, log)
            partial.value_range = value_range or partial.value_range
            decoded = write(files, partial, fit, progress)
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
