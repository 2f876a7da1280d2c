"""Arrays of images, from .npy and .npz files or made by a program. Nothing in a file is unpickled."""

import math
import os
import pickle
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple, TypeVar

import numpy as np
import torch
from jaxtyping import Int64, Num, UInt8
from numpy import ndarray as Array
from numpy.lib import format as npy
from PIL import Image
from torch import Tensor

from energan.data.classes import classes_of, joined, numbered_as
from energan.data.decoding.cache import fingerprint, stamp
from energan.data.decoding.decode import fit, reason
from energan.data.decoding.parallel import in_order
from energan.data.formats.folders import printable
from energan.data.image_set import ImageSet
from energan.data.splits import ALL, TRAIN
from energan.data.splits.arrays import Shape, array_splits, pairs
from energan.utils.console import counted
from energan.utils.errors import UserError

SLACK = 1e-4  # by which floats may leave their range, as a network's output or a resized image does

MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}

CHUNK = 256  # images

Result = TypeVar("Result")

Labelled = tuple[Int64[Tensor, " n"] | None, tuple[str, ...]]  # and the classes' names


def load_arrays(path: Path, split: str, size: int | None, channels: int | None, progress: bool) -> ImageSet:
    """The images of an .npy or .npz file: (n, h, w), (n, h, w, c) or (n, c, h, w), integers or floats.

    The names of an .npz's arrays say which are of the split ("x_test", "y_test"); an .npy is all one.
    Raises UserError if the file cannot be read, holds Python objects, arrays that are not images, or several that may
    be, and for a split that is not there.
    """
    where = printable(path)
    if path.suffix.lower() == ".npz":
        read = _read_npz(path, split, where)
    elif split in (TRAIN, ALL):
        read = [_Read(_checked(where, lambda: _read_npy(path)), None, (), "")]
    else:
        raise UserError(f"{where} has no split {split!r}: name the file that holds it")

    def image_set(part: _Read) -> ImageSet:
        of = f", array {printable(part.words)}" if part.words else ""
        content, words = to_nchw(part.images, where)
        content = fit_all(content, size, channels, where, progress)
        labels, classes = label_numbers(part.labels, len(content), where, part.trained)
        key = stamp(path.resolve(), *fingerprint(path), size, channels, part.words)
        name, source = printable(path.stem), f"{where}{of}, {words}"
        return ImageSet(content, labels, name, classes, source, key, (), place=printable(path.name) + of)

    return joined([image_set(part) for part in read])


def npz_splits(path: Path) -> tuple[str, ...]:
    """The splits that an .npz's arrays are of; () where their names do not say. Raises UserError as `load_arrays`."""

    def splits() -> tuple[str, ...]:
        with zipfile.ZipFile(path) as archive:
            return array_splits(_shapes(archive))

    return _checked(printable(path), splits)


class _Read(NamedTuple):
    images: Num[Array, "..."]
    labels: Array[Any, Any] | None
    trained: tuple[str, ...]  # the classes of the training images, if these are others
    words: str  # which arrays they are


def _checked(where: str, read: Callable[[], Result]) -> Result:
    try:
        return read()
    except UserError:
        raise
    except (OSError, ValueError, EOFError, MemoryError, zipfile.BadZipFile) as error:
        raise UserError(f"{where} cannot be read: {reason(error)}") from error


def _read_npz(path: Path, split: str, where: str) -> list[_Read]:
    """The arrays of a split; of "all", those of every split."""

    def read() -> list[_Read]:
        with zipfile.ZipFile(path) as archive:
            shapes = _shapes(archive)
            trained: tuple[str, ...] = ()
            if split not in (TRAIN, ALL) and TRAIN in array_splits(shapes):
                (train,) = pairs(shapes, TRAIN, where)
                if train.labels:
                    values = _read_member(archive, train.labels)
                    trained = label_numbers(values, len(values), where)[1]
            return [
                _Read(
                    _read_member(archive, pair.images),
                    _read_member(archive, pair.labels) if pair.labels else None,
                    trained,
                    pair.words,
                )
                for pair in pairs(shapes, split, where)
            ]

    return _checked(where, read)


def _shapes(archive: zipfile.ZipFile) -> dict[str, Shape]:
    """The shape of each array, by its name; its values are not read."""
    names = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
    if not names:
        raise ValueError("it holds no arrays")
    shapes = {}
    for name in names:
        with archive.open(f"{name}.npy") as file:
            shapes[name] = _header(file, name)[0]
    return shapes


def _read_npy(path: Path) -> Array[Any, Any]:
    with path.open("rb") as file:
        _check_header(file, path.stat().st_size, path.name)
    return npy.open_memmap(path, mode="r")


def _read_member(archive: zipfile.ZipFile, name: str) -> Array[Any, Any]:
    """An array of an .npz that fits in memory."""
    declared = archive.getinfo(f"{name}.npy").file_size
    if declared > os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2:
        raise ValueError(f"array {name} would take {declared} bytes, more than half of the memory")
    with archive.open(f"{name}.npy") as file:
        _check_header(file, declared, name)
    with archive.open(f"{name}.npy") as file:
        return npy.read_array(file, allow_pickle=False)


def _header(file: IO[bytes], name: str) -> tuple[Shape, np.dtype[Any]]:
    """The shape and type that an array is said to have."""
    read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}.get(npy.read_magic(file))
    if read is None:
        raise ValueError(f"{name} is of a newer format than NumPy arrays of numbers have")
    shape, _, dtype = read(file)
    return shape, dtype


