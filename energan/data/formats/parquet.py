"""Parquet files in the Hugging Face layout.

A column of images (`image`, `img`, ..., else the only one that fits: binary, or a struct of `bytes` and `path`) and, if
there is one, a column of classes (`label`, `labels`, `fine_label` or `y`: integers or text).
"""

import json
import os
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Int, UInt8
from numpy import ndarray as Array

from energan.data.classes import classes_of
from energan.data.decoding.decode import decode
from energan.data.decoding.failures import as_user_error
from energan.data.decoding.listing import Files, Item, fingerprint, stamp
from energan.data.decoding.writing import FEW, SHARE
from energan.data.formats.folders import inside, printable
from energan.data.image_set import NONE
from energan.data.splits import ALL, TRAIN
from energan.data.splits.words import file_splits, in_order
from energan.utils.console import announce_if_slow
from energan.utils.errors import UserError

if TYPE_CHECKING:
    from pyarrow import RecordBatch, Schema
    from pyarrow.parquet import ParquetFile

IMAGES = ("image", "images", "img", "picture", "pixel_values", "jpg", "png", "webp")  # in order of preference

METADATA = "metadata.parquet"  # of a folder of image files, in the Hugging Face layout: what is known of them

LABELS = ("label", "labels", "fine_label", "y")

ROWS, AT_ONCE = 256, 2**28  # rows read at a time, and the bytes that they may have

LABELS_AT_ONCE = 64  # rows, at least: of labels alone, one at a time would take a while

SMALLEST = 100  # bytes of a file for each row, of images; where there are fewer, rows without an image are counted


def is_parquet(folder: Path) -> bool:
    """Whether a folder holds parquet files, perhaps in sub-folders."""
    return next(_found(folder), None) is not None


def parquet_file(path: Path, split: str) -> Files:
    """The images in one parquet file, which is all one split. Raises UserError as `parquet_folder`."""
    where = f"the parquet file {printable(path)}"
    if split not in (TRAIN, ALL):
        raise UserError(f"{where} has no split {split!r}: name the file that holds it, or a folder of such files")
    return _files([path], path.parent, where, printable(path.stem), path.name)


def parquet_folder(folder: Path, split: str) -> Files:
    """The images of a split in a folder's parquet files: those that a word of their path says are (train-00000-...).

    Without such words all are "train"; "all" is every file. Raises UserError if a file cannot be read or has no column
    of images, if there is no such split, and for files of which some have such a word.
    """
    where, name = f"the folder {printable(folder)} of parquet files", printable(folder.resolve().name)
    paths = _tables(folder)
    if split == ALL:
        return _files(paths, folder, where, name, name)
    split_of = _splits(folder, paths)
    if not split_of and split != TRAIN:
        raise UserError(f"{where} has no split {split!r}: no file's name says it")
    if split_of and split not in split_of.values():
        raise UserError(f"{where} has no split {split!r}, only {', '.join(sorted(set(split_of.values())))}")
    if not split_of:
        return _files(paths, folder, where, name, name)
    files = _files(
        [path for path in paths if split_of[path] == split], folder, f"{where}, {split}", name, f"{name}, {split}"
    )
    trained = [path for path in paths if split_of[path] == TRAIN]
    return _numbered_as(trained, files, where) if split != TRAIN and trained else files


def parquet_splits(folder: Path) -> tuple[str, ...]:
    """The splits that a folder's parquet files have; () where they are all one. Raises UserError as above."""
    return in_order(_splits(folder, _tables(folder)).values())


def _tables(folder: Path) -> list[Path]:
    return sorted(_found(folder))


def _found(folder: Path) -> Iterator[Path]:
    """The parquet files that are not hidden; links to folders are not followed."""
    for root, folders, files in announce_if_slow(os.walk(folder), f"looking for parquet files in {printable(folder)}"):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if name.endswith(".parquet") and name != METADATA and not name.startswith("."):
                yield Path(root, name)


