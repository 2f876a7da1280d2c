"""Folders and zip files of images: which files, in which classes, of which split."""

import os
import re
import stat
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from energan.data.containers.kinds import HEAD, HEIF, Selection, select_images
from energan.data.decoding.bounds import LARGEST_FILE, check_ratio
from energan.data.decoding.decode import EXTENSIONS
from energan.data.decoding.failures import UNREADABLE, as_user_error, reason
from energan.data.decoding.listing import Files, Item, fingerprint, stamp
from energan.data.splits import ALL, SPLITS, TRAIN, canonical
from energan.data.splits.trees import Parts, part, tree
from energan.utils import errors
from energan.utils.console import announce_if_slow
from energan.utils.errors import UserError

DRIVE = re.compile(r"[A-Za-z]:")  # of Windows, at the start of a path in a zip


Head = Callable[[Parts], bytes]  # a file's first bytes

OUTSIDE = "lies outside the archive"

REPLACED = "a later entry has its name"


class Arranged(NamedTuple):
    paths: list[Parts]
    labels: list[int | None]
    classes: tuple[str, ...]
    place: str = ""  # inside the source: "train"; "" for all of it
    notes: tuple[str, ...] = ()  # what is left out because it is of no split
    left_out: tuple[str, ...] = ()  # what is no image that can be read, a phrase for each kind


def printable(path: Parts | Path | str) -> str:
    """A path as text that can be printed: control characters and bytes that are no text as escapes."""
    return errors.printable("/".join(path) if isinstance(path, tuple) else path)


def arrange(paths: list[Parts], split: str, where: str, head: Head) -> Arranged:
    """The image files of a split, sorted, and their classes, by the rule for all sources (energan.data.splits).

    `head` gives a file's first bytes. Hidden files are left out. Raises UserError if there are no images, if there is
    no such split, and for folders that can be read in two ways.
    """
    images, left_out = _images(paths, where, head)
    of_split, found = part(images, split, where)
    classes, notes = map(printable, of_split.classes), map(printable, found.notes)
    return Arranged(of_split.paths, of_split.labels, tuple(classes), printable(of_split.place), tuple(notes), left_out)


def _images(paths: list[Parts], where: str, head: Head) -> Selection:
    """The image files, and what is left out. UserError without any."""
    found = select_images(paths, head)
    if not found.images:
        others = f"; it has {', '.join(found.left_out)}" if found.left_out else ""
        raise UserError(f"{where} holds no images (files ending in {' '.join(EXTENSIONS)}){others}")
    return found._replace(left_out=tuple(map(printable, found.left_out)))


def splits_among(paths: list[Parts], where: str, head: Head) -> tuple[str, ...]:
    """The splits that files are of, by their usual names; () where they are all one. Raises UserError as `arrange`."""
    return tree(_images(paths, where, head).images, where).splits


def folder_splits(folder: Path) -> tuple[str, ...]:
    """The splits that a folder has. Raises UserError as `arrange`."""
    return splits_among(list(walk(folder, [])), f"the folder {printable(folder)}", partial(_head, folder))


def zip_splits(path: Path) -> tuple[str, ...]:
    """The splits that a zip file has. Raises UserError as `zip_files`."""
    where = f"the zip file {printable(path)}"
    archive = _opened(path, where)
    members = _members(archive)[0]
    return splits_among(list(members), where, lambda parts: _member_head(archive, members[parts]))


def no_head(_: Parts) -> bytes:
    """For sets whose images all have an ending."""
    return b""


def _head(folder: Path, parts: Parts) -> bytes:
    """A file's first bytes; none where it cannot be read."""
    try:
        with regular(folder.joinpath(*parts)).open("rb") as file:
            return file.read(HEAD)
    except (OSError, ValueError):
        return b""


def _member_head(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    try:
        with archive.open(member) as file:
            return file.read(HEAD)
    except UNREADABLE:
        return b""


def folder_files(folder: Path, split: str) -> Files:
    """The images in a folder and its sub-folders. Raises UserError as `arrange`, or if it cannot be
    listed."""
    where = f"the folder {printable(folder)}"
    try:
        os.scandir(folder).close()
    except OSError as error:
        raise UserError(f"{where} cannot be listed: {reason(error)}") from error
    skipped: list[str] = []
    arranged = arrange(list(walk(folder, skipped)), split, where, partial(_head, folder))
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
        arranged.notes, arranged.left_out,
    )  # fmt: skip


