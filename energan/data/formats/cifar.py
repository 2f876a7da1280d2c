"""CIFAR-10 as it is published: the binary or the Python version, as a folder or as the original .tar.gz.

Krizhevsky 2009. A record of the binary version is a byte for the label and 3 x 32 x 32 for the image: red, green, blue.
The Python version's pickles are read without unpickling (pickled.py).
"""

from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from numpy import ndarray as Array

from energan.data.containers.pickled import read_pickle
from energan.data.containers.tar import is_tar, opened, read_member, regular_members
from energan.data.decoding.failures import UNREADABLE, as_user_error
from energan.data.decoding.fitting import Size
from energan.data.formats.arrays import fit_all
from energan.data.formats.folders import printable, regular
from energan.data.image_set import ImageSet, content_hash
from energan.utils.errors import UserError

SHAPE, RECORD = (3, 32, 32), 1 + 3 * 32 * 32  # bytes

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

STEMS = {"train": tuple(f"data_batch_{i}" for i in range(1, 6)), "test": ("test_batch",)}

FOLDERS = ("", "cifar-10-batches-bin", "cifar-10-batches-py")

LARGEST = 100 * 2**20  # bytes of a member: the published ones have a third

NAMES = frozenset(stem + ending for stems in STEMS.values() for stem in stems for ending in ("", ".bin"))

FIRST = 20  # files of an archive: the published ones have eight

Batch = tuple[UInt8[Array, "n 3 32 32"], Int64[Array, " n"]]


def is_cifar(path: Path) -> bool:
    """Whether a folder, or a tar archive among its first files, holds one of CIFAR-10's."""
    return _holds_cifar(path) if is_tar(path) else _root(path) is not None


def _holds_cifar(path: Path) -> bool:
    try:
        with opened(path) as archive:
            members = islice(regular_members(archive, path.stat().st_size), FIRST)
            return any(member.name.rpartition("/")[2] in NAMES for member in members)
    except UNREADABLE:
        return False  # who reads it says so


def load_cifar(path: Path, split: str, size: Size | None, channels: int | None, progress: bool) -> ImageSet:
    """The images and labels of a split, "train" (all five files) or "test"; read anew each time, in a second or two.

    Raises UserError for another split, a file that is missing, cut off or of other records, and a pickle that holds
    anything but arrays, numbers and text.
    """
    where = f"CIFAR-10 in {printable(path)}"
    if split not in STEMS:
        raise UserError(f"{where} has no split {split!r}, only train and test")
    files = _archived(path, split, where) if path.is_file() else _foldered(path, split, where)
    if missing := [stem for stem in STEMS[split] if stem not in {name.removesuffix(".bin") for name in files}]:
        raise UserError(f"{where} has no {missing[0]} (nor {missing[0]}.bin)")
    parts = [_binary(files[f"{stem}.bin"], f"{where}, {stem}.bin") if f"{stem}.bin" in files
             else _pickled(files[stem], f"{where}, {stem}") for stem in STEMS[split]]  # fmt: skip
    images, labels = (np.concatenate(column) for column in zip(*parts, strict=True))
    content = fit_all(torch.from_numpy(images), size, channels, where, progress)
    key = content_hash(content.numpy(), labels.tolist(), CLASSES)
    fitted = "" if content.shape[1:] == SHAPE else f", as {' x '.join(map(str, content.shape[1:]))}"
    return ImageSet(
        content, torch.from_numpy(labels), "cifar-10", CLASSES, f"{where}, {split}{fitted}", key, (),
        place=f"cifar-10, {split}",
    )  # fmt: skip


def _root(folder: Path) -> Path | None:
    places = (folder / inside for inside in FOLDERS)
    return next((place for place in places if any((place / name).is_file() for name in NAMES)), None)


def _foldered(folder: Path, split: str, where: str) -> Mapping[str, bytes]:
    root = _root(folder)
    paths = [root / (stem + ending) for stem in STEMS[split] for ending in (".bin", "")] if root else []
    with as_user_error(where):
        return {path.name: regular(path, LARGEST).read_bytes() for path in paths if path.is_file()}


def _archived(path: Path, split: str, where: str) -> Mapping[str, bytes]:
    """The files of a split out of a tar archive, which is never unpacked to disk; links in it are left alone."""
    wanted = {stem + ending for stem in STEMS[split] for ending in (".bin", "")}
    files: dict[str, bytes] = {}
    with as_user_error(where), opened(path) as archive:
        for member in regular_members(archive, path.stat().st_size):
            name = member.name.rpartition("/")[2]
            if name in wanted and member.size <= LARGEST:
                files[name] = read_member(archive, member)
    return files


def _binary(content: bytes, where: str) -> Batch:
    if not content or len(content) % RECORD:
        raise UserError(
            f"{where} has {len(content)} bytes, which are no records of {RECORD}: it is cut off, or no CIFAR-10"
        )
    records = np.frombuffer(content, np.uint8).reshape(-1, RECORD)
    return _checked(records[:, 1:], records[:, 0], where)


def _pickled(content: bytes, where: str) -> Batch:
    try:
        with as_user_error(where):
            archive = read_pickle(content)
            images, labels = archive["data"], archive["labels"]
    except UserError as error:
        if error.__cause__ is None:  # not damaged, but none of CIFAR-10's
            raise UserError(f"{where} is not what it seems: {error}") from error
        raise
    if isinstance(labels, list) and all(type(label) is int and abs(label) < 2**31 for label in labels):
        labels = np.array(labels, np.int64)
    if not isinstance(images, np.ndarray) or not isinstance(labels, np.ndarray):
        raise UserError(f"{where} holds no images of 3 x 32 x 32 bytes with a label each")
    return _checked(images, labels, where)


def _checked(images: Array[Any, Any], labels: Array[Any, Any], where: str) -> Batch:
    right = images.dtype == np.uint8 and images.ndim == 2 and images.shape[1] == RECORD - 1 and len(images)
    if not right or labels.shape != (len(images),) or labels.dtype.kind not in "ui":
        raise UserError(f"{where} holds no images of 3 x 32 x 32 bytes with a label each")
    if labels.min() < 0 or labels.max() >= len(CLASSES):
        raise UserError(f"{where} has a label {labels.max()}, where 0..9 are CIFAR-10's: it is of another set")
    return images.reshape(-1, *SHAPE), labels.astype(np.int64)