def _splits(folder: Path, paths: list[Path]) -> dict[Path, str]:
    """The split of each file; {} without any."""
    names = {path: printable(path.relative_to(folder).with_suffix("")) for path in paths}
    split_of = file_splits(names.values(), f"the folder {printable(folder)}")
    return {path: split_of[name] for path, name in names.items()} if split_of else {}


def _numbered_as(trained: list[Path], files: Files, where: str) -> Files:
    """The files with the labels of the training images' classes, if these are all of theirs."""
    _, classes = _labels(trained, where)
    if not set(files.classes) <= set(classes):
        return files

    def items() -> Iterator[Item]:
        for item in files.items():
            label = item.label
            yield item if label in (None, NONE) else item._replace(label=classes.index(files.classes[label]))

    return files._replace(classes=classes, items=items, stamp=stamp(files.stamp, *classes))


def _labels(paths: list[Path], where: str) -> tuple[list[int], tuple[str, ...]]:
    """The label of each row, and the classes; both empty without labels."""
    tables = [_open(path) for path in paths]
    schemas = [table.schema_arrow for table in tables]
    label = next((name for name in LABELS if any(name in schema.names for schema in schemas)), None)
    if label is None:
        return [], ()
    for path, schema in zip(paths, schemas, strict=True):
        if label not in schema.names:
            raise UserError(f"{where} has labels in some files only: {printable(path)} has no column {label!r}")
    with as_user_error(where):
        values = list(chain.from_iterable(_column(table, label, LABELS_AT_ONCE) for table in tables))
    named = dict.fromkeys(names for schema in schemas if (names := _class_names(schema, label)))
    if len(named) > 1:
        raise UserError(f"{where} has files that number the same classes in two ways: load each by itself")
    return classes_of(values, next(iter(named), ()), where)


def columns_of(path: Path) -> tuple[str, ...]:
    """The names of a parquet file's columns that may be images. UserError where it cannot be read, or has none."""
    return _pictures(path, _open(path).schema_arrow)


def column_files(paths: list[Path], folder: Path, column: str, place: str) -> Files:
    """The images of one column of some of a folder's parquet files. UserError if one cannot be read."""
    where = f"{printable(folder)}, {place}, column {printable(column)}"
    for path in paths:
        if column not in columns_of(path):
            raise UserError(f"the parquet file {printable(path)} has no images in a column {printable(column)}")
    return _files(paths, folder, where, printable(column), place, column)._replace(classes=())


def tables_by_split(folder: Path) -> dict[str, list[Path]]:
    """A folder's parquet files by their split; under "" where no name says one. UserError as `parquet_folder`."""
    paths = _tables(folder)
    split_of = _splits(folder, paths)
    return {s: [p for p in paths if split_of.get(p, "") == s] for s in in_order(split_of.values()) or ("",)}


def _files(ours: list[Path], folder: Path, where: str, name: str, place: str, column: str = "") -> Files:
    tables = [_open(path) for path in ours]
    column = column or _images(ours[0], tables[0].schema_arrow)
    for path, table in zip(ours, tables, strict=True):
        _check_rows(path, table, column)
    labels, classes = _labels(ours, where)
    total = sum(table.metadata.num_rows for table in tables)

    def items() -> Iterator[Item]:
        rows = chain.from_iterable(
            ((path, row, value) for row, value in enumerate(_column(table, column)))
            for path, table in zip(ours, tables, strict=True)
        )
        with as_user_error(where):
            for index, (path, row, value) in enumerate(rows):
                yield Item(
                    f"{printable(path.relative_to(folder))} row {row}",
                    partial(content_of, value, path.parent),
                    labels[index] if labels else None,
                )

    marks = stamp(*chain.from_iterable((path.resolve(), *fingerprint(path)) for path in ours))
    return Files(name, where, marks, classes, total, items, (), place)


def _open(path: Path) -> "ParquetFile":
    with as_user_error(f"the parquet file {printable(path)}"):
        from pyarrow.parquet import ParquetFile

        return ParquetFile(path)


