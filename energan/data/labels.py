"""Labels of the user's own images: those of a CSV file, and classes of another set by their names.

file,label
cats/01.png,cat         the file as `.files` has it: relative to the folder
02.png,                 no label, as -1 and a file that is not named: an image without one
"""

import csv
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TextIO

import torch

from energan.data.decoding.decode import reason
from energan.data.formats.folders import printable
from energan.data.image_set import NONE, ImageSet
from energan.utils.errors import UserError

COLUMNS = ("file", "label")

UNKNOWN = ("", str(NONE))  # labels that are none


def labelled_by(data: ImageSet, path: Path, folder: Path) -> ImageSet:
    """The images of `folder` with the labels of a CSV: -1 where it has none; its classes in their order.

    `sha256` becomes one of images and labels. UserError for a CSV that cannot be read, lacks a column or has no label,
    for files named in it that the folder lacks, and for two labels of one file.
    """
    where = f"the labels file {printable(path)}"
    if not data.files:
        raise UserError(f"{where} names files, and {data.name} has none: labels files are for folders and .zip")
    try:
        content = path.read_bytes()
        with path.open(newline="", encoding="utf-8-sig") as file:
            label_of = _read(file, where)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{where} cannot be read: {reason(error)}") from error
    loaded = set(data.files)
    known = loaded.union(text.rpartition(": ")[0] for text in data.skipped)
    lacking = [name for name in label_of if name not in known and not _elsewhere(folder, name)]
    if lacking:
        more = f" (and {len(lacking) - 1} more)" if len(lacking) > 1 else ""
        raise UserError(
            f"{where} names {lacking[0]}{more}, which is no image of {data.name}: name files as in the folder"
        )
    classes = sorted({label for name, label in label_of.items() if label not in UNKNOWN and name in loaded})
    if not classes:
        raise UserError(f"{where} has no label for any image of {data.name}")
    number = {name: index for index, name in enumerate(classes)} | dict.fromkeys(UNKNOWN, NONE)
    labels = torch.tensor([number[label_of.get(name, "")] for name in data.files])
    key = hashlib.sha256(data.sha256.encode() + content).hexdigest()
    words = f"{data.source}, labelled by {printable(path)}"
    return data._replace(labels=labels, classes=tuple(map(printable, classes)), source=words, sha256=key)


def _read(file: TextIO, where: str) -> dict[str, str]:
    """label of file, both as text. UserError for a missing column, and for a file with two labels."""
    rows = csv.reader(file)
    header = [name.strip().lower() for name in next(rows, [])]
    for column in COLUMNS:
        if column not in header:
            columns = ", ".join(map(printable, header)) or "nothing"
            raise UserError(f"{where} has no column {column!r} in its first line, only {columns}")
    f, y = (header.index(column) for column in COLUMNS)
    label_of: dict[str, str] = {}
    for row in rows:
        if len(row) <= f or not row[f].strip():
            continue
        name = printable(PurePosixPath(row[f].strip()).as_posix())
        label = row[y].strip() if len(row) > y else ""
        if label_of.setdefault(name, label) != label:
            both = f"{printable(label_of[name]) or 'none'} and {printable(label) or 'none'}"
            raise UserError(f"{where} gives {name} two labels, {both} (line {rows.line_num}): keep one")
    return label_of


def _elsewhere(folder: Path, name: str) -> bool:
    """Whether the file is there, but of another split."""
    return ".." not in PurePosixPath(name).parts and (folder / name).is_file()


def in_classes(data: ImageSet, classes: tuple[str, ...]) -> ImageSet:
    """The labelled images of `data`, numbered as `classes` by the names of theirs.

    UserError for images without labels, and for a class that is not among `classes`.
    """
    if data.labels is None:
        raise UserError(f"{data.name} has no labels: put its images into one sub-folder per class")
    if strange := [name for name in data.classes if name not in classes]:
        raise UserError(
            f"{data.name} has a class {strange[0]!r}, which is none of those trained on: {', '.join(classes)}"
        )
    kept = (data.labels != NONE).nonzero().squeeze(1)
    numbers = torch.tensor([classes.index(name) for name in data.classes])
    files = tuple(data.files[i] for i in kept.tolist()) if data.files else ()
    images = data.images if len(kept) == len(data.images) else data.images[kept]
    return data._replace(images=images, labels=numbers[data.labels[kept]], classes=classes, files=files)


def merged(data: ImageSet, groups: Mapping[str, Sequence[str]]) -> ImageSet:
    """The images whose classes are in one of `groups` (name -> classes put together), as of that group; all others
    without a label.

    UserError for images without labels, and for a class that they do not have.
    """
    if data.labels is None:
        raise UserError(f"{data.name} has no labels to merge")
    if strange := [name for members in groups.values() for name in members if name not in data.classes]:
        raise UserError(f"{data.name} has no class {strange[0]!r} to merge; it has {', '.join(data.classes)}")
    number = {name: i for i, members in enumerate(groups.values()) for name in members}
    numbers = torch.tensor([*(number.get(name, NONE) for name in data.classes), NONE])  # -1 stays so
    text = "; ".join(f"{name}: {', '.join(members)}" for name, members in groups.items())
    key = hashlib.sha256(f"{data.sha256} {text}".encode()).hexdigest()
    words = f"{data.source}, merged ({text})"
    return data._replace(labels=numbers[data.labels.long()], classes=tuple(groups), source=words, sha256=key)
