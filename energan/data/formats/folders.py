"""Folders and zip files of images: which files, in which classes, of which split."""

import os
import stat
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from energan.data.decoding.cache import Files, Item, fingerprint, stamp
from energan.data.decoding.decode import EXTENSIONS, LARGEST_FILE, reason
from energan.utils.errors import UserError

SPLITS = frozenset({"train", "test", "val", "valid", "validation"})

Parts = tuple[str, ...]  # a path inside the folder or zip


class Arranged(NamedTuple):
    paths: list[Parts]
    labels: list[int | None]
    classes: tuple[str, ...]


def printable(path: Parts | Path | str) -> str:
    """A path as text that can be printed: control characters and bytes that are no text as escapes."""
    text = "/".join(path) if isinstance(path, tuple) else str(path)
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def arrange(paths: list[Parts], split: str, where: str) -> Arranged:
    """The image files of a split, sorted, and the classes if every one lies in one of several class folders.

    Top folders called train, test, val, ... (and nothing else) are splits; without them all is "train".
    Hidden files are left out. Raises UserError if there are no images or no such split.
    """
    paths = sorted(
        path
        for path in paths
        if Path(path[-1]).suffix.lower() in EXTENSIONS
        and not any(part == "__MACOSX" or part.startswith(".") for part in path if part != "..")
    )
    if not paths:
        raise UserError(f"{where} holds no images (files ending in {' '.join(EXTENSIONS)})")
    depth, tops = _unwrap(paths, 0)
    if tops <= SPLITS:
        if split not in tops:
            raise UserError(f"{where} has no split {split!r}, only {', '.join(sorted(tops))}")
        paths = [path for path in paths if path[depth] == split]
        depth, tops = _unwrap(paths, depth + 1)
    elif split != "train":
        raise UserError(
            f"{where} has no split {split!r}: put its images into sub-folders called train and {split}, "
            "or name the folder to use"
        )
    if "" in tops:
        return Arranged(paths, [None] * len(paths), ())
    classes = sorted(tops)
    number = {name: index for index, name in enumerate(classes)}
    return Arranged(paths, [number[path[depth]] for path in paths], tuple(printable(name) for name in classes))


def _unwrap(paths: list[Parts], depth: int) -> tuple[int, set[str]]:
    """The depth below lone folders (one around everything is no class), and the folders' names there.

    "" stands for images that lie in none.
    """
    while True:
        tops = {path[depth] if len(path) > depth + 1 else "" for path in paths}
        if len(tops) > 1 or tops <= SPLITS | {""}:
            return depth, tops
        depth += 1


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
            yield Item(printable(path), partial(_regular, folder.joinpath(*path)), label)

    stamps = [str(folder.resolve()), *marks]
    for path in arranged.paths:
        try:
            stamps += ["/".join(path), *map(str, fingerprint(folder.joinpath(*path)))]
        except OSError:  # a broken link: `_regular` will say so
            stamps += ["/".join(path), "broken"]
    total = len(arranged.paths) + len(skipped)
    return Files(printable(folder.resolve().name), where, stamp(*stamps), arranged.classes, total, items, skipped)


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
    """An image by itself. Raises UserError for a split other than "train"."""
    if split != "train":
        raise UserError(f"{printable(path)} has no split {split!r}: it is one image")
    marks = stamp(path.resolve(), *fingerprint(path))
    item = Item(printable(path.name), partial(_regular, path), None)
    return Files(printable(path.stem), f"the image {printable(path)}", marks, (), 1, lambda: iter([item]), ())


def _regular(path: Path) -> Path:
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("not a regular file")  # opening a pipe would wait for ever
    if status.st_size > LARGEST_FILE:
        raise ValueError(f"{status.st_size} bytes are too many for an image")
    return path


def zip_files(path: Path, split: str) -> Files:
    """The images in a zip file, which is never unpacked to disk. Raises UserError as `arrange`, or if
    corrupt."""
    where = f"the zip file {printable(path)}"
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, NotImplementedError) as error:
        raise UserError(f"{where} cannot be read: {reason(error)}") from error
    members = {tuple(info.filename.split("/")): info for info in archive.infolist() if not info.is_dir()}
    arranged = arrange(list(members), split, where)

    def items() -> Iterator[Item]:
        for inside, label in zip(arranged.paths, arranged.labels, strict=True):
            yield Item(printable(inside), partial(_member, archive, members[inside]), label)

    marks = stamp(path.resolve(), split, *fingerprint(path))
    return Files(printable(path.stem), where, marks, arranged.classes, len(arranged.paths), items, ())


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    if member.file_size > LARGEST_FILE:
        raise ValueError(f"{member.file_size} bytes are too many for an image")
    return archive.read(member)
