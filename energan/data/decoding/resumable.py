"""A partly written cache file, which the next run resumes after a killed one.

    .<key>.part     the images decoded so far, one after another
    .<key>.done     a line of JSON for each second or so of work: files read or skipped, their names and labels

Bytes are on the disk before the line that counts them is written, so that every whole line is true whatever ended the
run, be it SIGKILL or a loss of power. What comes after the last whole line is cut off.
"""

import fcntl
import hashlib
import json
import math
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, final

from jaxtyping import UInt8
from numpy import ndarray as Array

EVERY = 1.0  # seconds between two lines: what a killed run loses at most

ABANDONED = 7 * 24 * 3600  # seconds after which nobody is expected to go on with one


@final
class Partial:
    """The images decoded so far: of the first `position` files, `files` were read and `skipped` were not.

    unread       the positions of those skipped files that may be read another time
    value_range  what is black and white in images of more than eight bits; None as long as there was none
    values       how many values these have, of which `outside` lie outside the range
    several      files of several pages
    kind         what one of several images of a file is called
    """

    def __init__(self, pixels: IO[bytes], log: IO[bytes] | None = None) -> None:
        """pixels, log: open for reading and writing; without a log, nothing is remembered and nothing taken up."""
        self._pixels, self._log = pixels, log
        self.position = 0
        self.shape: tuple[int, ...] = ()  # c h w
        self.labels: list[int | None] = []
        self.files: list[str] = []
        self.skipped: list[str] = []
        self.unread: list[int] = []
        self.value_range: tuple[float, float] | None = None
        self.values = self.outside = self.several = 0
        self.kind = "page"
        self._logged_at = time.monotonic()
        self._logged = [0, 0]  # images and skipped files that the log has
        if log is not None:
            self._resume(log)

    def _resume(self, log: IO[bytes]) -> None:
        whole = 0
        size = os.fstat(self._pixels.fileno()).st_size
        for line in log:
            try:
                record = json.loads(line)
                shape = tuple(record["shape"])
                more = [list(record[name]) for name in ("labels", "files", "skipped")]
                position = int(record["position"])
                unread, value_range = list(record["unread"]), record["value_range"]
                values, outside, several = (int(record[name]) for name in ("values", "outside", "several"))
            except (ValueError, KeyError, TypeError):
                break
            if not line.endswith(b"\n") or (len(self.files) + len(more[1])) * math.prod(shape) > size:
                break
            self.position, self.shape, self.unread = position, shape, unread
            self.value_range = tuple(value_range) if value_range else None
            self.values, self.outside, self.several = values, outside, several
            self.labels += more[0]
            self.files += more[1]
            self.skipped += more[2]
            whole += len(line)
        log.truncate(whole)
        log.seek(whole)
        self._pixels.truncate(len(self.files) * math.prod(self.shape))
        self._pixels.seek(0, os.SEEK_END)
        self._logged = [len(self.files), len(self.skipped)]

    def add(self, name: str, label: int | None, *images: UInt8[Array, "c h w"]) -> None:
        """Appends a file's images; all have one shape."""
        for number, image in enumerate(images):
            self.shape = image.shape
            self._pixels.write(image.data)
            self.labels.append(label)
            self.files.append(name if len(images) == 1 else f"{name} {self.kind} {number}")
        self.several += len(images) > 1
        self.position += 1
        self._flush_if_due()

    def skip(self, why: str, *, passing: bool = False) -> None:
        """Notes a file that could not be read; passing: it may be, another time."""
        if passing:
            self.unread.append(self.position)
        self.skipped.append(why)
        self.position += 1
        self._flush_if_due()

    def sha256(self) -> "hashlib._Hash":
        """A hash object of all images' bytes so far."""
        self._pixels.flush()
        self._pixels.seek(0)
        digest = hashlib.file_digest(self._pixels, "sha256")  # type: ignore[arg-type]
        self._pixels.seek(0, os.SEEK_END)
        return digest

    def _flush_if_due(self) -> None:
        if time.monotonic() - self._logged_at >= EVERY:
            self.flush()

    def flush(self) -> None:
        """Writes all images so far to the disk, then their line of the log."""
        self._pixels.flush()
        if self._log is not None:
            os.fsync(self._pixels.fileno())
            images, skipped = self._logged
            line: dict[str, Any] = {
                "position": self.position,
                "shape": self.shape,
                "labels": self.labels[images:],
                "files": self.files[images:],
                "skipped": self.skipped[skipped:],
                "unread": self.unread,
                "value_range": self.value_range,
                "values": self.values,
                "outside": self.outside,
                "several": self.several,
            }
            self._log.write(json.dumps(line).encode() + b"\n")
            self._log.flush()
            self._logged = [len(self.files), len(self.skipped)]
        self._logged_at = time.monotonic()


@contextmanager
def in_turn(part: Path) -> Iterator[tuple[Path, IO[bytes], IO[bytes]]]:
    """Locks a Partial's files, and yields its path and both: another process waits until they are released.

    Where the file system has no locks, the path is another than was asked for, and nothing is taken up. Removed are
    those that nobody went on with for a week. Raises OSError if they cannot be made.
    """
    part.parent.mkdir(parents=True, exist_ok=True)
    _forget_abandoned(part.parent)
    locks = True
    while True:
        with part.open("a+b") as pixels:
            try:
                if locks:
                    fcntl.flock(pixels, fcntl.LOCK_EX)
            except OSError:
                locks = False
                handle, name = tempfile.mkstemp(prefix=f"{part.stem}-", suffix=part.suffix, dir=part.parent)
                os.close(handle)
                part = Path(name)
                continue
            if not _is(part, pixels):  # the run that was waited for has finished it: it bears another name now
                continue
            with part.with_suffix(".done").open("a+b") as log:
                log.seek(0)
                yield part, pixels, log
            return


def _is(path: Path, file: IO[bytes]) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def forget(part: Path) -> None:
    """Removes a Partial's files."""
    for path in (part, part.with_suffix(".done")):
        path.unlink(missing_ok=True)


def _forget_abandoned(folder: Path) -> None:
    for path in folder.glob(".*.part"):
        with suppress(OSError):  # gone already, or another user's
            if time.time() - path.stat().st_mtime > ABANDONED:
                forget(path)