def _check_rows(path: Path, table: "ParquetFile", column: str) -> None:
    """UserError for a file so small for its rows that most have no image: thirty million nulls take a few bytes."""
    rows, where = table.metadata.num_rows, f"the parquet file {printable(path)}"
    if path.stat().st_size >= SMALLEST * rows:
        return
    empty = 0
    with as_user_error(where):
        for batch in _batches(table, column):
            cells = batch.column(0)
            fields = cells.flatten() if batch.schema.types[0].num_fields else [cells]
            empty += int(
                np.logical_and.reduce([field.is_null().to_numpy(zero_copy_only=False) for field in fields]).sum()
            )
            if empty > max(FEW, SHARE * rows):
                raise UserError(
                    f"{where} has {rows} rows, and more than a tenth of them without an image: remove those"
                )


def _images(path: Path, schema: "Schema") -> str:
    """The name of the column of images."""
    return image_column(_pictures(path, schema), f"the parquet file {printable(path)}")


def _pictures(path: Path, schema: "Schema") -> tuple[str, ...]:
    """The names of the columns that may be images. UserError for none."""
    import pyarrow.types as kinds

    def fits(kind: Any) -> bool:
        if kinds.is_struct(kind):
            return any(field.name == "bytes" for field in kind)
        return kinds.is_binary(kind) or kinds.is_large_binary(kind)

    pictures = tuple(field.name for field in schema if fits(field.type))
    if not pictures:
        raise UserError(
            f"the parquet file {printable(path)} has no column of images (binary, or a struct with bytes), "
            f"only {', '.join(map(printable, schema.names))}"
        )
    return pictures


def image_column(pictures: Sequence[str], where: str) -> str:
    """The one of several columns of pictures that is trained on. UserError where no name says which."""
    named = [name for kind in IMAGES for name in pictures if name.casefold() == kind]
    if not named and len(pictures) > 1:
        raise UserError(
            f"{where} has several columns of pictures ({', '.join(map(printable, pictures))}): "
            "call the one to use image"
        )
    return (named or pictures)[0]


def _column(table: "ParquetFile", column: str, least: int = 1) -> Iterator[Any]:
    """A column's values, one after another; so many rows at least are read at a time."""
    for batch in _batches(table, column, least):
        for value in batch.column(0):
            yield value.as_py()


def _batches(table: "ParquetFile", column: str, least: int = 1) -> Iterator["RecordBatch"]:
    """A column's values, a few rows at a time: a value that is stored once may stand in every row."""
    # of all columns together: asking for one column's of a damaged file would end the process
    sizes = [table.metadata.row_group(i).total_byte_size for i in range(table.metadata.num_row_groups)]
    rows = min(ROWS, max(least, AT_ONCE // max([1, *sizes])))
    yield from table.iter_batches(batch_size=rows, columns=[column])


def _class_names(schema: "Schema", label: str | None) -> tuple[str, ...]:
    """The classes' names, which Hugging Face keeps as JSON in the file's metadata."""
    try:
        described = json.loads((schema.metadata or {})[b"huggingface"])
        return tuple(map(str, described["info"]["features"][label]["names"]))
    except (ValueError, LookupError, TypeError, RecursionError):
        return ()


def content_of(value: Any, folder: Path) -> Path | bytes:
    """The image file in a cell: bytes, or {"bytes": ..., "path": ...} of which one may be missing.

    ValueError for neither, and for a path that is not of a file in the folder.
    """
    inner, path = (value.get("bytes"), value.get("path")) if isinstance(value, dict) else (value, None)
    if isinstance(inner, bytes):
        return inner
    if isinstance(path, str):
        return inside(folder, path)
    raise ValueError("no image in this row")


def read_images(path: Path) -> tuple[UInt8[Array, "n c h w"], Int[Array, " n"]]:
    """A published set's parquet file, whose images are grey, labelled and of one size.

    Raises UserError if an image cannot be read.
    """
    files = parquet_file(path, TRAIN)
    with as_user_error(printable(path)):
        images = [decode(item.read(), None, 1) for item in files.items()]
        return np.stack(images), np.array([item.label for item in files.items()], dtype=np.int64)
