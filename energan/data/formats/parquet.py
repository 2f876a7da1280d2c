"""Parquet files in the Hugging Face layout.

A column of images (`image`, else the first that fits: binary, or a struct of `bytes` and `path`) and, if
there is one, a column of classes (`label`, `labels`, `fine_label` or `y`: integers or text).
"""

import json
from collections.abc import Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Int, UInt8
from numpy import ndarray as Array

from energan.data.decoding.cache import Files, Item, fingerprint, stamp
from energan.data.decoding.decode import UNREADABLE, decode, reason
from energan.data.formats.folders import printable
from energan.data.image_set import NONE
from energan.utils.errors import UserError

if TYPE_CHECKING:
    from pyarrow import Schema
    from pyarrow.parquet import ParquetFile

LABELS = ("label", "labels", "fine_label", "y")

UNKNOWN = (NONE, str(NONE))  # values that are no class


def parquet_files(paths: list[Path], split: str, name: str) -> Files:
    """The images in parquet files. With several, those whose name starts with `split` (as train-00000-...).

    Raises UserError if a file cannot be read or has no column of images, or if there is no such split.
    """
    where = f"the parquet file{'s' * (len(paths) > 1)} {printable(paths[0])}{' ...' * (len(paths) > 1)}"
    ours = [path for path in paths if path.name.startswith(split)] or (paths if split == "train" else [])
    if not ours:
        raise UserError(f"{where} has no split {split!r}: no file's name starts with it")
    tables = [_open(path) for path in ours]
    column, label = _columns(ours[0], tables[0].schema_arrow)
    try:
        values = list(chain.from_iterable(_column(table, label) for table in tables)) if label else []
        total = sum(table.metadata.num_rows for table in tables)
    except (OSError, ValueError) as error:  # pyarrow's errors are these
        raise UserError(f"{where} cannot be read: {reason(error)}") from error
    labels, classes = classes_of(values, _class_names(tables[0].schema_arrow, label))

    def items() -> Iterator[Item]:
        rows = chain.from_iterable(
            ((path, row, value) for row, value in enumerate(_column(table, column)))
            for path, table in zip(ours, tables, strict=True)
        )
        for index, (path, row, value) in enumerate(rows):
            yield Item(
                f"{printable(path.name)} row {row}",
                partial(content_of, value, path.parent),
                labels[index] if labels else None,
            )

    marks = stamp(*chain.from_iterable((path.resolve(), *fingerprint(path)) for path in ours))
    return Files(printable(name), where, marks, classes, total, items, ())


def _open(path: Path) -> "ParquetFile":
    from pyarrow.parquet import ParquetFile

    try:
        return ParquetFile(path)
    except (OSError, ValueError) as error:
        raise UserError(f"the parquet file {printable(path)} cannot be read: {reason(error)}") from error


def _columns(path: Path, schema: "Schema") -> tuple[str, str | None]:
    """The names of the column of images and of the column of classes."""
    import pyarrow.types as kinds

    def fits(kind: Any) -> bool:
        if kinds.is_struct(kind):
            return any(field.name == "bytes" for field in kind)
        return kinds.is_binary(kind) or kinds.is_large_binary(kind)

    pictures = [field.name for field in schema if fits(field.type)]
    if not pictures:
        raise UserError(
            f"the parquet file {printable(path)} has no column of images (binary, or a struct with bytes), "
            f"only {', '.join(schema.names)}"
        )
    column = "image" if "image" in pictures else pictures[0]
    return column, next((name for name in LABELS if name in schema.names), None)


def _column(table: "ParquetFile", column: str) -> Iterator[Any]:
    """A column's values, read 256 rows at a time."""
    for rows in table.iter_batches(batch_size=256, columns=[column]):
        yield from rows.column(0).to_pylist()


def _class_names(schema: "Schema", label: str | None) -> tuple[str, ...]:
    """The classes' names, which Hugging Face keeps as JSON in the file's metadata."""
    try:
        described = json.loads((schema.metadata or {})[b"huggingface"])
        return tuple(map(str, described["info"]["features"][label]["names"]))
    except (ValueError, KeyError, TypeError):
        return ()


def classes_of(values: list[Any], names: tuple[str, ...]) -> tuple[list[int], tuple[str, ...]]:
    """Labels 0..k-1, or -1 for none, and the names of the k classes; neither if no image has a class.

    Values that no names are known for are numbered in their order: 3, 5, 7 become classes 0, 1, 2 called so; -1 (and,
    among text, "-1") is none. Values that are no classes (fractions, other negative numbers) give neither.
    """
    known = [value for value in values if value not in UNKNOWN]
    numbers = all(isinstance(value, int) and value >= NONE for value in values)
    if not known or not (numbers or all(isinstance(value, str) for value in values)):
        return [], ()
    if names and numbers and max(known) < len(names):
        return list(map(int, values)), names
    distinct = sorted(set(known))
    number = {value: index for index, value in enumerate(distinct)} | dict.fromkeys(UNKNOWN, NONE)
    return [number[value] for value in values], tuple(printable(str(value)) for value in distinct)


def content_of(value: Any, folder: Path) -> Path | bytes:
    """The image file in a cell: bytes, or {"bytes": ..., "path": ...} of which one may be missing."""
    inner, path = (value.get("bytes"), value.get("path")) if isinstance(value, dict) else (value, None)
    if isinstance(inner, bytes):
        return inner
    if isinstance(path, str):
        return folder / path
    raise ValueError("no image in this row")


def read_images(path: Path) -> tuple[UInt8[Array, "n c h w"], Int[Array, " n"]]:
    """A published set's parquet file, whose images are grey, labelled and of one size.

    Raises UserError if an image cannot be read.
    """
    files = parquet_files([path], "train", path.stem)
    try:
        images = [decode(item.read(), None, 1) for item in files.items()]
        return np.stack(images), np.array([item.label for item in files.items()], dtype=np.int64)
    except UNREADABLE as error:
        raise UserError(f"{printable(path)} cannot be read: {reason(error)}") from error
