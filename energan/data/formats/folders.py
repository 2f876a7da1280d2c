"""Folders and zip files of images: which files, in which classes, of which split."""

import os
import re
import stat
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from energan.data.decoding.cache import Files, Item, fingerprint, stamp
from energan.data.decoding.decode import EXTENSIONS, LARGEST_FILE, reason
from energan.data.splits import ALL, SPLITS, TRAIN, canonical
from energan.data.splits.trees import Parts, part, tree
from energan.utils.errors import UserError

DRIVE = re.compile(r"[A-Za-z]:")  # of Windows, at the start of a path in a zip


class Arranged(NamedTuple):
    paths: list[Parts]
    labels: list[int | None]
    classes: tuple[str, ...]
    place: str = ""  # inside the source: "train"; "" for all of it
    notes: tuple[str, ...] = ()  # what is left out because it is of no split


def printable(path: Parts | Path | str) -> str:
    """A path as text that can be printed: control characters and bytes that are no text as escapes."""
    text = "/".join(path) if isinstance(path, tuple) else str(path)
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def arrange(paths: list[Parts], split: str, where: str) -> Arranged:
    """The image files of a split, sorted, and their classes, by the rule for all sources (energan.data.splits).

    Hidden files are left out. Raises UserError if there are no images, if there is no such split, and for folders that
    can be read in two ways.
    """
    of_split, found = part(_images(paths, where), split, where)
    classes, notes = map(printable, of_split.classes), map(printable, found.notes)
    return Arranged(of_split.paths, of_split.labels, tuple(classes), printable(of_split.place), tuple(notes))


def _images(paths: list[Parts], where: str) -> list[Parts]:
    """The paths of image files that are not hidden. UserError without any."""
    images = [
        path
        for path in paths
        if Path(path[-1]).suffix.lower() in EXTENSIONS
        and not any(name == "__MACOSX" or name.startswith(".") for name in path)
    ]
    if not images:
        raise UserError(f"{where} holds no images (files ending in {' '.join(EXTENSIONS)})")
    return images


def folder_splits(folder: Path) -> tuple[str, ...]:
    """The splits that a folder has, by their usual names; () where it is all one. Raises UserError as `arrange`."""
    where = f"the folder {printable(folder)}"
    return tree(_images(list(walk(folder, [])), where), where).splits


def zip_splits(path: Path) -> tuple[str, ...]:
    """The splits that a zip file has. Raises UserError as `zip_files`."""
    where = f"the zip file {printable(path)}"
    return tree(_images(list(_members(_opened(path, where))[0]), where), where).splits


def folder_files(folder: Path, split: str) -> Files:
    """The images in a folder and its sub-folders. Raises UserError as `arrange`, or if it cannot be
    listed."""
    where = f"the folder {printable(folder)}"
    try:
        os.scandir(folder).close()
    except OSError as error:
        raise UserError(f"{where} cannot be listed: {reason(error)}") from error
    skipped: list[str] = []
    arranged = arrange(list(walk(folder, skipped)), split, where)
    return files_of(folder, arranged, where, tuple(skipped))


def files_of(folder: Path, arranged: Arranged, where: str, skipped: Parts = (), marks: Parts = ()) -> Files:
    """The files of a folder whose paths and labels are known; `marks` are what else its content depends on."""

    def items() -> Iterator[Item]:
        for path, label in zip(arranged.paths, arranged.labels, strict=True):
            yield Item(printable(path), partial(regular, folder.joinpath(*path)), label)

    stamps = [str(folder.resolve()), *marks, *arranged.classes]
    for path in arranged.paths:
        try:
            stamps += ["/".join(path), *map(str, fingerprint(folder.joinpath(*path)))]
        except OSError:  # a broken link: `regular` will say so
            stamps += ["/".join(path), "broken"]
    total, name = len(arranged.paths) + len(skipped), printable(folder.resolve().name)
    place = f"/{arranged.place}" if arranged.place else ""
    above = (
        f"{printable(folder.resolve().parent.name)}/"
        if not place and canonical(folder.resolve().name) in SPLITS
        else ""
    )
    return Files(
        name, where + place, stamp(*stamps), arranged.classes, total, items, skipped, above + name + place,
        arranged.notes,
    )  # fmt: skip