def walk(folder: Path, skipped: list[str]) -> Iterator[Parts]:
    """Every file below `folder`. Links are followed, each folder once, so that a loop of links ends."""

    def unlistable(error: OSError) -> None:
        skipped.append(f"{printable(os.path.relpath(error.filename, folder))}: {reason(error)}")

    visited: set[tuple[int, int]] = set()
    tree = os.walk(folder, followlinks=True, onerror=unlistable)
    for root, folders, files in announce_if_slow(tree, f"listing the files in {printable(folder)}"):
        try:
            status = Path(root).stat()
        except OSError as error:  # gone since it was listed
            unlistable(error)
            folders.clear()
            continue
        if (status.st_dev, status.st_ino) in visited:
            folders.clear()
            continue
        visited.add((status.st_dev, status.st_ino))
        folders.sort()  # the same order everywhere: of two links to one folder, the first is followed
        inside = Path(root).relative_to(folder).parts
        yield from ((*inside, file) for file in files)


def one_file(path: Path, split: str) -> Files:
    """An image by itself. Raises UserError for another file and for a split other than "train" and "all"."""
    if not select_images([(path.name,)], lambda _: _head(path.parent, (path.name,))).images:
        heic = ": pip install 'energan[heic]' makes HEIC readable" if path.suffix.lower() in HEIF else ""
        raise UserError(
            f"{printable(path)} is none of what can be loaded: an image, a folder, .zip or .tar of images, .npz, .npy "
            f"or .parquet{heic}"
        )
    if split not in (TRAIN, ALL):
        raise UserError(f"{printable(path)} has no split {split!r}: it is one image")
    marks = stamp(path.resolve(), *fingerprint(path))
    item = Item(printable(path.name), partial(regular, path), None)
    return Files(printable(path.stem), f"the image {printable(path)}", marks, (), 1, lambda: iter([item]), ())


def inside(folder: Path, name: str) -> Path:
    """A file that a table beside it names. ValueError unless it is a regular file in the folder, no link out of it."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts or ".." in parts or parts[0] == "/" or "\0" in name:
        raise ValueError(f"its path {printable(name)!r} is not one inside the folder, so it is not read")
    path = folder.joinpath(*parts)
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"its path {printable(name)!r} leads out of the folder, so it is not read")
    return regular(path)


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
    arranged = arrange(list(members), split, where, lambda parts: _member_head(archive, members[parts]))

    def items() -> Iterator[Item]:
        for inside, label in zip(arranged.paths, arranged.labels, strict=True):
            yield Item(printable(inside), partial(_member, archive, members[inside]), label, members[inside].file_size)

    marks = stamp(path.resolve(), split, *fingerprint(path), *arranged.classes)
    place = f"/{arranged.place}" if arranged.place else ""
    return Files(
        printable(path.stem), where + place, marks, arranged.classes, len(arranged.paths) + len(skipped), items,
        skipped, printable(path.name) + place, arranged.notes, arranged.left_out,
    )  # fmt: skip


def zip_names(path: Path) -> set[str]:
    """The names of all files in a zip, as `.files` has them. Raises UserError as `zip_files`."""
    return {printable(parts) for parts in _members(_opened(path, f"the zip file {printable(path)}"))[0]}


def _opened(path: Path, where: str) -> zipfile.ZipFile:
    """The archive. UserError if it is damaged, or says that it grows more than images do."""
    with as_user_error(where):
        archive = zipfile.ZipFile(path)
        check_ratio("it", sum(info.file_size for info in archive.infolist()), path.stat().st_size)
    return archive


def _members(archive: zipfile.ZipFile) -> tuple[dict[Parts, zipfile.ZipInfo], tuple[str, ...]]:
    """The files by their paths, however these are written, and what is left out: images that lie outside, or twice."""
    members: dict[Parts, zipfile.ZipInfo] = {}
    skipped = []
    for info in archive.infolist():
        parts = archived(info.filename)
        if not parts or info.is_dir():  # `is_dir` fails without a name
            continue
        why = OUTSIDE if ".." in parts else REPLACED if parts in members else ""
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
