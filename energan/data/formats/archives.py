"""Tar archives of images: read in the order of their files, as one pass is all that a packed archive allows."""

import tarfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from energan.data.containers.kinds import HEAD, Parts, is_looked_at
from energan.data.containers.tar import is_tar, opened, read_member, regular_members, stem
from energan.data.decoding.decode import EXTENSIONS
from energan.data.decoding.failures import UNREADABLE, as_user_error, reason
from energan.data.decoding.listing import Files, Item, fingerprint, stamp
from energan.data.formats.folders import OUTSIDE, REPLACED, archived, arrange, printable, splits_among, zip_names


def tar_files(path: Path, split: str) -> Files:
    """The images in a tar archive, which is never unpacked to disk. UserError as `arrange`, or if it is damaged."""
    where = f"the archive {printable(path)}"
    heads, last, skipped = _listed(path, where)
    arranged = arrange(list(heads), split, where, heads.__getitem__)
    label_of = dict(zip(arranged.paths, arranged.labels, strict=True))

    def items() -> Iterator[Item]:
        with as_user_error(where), opened(path) as archive:
            for number, member in enumerate(regular_members(archive, path.stat().st_size)):
                parts = archived(member.name)
                if parts in label_of and last[parts] == number:
                    yield Item(printable(parts), _read(archive, member), label_of[parts])

    marks = stamp(path.resolve(), split, *fingerprint(path), *arranged.classes)
    place = f"/{arranged.place}" if arranged.place else ""
    return Files(
        printable(stem(path)), where + place, marks, arranged.classes, len(arranged.paths) + len(skipped), items,
        skipped, printable(path.name) + place, arranged.notes, arranged.left_out,
    )  # fmt: skip


def tar_splits(path: Path) -> tuple[str, ...]:
    """The splits that a tar archive has. UserError as `tar_files`."""
    where = f"the archive {printable(path)}"
    heads, _, _ = _listed(path, where)
    return splits_among(list(heads), where, heads.__getitem__)


def names_in(path: Path) -> set[str]:
    """The names of all files in a zip or tar archive, as `.files` has them; none of other paths. UserError as above."""
    if path.suffix.lower() == ".zip" and path.is_file():
        return zip_names(path)
    return {printable(parts) for parts in _listed(path, f"the archive {printable(path)}")[0]} if is_tar(path) else set()


def _listed(path: Path, where: str) -> tuple[dict[Parts, bytes], dict[Parts, int], tuple[str, ...]]:
    """The files: the first bytes of those whose name does not say what they are, and which regular file each is.

    And what is left out: images that lie outside, that are links, or that a later file replaces, as when unpacking.
    """
    heads: dict[Parts, bytes] = {}
    last: dict[Parts, int] = {}
    skipped, links = list[str](), list[str]()
    with as_user_error(where), opened(path) as archive:
        for number, member in enumerate(regular_members(archive, path.stat().st_size, links)):
            parts = archived(member.name)
            if not parts:
                continue
            why = OUTSIDE if ".." in parts else REPLACED if parts in heads else ""
            if why and _is_named_image(parts):
                skipped.append(f"{printable(member.name)}: {why}")
            if ".." not in parts:
                file = archive.extractfile(member) if is_looked_at(parts) else None
                heads[parts], last[parts] = file.read(HEAD) if file else b"", number
    skipped += [
        f"{printable(name)}: a link, which is not followed" for name in links if _is_named_image(archived(name))
    ]
    return heads, last, tuple(skipped)


def _is_named_image(parts: Parts) -> bool:
    return bool(parts) and Path(parts[-1]).suffix.lower() in EXTENSIONS


def _read(archive: tarfile.TarFile, member: tarfile.TarInfo) -> "partial[bytes]":
    """Reads the member now, as the archive moves on; what goes wrong is raised when it is asked for."""
    try:
        return partial(bytes, read_member(archive, member))
    except UNREADABLE as error:
        return partial(_raise, reason(error))


def _raise(why: str) -> bytes:
    raise ValueError(why)
