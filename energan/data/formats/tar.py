"""Tar archives (.tar, .tar.gz, .tgz, .tar.bz2, .tar.xz): read in one pass, never unpacked to disk, links left alone."""

import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")

MOST_MEMBERS = 5_000_000


def is_tar(path: Path) -> bool:
    """Whether a file's name says that it is a tar archive."""
    return path.name.lower().endswith(ENDINGS) and path.is_file()


def stem(path: Path) -> str:
    """The archive's name without its ending."""
    ending = next((ending for ending in sorted(ENDINGS, key=len) if path.name.lower().endswith(ending)), "")
    return path.name[: len(path.name) - len(ending)]


@contextmanager
def opened(path: Path) -> Iterator[tarfile.TarFile]:
    """The archive, which is read from its start to its end once."""
    with tarfile.open(path, "r|*", errorlevel=2) as archive:
        yield archive


def regular_members(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """The regular files, in their order: no links, folders, pipes or devices. ValueError for too many."""
    for number, member in enumerate(archive):
        archive.members.clear()  # type: ignore[attr-defined]  # which it would keep of each
        if number >= MOST_MEMBERS:
            raise ValueError(f"it has more than {MOST_MEMBERS} entries")
        if member.isreg() and not member.issparse():
            yield member


def read_member(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    """The content of the member that the archive stands at. EOFError if it is cut off."""
    file = archive.extractfile(member)
    content = file.read() if file else b""
    if len(content) != member.size:
        raise EOFError(f"{member.name} is cut off")
    return content
