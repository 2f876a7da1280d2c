"""Tar archives of images: read in the order of their files, as one pass is all that a packed archive allows."""

import tarfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from energan.data.containers.kinds import HEAD, Parts
from energan.data.containers.tar import opened, read_member, regular_members, stem
from energan.data.decoding.cache import Files, Item, fingerprint, stamp
from energan.data.decoding.failures import UNREADABLE, reason, told
from energan.data.formats.folders import archived, arrange, printable, splits_among


def tar_files(path: Path, split: str) -> Files:
    """The images in a tar archive, which is never unpacked to disk. UserError as `arrange`, or if it is damaged."""
    where = f"the archive {printable(path)}"
    heads = _listed(path, where)
    arranged = arrange(list(heads), split, where, heads.__getitem__)
    label_of = dict(zip(arranged.paths, arranged.labels, strict=True))

    def items() -> Iterator[Item]:
        seen = set[Parts]()
        with told(where), opened(path) as archive:
            for member in regular_members(archive, path.stat().st_size):
                parts = archived(member.name)
                if parts in label_of and parts not in seen:
                    seen.add(parts)
                    yield Item(printable(parts), _read(archive, member), label_of[parts])

    marks = stamp(path.resolve(), split, *fingerprint(path), *arranged.classes)
    place = f"/{arranged.place}" if arranged.place else ""
    return Files(
        printable(stem(path)), where + place, marks, arranged.classes, len(arranged.paths), items, (),
        printable(path.name) + place, arranged.notes, arranged.left_out,
    )  # fmt: skip


def tar_splits(path: Path) -> tuple[str, ...]:
    """The splits that a tar archive has. UserError as `tar_files`."""
    where = f"the archive {printable(path)}"
    heads = _listed(path, where)
    return splits_among(list(heads), where, heads.__getitem__)


def _listed(path: Path, where: str) -> dict[Parts, bytes]:
    """The files and the first bytes of those whose name has no ending."""
    heads: dict[Parts, bytes] = {}
    with told(where), opened(path) as archive:
        for member in regular_members(archive, path.stat().st_size):
            parts = archived(member.name)
            if parts and ".." not in parts and parts not in heads:
                file = None if "." in parts[-1] else archive.extractfile(member)
                heads[parts] = file.read(HEAD) if file else b""
    return heads


def _read(archive: tarfile.TarFile, member: tarfile.TarInfo) -> "partial[bytes]":
    """Reads the member now, as the archive moves on; what goes wrong is raised when it is asked for."""
    try:
        return partial(bytes, read_member(archive, member))
    except UNREADABLE as error:
        return partial(_raise, reason(error))


def _raise(why: str) -> bytes:
    raise ValueError(why)
