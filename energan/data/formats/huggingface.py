"""Hugging Face datasets by name (extra `hub`)."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cache, partial
from importlib import import_module
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from types import ModuleType
from typing import Any

from energan.data.classes import classes_of
from energan.data.decoding.failures import reason
from energan.data.decoding.listing import Files, Item, fingerprint, stamp
from energan.data.download import hub_reachable
from energan.data.formats.folders import printable
from energan.data.formats.parquet import LABELS, content_of, image_column
from energan.data.splits import ALL, TRAIN, canonical
from energan.data.splits.words import in_order
from energan.utils.console import warn
from energan.utils.errors import UserError


def hub_files(source: str, split: str) -> Files:
    """ "owner/name" on the Hugging Face hub. Raises UserError if it or the extra `hub` is not there.

    The split may have another of its usual names there: "validation" is "val" or "dev", too.
    """
    named = {} if split in (TRAIN, ALL) else {canonical(name): name for name in _split_names(source)}
    with _asked(source, split) as datasets:
        table = datasets.load_dataset(source, split=named.get(split, split))
    return dataset_files(table, source, f"hf:{source}, {split}")


def hub_splits(source: str) -> tuple[str, ...]:
    """The splits that a dataset on the hub has; () where they cannot be had, with a warning."""
    try:
        return in_order([canonical(name) for name in _split_names(source)])
    except UserError as error:
        warn(f"no split is taken as held out: {error}")
        return ()


@cache
def _split_names(source: str) -> tuple[str, ...]:
    with _asked(source, "its splits") as datasets:
        return tuple(datasets.get_dataset_split_names(source))


@contextmanager
def _asked(source: str, what: str) -> Iterator[Any]:
    """The package `datasets`, inside; its errors are UserErrors, and without a network it reads its cache alone."""
    if find_spec("datasets") is None:
        raise UserError(f"hf:{source} needs the package datasets: pip install 'energan[hub]'")
    datasets = import_module("datasets")
    offline = not hub_reachable()
    try:
        with _offline(datasets) if offline else nullcontext():
            yield datasets
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        raise UserError(f"hf:{source} ({what}) could not be had: {reason(error)}") from error


@contextmanager
def _offline(datasets: ModuleType) -> Iterator[None]:
    """Inside, `datasets` reads only the hub's cache; otherwise its client retries for half a minute first.

    DownloadConfig(local_files_only=True) would not do: datasets 5.2 reads it nowhere.
    """
    switches = (datasets.config, import_module("huggingface_hub").constants)
    before = [switch.HF_HUB_OFFLINE for switch in switches]
    try:
        for switch in switches:
            switch.HF_HUB_OFFLINE = True
        yield
    finally:
        for switch, value in zip(switches, before, strict=True):
            switch.HF_HUB_OFFLINE = value


def dataset_files(table: Any, name: str, where: str) -> Files:
    """The images in a `datasets.Dataset`."""
    datasets = import_module("datasets")
    pictures = [key for key, kind in table.features.items() if isinstance(kind, datasets.Image)]
    if not pictures:
        raise UserError(f"{where} has no column of images, only {', '.join(table.features)}")
    column = image_column(pictures, where)
    label = next((key for key in LABELS if key in table.features), None)
    kind = table.features[label] if label else None
    names = tuple(kind.names) if isinstance(kind, datasets.ClassLabel) else ()
    labels, classes = classes_of(list(table[label]) if label else [], names, where)
    caches = _caches(datasets)
    undecoded = table.cast_column(column, datasets.Image(decode=False))

    def items() -> Iterator[Item]:
        for row, value in enumerate(undecoded[column]):
            yield Item(f"row {row}", partial(_content, value, caches), labels[row] if labels else None)

    origin = [Path(file["filename"]) for file in table.cache_files]
    marks = stamp(where, len(table), *chain.from_iterable((path, *fingerprint(path)) for path in origin))
    return Files(printable(name.rsplit("/", 1)[-1]), where, marks, classes, len(table), items, (), where)


def _content(value: Any, caches: list[Path]) -> Path | bytes:
    """The image file in a cell, as `content_of`: its path is one in the packages' caches and nowhere else."""
    path = value.get("path") if isinstance(value, dict) else None
    for folder in caches:
        if isinstance(path, str) and Path(path).is_relative_to(folder):
            return content_of({**value, "path": str(Path(path).relative_to(folder))}, folder)
    return content_of(value, Path("/nowhere"))


def _caches(datasets: ModuleType) -> list[Path]:
    """The folders into which the packages download."""
    constants = import_module("huggingface_hub").constants
    named = [
        *(getattr(datasets.config, name, None) for name in ("HF_DATASETS_CACHE", "DOWNLOADED_DATASETS_PATH")),
        getattr(constants, "HF_HUB_CACHE", None),
    ]
    return [Path(folder) for folder in named if folder]
