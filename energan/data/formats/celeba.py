"""CelebA as it is published: aligned faces of 178 x 218, forty attributes of each, and who is in which split.

Liu et al. 2015, arXiv:1411.7766. The folder holds img_align_celeba/ (or the images themselves), list_attr_celeba and
list_eval_partition as .txt (the authors') or .csv (Kaggle's), beside the images, above them, or in Anno/ and Eval/.
"""

import difflib
import re
from collections.abc import Iterator
from pathlib import Path

from energan.data.decoding.failures import reason
from energan.data.decoding.listing import Files, fingerprint
from energan.data.formats.folders import Arranged, arrange, files_of, no_head, printable, walk
from energan.data.splits import ALL, TEST, TRAIN, VALIDATION
from energan.data.splits.trees import Parts
from energan.utils.errors import UserError

IMAGES = "img_align_celeba"

ATTRIBUTES, PARTITION = "list_attr_celeba", "list_eval_partition"

SPLITS = {TRAIN: "0", VALIDATION: "1", TEST: "2"}


def is_celeba(folder: Path) -> bool:
    return (folder / IMAGES).is_dir() or folder.name == IMAGES or _table(folder, ATTRIBUTES) is not None


def celeba_files(folder: Path, split: str, label: str = "") -> Files:
    """The faces of a split; labelled by one attribute, its classes are ("not Smiling", "Smiling").

    Without the partition file all are "train"; "all" is every image. Raises UserError for another split than it has or
    without the file, for an attribute that is not there or without that file, and for a file that is damaged or does
    not know an image.
    """
    where = f"CelebA in {printable(folder)}"
    if split not in (*SPLITS, ALL):
        raise UserError(f"{where} has no split {split!r}, only train, validation and test")
    images = folder
    while (images / IMAGES).is_dir():  # Kaggle's has one inside the other
        images /= IMAGES
    skipped: list[str] = []
    paths = arrange(list(walk(images, skipped)), ALL, where, no_head).paths
    marks: list[str] = []
    partition = _table(folder, PARTITION)
    place = split if partition is not None and split != ALL else ""
    if place and partition is not None:
        parts = _known(partition, dict(_rows(partition, 1)), paths)
        paths = [path for path in paths if parts[path[-1]] == [SPLITS[split]]]
        marks.append(split)
        if not paths:
            raise UserError(f"{where} has no images of the split {split!r} that {partition.name} names")
    elif split not in (TRAIN, ALL):
        raise UserError(f"{where} has no split {split!r}: {PARTITION}.txt is not there")
    if not label:
        unlabelled = Arranged(paths, [None] * len(paths), ())
        return _placed(files_of(images, unlabelled, where, tuple(skipped), tuple(marks)), folder, place)
    table = _table(folder, ATTRIBUTES)
    if table is None:
        raise UserError(f"{where} has no attribute {label!r}: {ATTRIBUTES}.txt is not there")
    labels = _labels(table, label, paths)
    marks += [label, *map(str, fingerprint(table))]
    arranged = Arranged(paths, labels, (f"not {label}", label))
    files = files_of(images, arranged, f"{where}, labelled by {label}", tuple(skipped), tuple(marks))
    return _placed(files, folder, place)


def celeba_splits(folder: Path) -> tuple[str, ...]:
    """The splits that the partition file has; () without it."""
    return tuple(SPLITS) if _table(folder, PARTITION) else ()


def _placed(files: Files, folder: Path, split: str) -> Files:
    """The files as those of a split, "" for all."""
    of = f", {split}" if split else ""
    return files._replace(words=files.words + of, place=printable(folder.resolve().name) + of)


def _labels(table: Path, label: str, paths: list[Parts]) -> list[int | None]:
    """0 or 1 of each image. UserError for an attribute or an image that the table lacks."""
    names = _header(table)
    if label not in names:
        near = difflib.get_close_matches(label, names, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(names)}"
        raise UserError(f"{printable(table)} has no attribute {label!r}: {hint}")
    column = names.index(label)
    values = _known(table, dict(_rows(table, len(names))), paths)
    return [int(values[path[-1]][column] == "1") for path in paths]


def _known(table: Path, values: dict[str, list[str]], paths: list[Parts]) -> dict[str, list[str]]:
    """Returns the values. UserError for an image without any."""
    if unknown := [path for path in paths if path[-1] not in values]:
        more = f" (and {len(unknown) - 1} more)" if len(unknown) > 1 else ""
        raise UserError(
            f"{printable(table)} does not know {printable(unknown[0])}{more}: it is cut off, or of another set"
        )
    return values


def _table(folder: Path, stem: str) -> Path | None:
    places = (folder, folder / "Anno", folder / "Eval", folder.resolve().parent)
    return next((p for place in places for e in ("txt", "csv") if (p := place / f"{stem}.{e}").is_file()), None)


def _lines(path: Path) -> list[list[str]]:
    try:
        return [re.split(r"[,\s]+", line.strip()) for line in path.read_text("utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{printable(path)} cannot be read: {reason(error)}") from error


def _header(path: Path) -> list[str]:
    """The attributes' names: the first line, but for a count above it and a name of the first column."""
    first, second = ([*_lines(path), [], []])[:2]
    return [name for name in (second if len(first) == 1 else first) if name != "image_id"]


def _rows(path: Path, columns: int) -> Iterator[tuple[str, list[str]]]:
    """File name and values of each image. UserError for a line of another number of values, or of other values."""
    for number, (name, *values) in enumerate(_lines(path), 1):
        if Path(name).suffix:  # above are a count and the columns' names
            if len(values) != columns or not set(values) <= {"-1", "0", "1", "2"}:
                raise UserError(
                    f"{printable(path)} is damaged: line {number} has not {columns} numbers after {printable(name)}"
                )
            yield name, values