def walk(folder: Path, skipped: list[str]) -> Iterator[Parts]:
    """Every file below `folder`. Links are followed, each folder once, so that a loop of links ends."""

    def unlistable(error: OSError) -> None:
        skipped.append(f"{printable(os.path.relpath(error.filename, folder))}: {reason(error)}")

    visited: set[tuple[int, int]] = set()
    for root, folders, files in os.walk(folder, followlinks=True, onerror=unlistable):
        status = Path(root).stat()
        if (status.st_dev, status.st_ino) in visited:
            folders.clear()
            continue
        visited.add((status.st_dev, status.st_ino))
        folders.sort()  # the same order everywhere: of two links to one folder, the first is followed
        inside = Path(root).relative_to(folder).parts
        yield from ((*inside, file) for file in files)


def one_file(path: Path, split: str) -> Files:
    """An image by itself. Raises UserError for a split other than "train" and "all"."""
    if split not in (TRAIN, ALL):
        raise UserError(f"{printable(path)} has no split {split!r}: it is one image")
    marks = stamp(path.resolve(), *fingerprint(path))
    item = Item(printable(path.name), partial(regular, path), None)
    return Files(printable(path.stem), f"the image {printable(path)}", marks, (), 1, lambda: iter([item]), ())


def regular(path: Path, largest: int = LARGEST_FILE) -> Path:
    """The path. ValueError unless it is a regular file of at most so many bytes."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("not a regular file")  # opening a pipe would wait for ever
    if status.st_size > largest:
        raise ValueError(f"{status.st_size} bytes are too many for an image")
    return path


def zip_files(path: Path, split: str) -> Files:
    """The images in a zip file, which is never unpacked to disk. Raises UserError as `arrange`, or if
    corrupt."""
    where = f"the zip file {printable(path)}"
    archive = _opened(path, where)
    members, skipped = _members(archive)
    arranged = arrange(list(members), split, where)

    def items() -> Iterator[Item]:
        for inside, label in zip(arranged.paths, arranged.labels, strict=True):
            yield Item(printable(inside), partial(_member, archive, members[inside]), label)

    marks = stamp(path.resolve(), split, *fingerprint(path), *arranged.classes)
    place = f"/{arranged.place}" if arranged.place else ""
    return Files(
        printable(path.stem), where + place, marks, arranged.classes, len(arranged.paths) + len(skipped), items,
        skipped, printable(path.name) + place, arranged.notes,
    )  # fmt: skip


def zip_names(path: Path) -> set[str]:
    """The names of all files in a zip, as `.files` has them. Raises UserError as `zip_files`."""
    return {printable(parts) for parts in _members(_opened(path, f"the zip file {printable(path)}"))[0]}


def _opened(path: Path, where: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, NotImplementedError) as error:
        raise UserError(f"{where} cannot be read: {reason(error)}") from error


def _members(archive: zipfile.ZipFile) -> tuple[dict[Parts, zipfile.ZipInfo], tuple[str, ...]]:
    """The files by their paths, however these are written, and what is left out: images that lie outside, or twice."""
    members: dict[Parts, zipfile.ZipInfo] = {}
    skipped = []
    for info in archive.infolist():
        parts = archived(info.filename)
        if info.is_dir() or not parts:
            continue
        why = "lies outside the archive" if ".." in parts else "a later entry has its name" if parts in members else ""
        if why and Path(parts[-1]).suffix.lower() in EXTENSIONS:
            skipped.append(f"{printable(info.filename)}: {why}")
        if ".." not in parts:
            members[parts] = info  # of two entries of one name the last counts, as when unpacking
    return members, tuple(skipped)


def archived(name: str) -> Parts:
    r"""A member's path: Windows' separators, drives, a leading / and ./ are those of the program that packed it.

    Example:
        >>> archived(r"cat\0.png") == archived("/cat/0.png") == archived("./cat//0.png") == ("cat", "0.png")
        True
    """
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
    return tuple(parts[1:] if parts and DRIVE.fullmatch(parts[0]) else parts)


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    if member.file_size > LARGEST_FILE:
        raise ValueError(f"{member.file_size} bytes are too many for an image")
    return archive.read(member)
