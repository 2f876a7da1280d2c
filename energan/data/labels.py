"""Labels of the user's own images: those of a CSV file, and classes of another set by their names.

file,label
cats/01.png,cat         the file as `.files` has it: relative to the folder
02.png,                 no label, as -1 and a file that is not named: an image without one
"""

import codecs
import csv
import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from io import StringIO
from pathlib import Path

import torch
from jaxtyping import Bool, UInt8
from torch import Tensor

from energan.data.classes import classes_of, plain_label
from energan.data.decoding.failures import reason
from energan.data.decoding.listing import stamp
from energan.data.formats.archives import names_in
from energan.data.formats.folders import printable
from energan.data.image_set import NONE, ImageSet, rows_of
from energan.data.splits.words import normal
from energan.utils.console import warn
from energan.utils.errors import UserError

COLUMNS = ("file", "label")

DELIMITERS = ",;\t|"  # tried in this order

MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))

WHOLE = re.compile(r"(-?[0-9]+)(?:\.0*)?")

PAGE = re.compile(r"(.+) page [0-9]+", re.DOTALL)  # of a file of several pages, in `.files`

WINDOWS = re.compile(r"[A-Za-z]:[\\/]")  # the start of a path in full


def labelled_by(data: ImageSet, path: Path, folder: Path) -> ImageSet:
    """The images of `folder` with the labels of a CSV: -1 where it has none; its classes in their order.

    Files are named relative to the folder, or in full; with / or Windows' separators. Columns are separated by commas,
    semicolons, tabs or bars; the text is UTF-8 or UTF-16. Empty, -1 and nan are no label; 1.0 is 1 where all labels are
    whole numbers. The label of a file of several pages is that of each page which has none of its own.

    `sha256` becomes one of images and labels. UserError for a CSV that cannot be read, lacks a column or has no label,
    for files named in it that the folder lacks, and for two labels of one file.
    """
    where = f"the labels file {printable(path)}"
    if not data.files:
        raise UserError(f"{where} names files, and {data.name} has none: labels files are for folders and .zip")
    try:
        rows = label_rows(path.read_bytes(), where)
        known = _Known(data, folder)
        label_of = _labels(rows, known, where)
    except (OSError, UnicodeError, csv.Error) as error:
        raise UserError(f"{where} cannot be read: {reason(error)}") from error
    if known.lacking:
        more = f" (and {len(known.lacking) - 1} more)" if len(known.lacking) > 1 else ""
        raise UserError(
            f"{where} names {printable(known.lacking[0])}{more}, which is no image of {data.name}: "
            "name files as in the folder"
        )
    values = [label_of.get(name, label_of.get(file_of_page(name), "")) for name in map(normal, data.files)]
    numbers, classes = classes_of(_whole(values), (), where)
    if not numbers:
        raise UserError(f"{where} has no label for any image of {data.name}")
    words, shown = f"{data.source}, labelled by {printable(path)}", tuple(map(printable, classes))
    key = stamp(data.sha256, *numbers, *shown)  # the same for a table that says the same in other words
    return data._replace(labels=torch.tensor(numbers), classes=shown, source=words, sha256=key)


def label_rows(content: bytes, where: str) -> Iterator[tuple[int, str, str]]:
    """Line, file and label of each row. UserError for a missing column."""
    lines = text_lines(content)
    for delimiter in DELIMITERS:
        rows = csv.reader(lines, delimiter=delimiter)
        header = [name.strip().lower() for name in next(rows, [])]
        if set(COLUMNS) <= set(header):
            break
    else:
        header = [name.strip().lower() for name in next(csv.reader(lines), [])]
        lacking = next(column for column in COLUMNS if column not in header)
        columns = ", ".join(map(printable, header)) or "nothing"
        raise UserError(f"{where} has no column {lacking!r} in its first line, only {columns}")
    f, y = (header.index(column) for column in COLUMNS)
    for row in rows:
        if len(row) > f and row[f].strip():
            yield rows.line_num, row[f].strip(), row[y].strip() if len(row) > y else ""


def text_lines(content: bytes) -> list[str]:
    """The lines of a CSV in UTF-8 or UTF-16, without Excel's own first one. UnicodeError for what is no text."""
    encoding = next((name for mark, name in MARKS if content.startswith(mark)), "utf-8")
    if encoding == "utf-8" and b"\0" in content[:2]:  # UTF-16 that does not say so: its first letter is ASCII
        encoding = "utf-16-be" if content[:1] == b"\0" else "utf-16-le"
    lines = list(StringIO(content.decode(encoding), newline=""))  # str.splitlines would end lines at \x85, \u2028
    if lines and lines[0].lower().startswith("sep="):  # Excel's own line
        return lines[1:]
    return lines


def _labels(rows: Iterable[tuple[int, str, str]], known: "_Known", where: str) -> dict[str, str]:
    """The label of each file, both as text. UserError for a file with two labels."""
    label_of: dict[str, str] = {}
    for line, file, label in rows:
        name = known.find(file, where)
        if name is None:
            continue
        if label_of.setdefault(name, label) != label:
            both = f"{printable(label_of[name]) or 'none'} and {printable(label) or 'none'}"
            raise UserError(f"{where} gives {name} two labels, {both} (line {line}): keep one")
    return label_of


