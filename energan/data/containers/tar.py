"""Tar archives, packed by gzip or not: read from start to end, never unpacked to disk, links in them left alone."""

import gzip
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, final

from energan.data.decoding.bounds import LARGEST_FILE, check_ratio

ENDINGS = (".tar.gz", ".tgz", ".tar")

MOST_MEMBERS = 20_000_000

GZIP = b"\x1f\x8b"


def is_tar(path: Path) -> bool:
    """Whether a file's name says that it is a tar archive."""
    return path.name.lower().endswith(ENDINGS) and path.is_file()


def stem(path: Path) -> str:
    """The archive's name without its ending."""
    ending = next((ending for ending in ENDINGS if path.name.lower().endswith(ending)), "")
    return path.name[: len(path.name) - len(ending)]


@final
class _Bounded:
    """A file that reads no more than LARGEST_FILE bytes at a time: a header may claim any number."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, n: int = -1) -> bytes:
        if not 0 <= n <= LARGEST_FILE:
            raise ValueError(f"an entry of {n} bytes is too large")
        return self._file.read(n)

    def seek(self, position: int) -> int:
        return self._file.seek(position)

    def tell(self) -> int:
        return self._file.tell()


@contextmanager
def opened(path: Path) -> Iterator[tarfile.TarFile]:
    """The archive. Raises what tarfile, gzip and zlib raise for damaged ones, ValueError for one packed otherwise."""
    with path.open("rb") as stored:
        packed = stored.read(2) == GZIP
        stored.seek(0)
        with gzip.open(stored) if packed else stored as file:
            try:
                archive = tarfile.TarFile(fileobj=_Bounded(file), errorlevel=2)  # type: ignore[arg-type]
            except tarfile.ReadError as error:
                raise ValueError(f"it is no tar archive, packed by gzip or not ({error})") from error
            with archive:
                yield archive


def regular_members(archive: tarfile.TarFile, stored: int, links: list[str] | None = None) -> Iterator[tarfile.TarInfo]:
    """The regular files, in their order: no links, folders, pipes or devices.

    stored: bytes of the archive. links: is given the names of links. ValueError if its content is that much larger that
    it is no images.
    """
    number = 0
    while (member := archive.next()) is not None:
        archive.members.clear()  # type: ignore[attr-defined]  # or it keeps all
        number += 1
        end = member.offset_data + member.size
        if number > MOST_MEMBERS:
            raise ValueError(f"it has more than {MOST_MEMBERS} entries")
        check_ratio("it", end, stored)
        if member.isreg() and not member.issparse():
            yield member
        elif links is not None and (member.issym() or member.islnk()):
            links.append(member.name)
    _check_end(archive)


def _check_end(archive: tarfile.TarFile) -> None:
    """Raise EOFError or ValueError where tarfile stopped at something else than the archive's end, a block of zeros."""
    assert archive.fileobj is not None
    archive.fileobj.seek(archive.offset)
    block = archive.fileobj.read(tarfile.BLOCKSIZE)
    if len(block) < tarfile.BLOCKSIZE:
        raise EOFError("its end is missing: it is cut off")
    if block.strip(b"\0"):
        raise ValueError(f"it is damaged at byte {archive.offset} of its content")


def read_member(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    """The content of the member that the archive stands at. EOFError if it is cut off."""
    if member.size > LARGEST_FILE:
        raise ValueError(f"{member.size} bytes are too many for an image")
    file = archive.extractfile(member)
    content = file.read(member.size) if file else b""
    if len(content) != member.size:
        raise EOFError(f"{member.name} is cut off")
    return content