def _check_header(file: IO[bytes], available: int, name: str) -> None:
    """Raise ValueError for Python objects and for an array that claims more than the `available` bytes."""
    shape, dtype = _header(file, name)
    if dtype.hasobject:
        raise ValueError(f"{name} holds Python objects, which are not loaded because they could run code")
    if math.prod(shape) * dtype.itemsize > available:
        raise ValueError(f"{name} is shorter than its header says")


def to_nchw(images: Num[Array, "..."], where: str) -> tuple[UInt8[Tensor, "n c h w"], str]:
    """Images as bytes, and how they were stored. Raises UserError for other shapes, types and ranges."""
    layout = _layout(images.shape)
    if layout is None or min(images.shape) < 1:
        raise UserError(
            f"{where} holds an array of shape {tuple(images.shape)}, which are no images: "
            "(n, h, w), (n, h, w, c) or (n, c, h, w) with c from 1 to 4 is expected"
        )
    convert, words = _range(images, where)
    content = np.concatenate([convert(images[i : i + CHUNK]) for i in range(0, len(images), CHUNK)])
    if layout == "n h w":
        content = content[:, None]
    elif layout == "n h w c":
        content = content.transpose(0, 3, 1, 2)
    return torch.from_numpy(np.ascontiguousarray(content)), f"{words}, ({layout.replace(' ', ', ')})"


def _layout(shape: tuple[int, ...]) -> str | None:
    if len(shape) == 3:
        return "n h w"
    if len(shape) != 4:
        return None
    candidates = [
        (height != width, layout)  # where both could be meant, square images are likelier
        for layout, c, height, width in (
            ("n c h w", shape[1], shape[2], shape[3]),
            ("n h w c", shape[3], shape[1], shape[2]),
        )
        if c in MODES
    ]
    return min(candidates)[1] if candidates else None


def _range(images: Num[Array, "..."], where: str) -> tuple[Callable[[Any], UInt8[Array, "..."]], str]:
    """The conversion of the values to bytes, and its description."""
    kind = images.dtype.kind
    if kind not in "buif":
        raise UserError(f"{where} holds values of type {images.dtype}, where integers or floats are expected")
    if images.dtype == np.uint8:
        return np.asarray, "bytes"
    if kind == "b":
        return lambda x: x.astype(np.uint8) * np.uint8(255), "true and false"
    low, high = float(images.min()), float(images.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        bad = sum(int((~np.isfinite(images[i : i + CHUNK])).sum()) for i in range(0, len(images), CHUNK))
        raise UserError(f"{where} holds {bad} NaN or infinite values: remove or replace them")
    if kind == "f" and low >= -SLACK and high <= 1 + SLACK:
        return lambda x: _rounded(x.astype(np.float32) * 255), "floats in [0, 1]"
    if kind == "f" and low >= -1 - SLACK and high <= 1 + SLACK:
        return lambda x: _rounded((x.astype(np.float32) + 1) * 127.5), "floats in [-1, 1]"
    if low >= 0 and high <= 255:
        return lambda x: _rounded(x.astype(np.float32)), f"numbers from {low:g} to {high:g}, taken as 0..255"
    raise UserError(
        f"{where} holds values from {low:g} to {high:g}, where 0..255 or floats in [0, 1] or [-1, 1] are "
        "expected: scale them first"
    )


def _rounded(values: Num[Array, "..."]) -> UInt8[Array, "..."]:
    return np.clip(np.round(values), 0, 255).astype(np.uint8)


def fit_all(
    images: UInt8[Tensor, "n c h w"], size: int | None, channels: int | None, words: str, progress: bool
) -> UInt8[Tensor, "n k s s"]:
    """The images with 1 or 3 `channels`, the centre square resized to `size`; None keeps what they have."""
    n, c, h, w = images.shape
    channels = channels or (1 if c <= 2 else 3)
    if c == channels and (size is None or h == w == size):
        return images
    squeezed = images.numpy().transpose(0, 2, 3, 1)[..., 0] if c == 1 else images.numpy().transpose(0, 2, 3, 1)

    def work(start: int) -> UInt8[Array, "m k s s"]:
        chunk = squeezed[start : start + CHUNK]
        return np.stack([fit(Image.fromarray(np.ascontiguousarray(x), MODES[c]), size, channels) for x in chunk])

    starts = in_order(work, range(0, n, CHUNK))
    done = list(counted(starts, n, f"resizing {words}", each=CHUNK, show=progress))
    return torch.from_numpy(np.concatenate(done))


def label_numbers(
    values: Array[Any, Any] | Sequence[Any] | None, n: int, where: str, trained: tuple[str, ...] = ()
) -> Labelled:
    """Labels and classes out of integers, text or truth values, one per image; numbered as `trained` where they fit.

    UserError for another number of labels than of images.
    """
    if values is None:
        return None, ()
    if isinstance(values, np.ndarray):
        values = values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values  # MedMNIST's: (n, 1)
        if values.shape != (n,):
            raise UserError(f"{where} holds labels of shape {tuple(values.shape)} for {n} images: one each is needed")
    numbers, classes = numbered_as(trained, *classes_of(list(values), (), where))
    return (torch.tensor(numbers, dtype=torch.int64), classes) if numbers else (None, ())


class ArraysOnly(pickle.Unpickler):
    """Unpickles NumPy arrays and nothing else: any other class or function in the file is refused."""

    allowed: dict[tuple[str, str], object] = {  # noqa: RUF012  (read-only)
        ("numpy.core.multiarray", "_reconstruct"): np._core.multiarray._reconstruct,  # type: ignore[attr-defined]
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
    }

    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in self.allowed:
            raise UserError(f"the archive wants to load {module}.{name}, which is not an array: refused")
        return self.allowed[module, name]