def _whole(values: list[str]) -> list[str]:
    """The labels, with 1.0 as 1 where all are whole numbers: so tables are written in which one label is missing."""
    numbers = [WHOLE.fullmatch(value) for value in values if plain_label(value) != NONE]
    if not all(numbers):
        return values
    return [match[1] if (match := WHOLE.fullmatch(value)) else value for value in values]


def file_of_page(name: str) -> str:
    """The file that a page is of, as `.files` names pages; "" for what is no page.

    Example:
        >>> file_of_page("scans/a.tif page 12"), file_of_page("scans/a.tif")
        ('scans/a.tif', '')
    """
    match = PAGE.fullmatch(name)
    return match[1] if match else ""


class _Known:
    """The files that a CSV may name; `lacking` collects those that it names and that are not there."""

    def __init__(self, data: ImageSet, folder: Path) -> None:
        self._loaded = {normal(name) for name in data.files}
        self._paged = {file_of_page(name) for name in self._loaded} - {""}
        self._unreadable = {normal(text.rpartition(": ")[0]) for text in data.skipped}
        self._folder, self._roots = folder, tuple({folder.absolute(), folder.resolve()})
        self._packed = {normal(name) for name in names_in(folder)}
        self.lacking: list[str] = []

    def find(self, file: str, where: str) -> str | None:
        """The file's name as `.files` has it, composed; None where it is not among them.

        UserError for one outside the folder.
        """
        written = normal(printable(file))
        if written in self._loaded:
            return written
        inside = self._inside(file if WINDOWS.match(file) else file.replace("\\", "/"), where)
        name = normal(printable(inside))
        if name in self._loaded:
            return name
        there = name in self._packed or self._elsewhere(inside)
        if there and name in self._paged:
            return name
        if name not in self._unreadable and not there:
            self.lacking.append(file)
        return None

    def _inside(self, file: str, where: str) -> str:
        """The path relative to the folder. UserError for one that leads out of it."""
        path = Path(os.path.normpath(file))
        if path.is_absolute():
            root = next((root for root in self._roots if path.is_relative_to(root)), None)
            inside = None if root is None else path.relative_to(root)
        else:
            inside = None if ".." in path.parts else path
        if inside is None or WINDOWS.match(file):
            raise UserError(f"{where} names {printable(file)}, which is not in {printable(self._folder)}")
        return inside.as_posix()

    def _elsewhere(self, inside: str) -> bool:
        """Whether the file is there, but of another split."""
        try:
            return (self._folder / inside).is_file()
        except OSError:  # a name that no file can have
            return False


def in_classes(data: ImageSet, classes: tuple[str, ...]) -> ImageSet:
    """The labelled images of `data`, numbered as `classes` by the names of theirs.

    UserError for images without labels, and for a class that is not among `classes`.
    """
    if data.labels is None:
        raise UserError(f"{data.name} has no labels: put its images into one sub-folder per class")
    if strange := [name for name in data.classes if name not in classes]:
        raise UserError(
            f"{data.name} has a class {strange[0]!r}, which is none of those trained on: "
            f"{', '.join(classes[:10])}{', ...' * (len(classes) > 10)}"
        )
    kept = (data.labels != NONE).nonzero().squeeze(1)
    numbers = torch.tensor([classes.index(name) for name in data.classes])
    whole = data.images if len(kept) == len(data.images) else None
    return rows_of(data, kept, whole)._replace(labels=numbers[data.labels[kept]], classes=classes)


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


def refuse_trained(test: ImageSet, training: ImageSet) -> None:
    """UserError where all test images are labelled training images; a warning where some are: the error is too low."""
    assert training.labels is not None
    if test.images.shape[1:] != training.images.shape[1:]:
        return
    same = _common(test, training, training.labels != NONE)
    if same == len(test.images):
        raise UserError(
            f"the test images {test.counted} are images that the classifier learns with their labels "
            f"({training.counted}): name others with `test`, or leave it out"
        )
    if same:
        warn(f"{same} of the {len(test.images)} test images are also training images: the error will be too low")


def trained_without_labels(test: ImageSet, training: ImageSet) -> int:
    """How many of the test images are trained on too, without their labels: they are not held out."""
    if training.labels is None or test.images.shape[1:] != training.images.shape[1:]:
        return 0
    return _common(test, training, training.labels == NONE)


def _common(test: ImageSet, training: ImageSet, chosen: Bool[Tensor, " n"]) -> int:
    """How many of the test images are among the chosen training images."""
    known = set(_digests(training.images, chosen.nonzero().flatten().tolist()))
    return sum(digest in known for digest in _digests(test.images, range(len(test.images)))) if known else 0


def _digests(images: UInt8[Tensor, "n c h w"], rows: Iterable[int]) -> Iterator[bytes]:
    return (hashlib.sha256(images[row].contiguous().numpy().data).digest() for row in rows)
