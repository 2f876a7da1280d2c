"""Arrays of images, from .npy and .npz files or made by a program. Nothing in a file is unpickled."""

import math
import threading
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Int64, Num, UInt8
from numpy import ndarray as Array
from numpy.lib import format as npy
from PIL import Image
from torch import Tensor

from energan.data.classes import classes_of, joined, numbered_as
from energan.data.decoding.bounds import check_inflation, check_memory
from energan.data.decoding.failures import as_user_error
from energan.data.decoding.fitting import SEEN_AND_OPACITY, Size, fit, refit, sides
from energan.data.decoding.parallel import in_order
from energan.data.decoding.values import (
    UNIT,
    Range,
    check_outside,
    common_range,
    extent,
    held,
    outside,
    to_eight_bits,
)
from energan.data.formats.folders import printable
from energan.data.image_set import ImageSet, content_hash
from energan.data.splits import ALL, TRAIN
from energan.data.splits.arrays import Shape, array_splits, pairs
from energan.utils.console import counted, warn
from energan.utils.errors import UserError
from energan.utils.image_files import ON_WHITE

MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}  # opacity as PNG has it, beside colours that are not yet on white

CHUNK = 256  # images

KEPT = 2**26  # bytes of images that `fit_again` keeps, at most

COPIES = 2.0  # of an array that lies in an archive: as it is stored, and as bytes

Labelled = tuple[Int64[Tensor, " n"] | None, tuple[str, ...]]  # and the classes' names


def load_arrays(
    path: Path, split: str, size: Size | None, channels: int | None, progress: bool, value_range: Range | None = None
) -> ImageSet:
    """The images of an .npy or .npz file: (n, h, w), (n, h, w, c) or (n, c, h, w), or one of (h, w, c); any numbers.

    The names of an .npz's arrays say which are of the split ("x_test", "y_test"); an .npy is all one. Arrays of two and
    of four channels have opacity as PNG has it, but for those called ON_WHITE.
    Raises UserError if the file cannot be read, holds Python objects, arrays that are not images, or several that may
    be, and for a split that is not there.
    """
    where = printable(path)
    with as_user_error(where):
        if path.suffix.lower() == ".npz":
            read = _read_npz(path, split, where)
        elif split in (TRAIN, ALL):
            read = [_Read(_read_npy(path), None, (), "", "")]
        else:
            raise UserError(f"{where} has no split {split!r}: name the file that holds it")
    if len(read) > 1 and value_range is None:
        value_range = shared_range([part.images for part in read], where)

    def image_set(part: _Read) -> ImageSet:
        of = f", array {printable(part.words)}" if part.words else ""
        content, words, used = to_nchw(part.images, where, value_range, labelled=part.labels is not None)
        on_white = part.name == ON_WHITE and content.shape[1] == SEEN_AND_OPACITY
        words += said_of_opacity(content, channels, on_white)
        content = fit_all(content, size, channels, where, progress, on_white=on_white)
        labels, classes = label_numbers(part.labels, len(content), where, part.trained)
        key = content_hash(content.numpy(), None if labels is None else labels.tolist(), classes)
        name, source = printable(path.stem), f"{where}{of}, {words}"
        place = printable(path.name) + of
        return ImageSet(content, labels, name, classes, source, key, (), place=place, value_range=used)

    return joined([image_set(part) for part in read])


def npz_splits(path: Path) -> tuple[str, ...]:
    """The splits that an .npz's arrays are of; () where their names do not say. Raises UserError as `load_arrays`."""
    with as_user_error(printable(path)), zipfile.ZipFile(path) as archive:
        return array_splits(named_shapes(archive))


class _Read(NamedTuple):
    images: Num[Array, "..."]
    labels: Array[Any, Any] | None
    trained: tuple[str, ...]  # the classes of the training images, if these are others
    words: str  # which arrays they are
    name: str  # that of the images


def _read_npz(path: Path, split: str, where: str) -> list[_Read]:
    """The arrays of a split; of "all", those of every split."""
    with zipfile.ZipFile(path) as archive:
        shapes = named_shapes(archive)
        trained: tuple[str, ...] = ()
        if split not in (TRAIN, ALL) and TRAIN in array_splits(shapes):
            (train,) = pairs(shapes, TRAIN, where)
            if train.labels:
                values = read_member(archive, train.labels)
                trained = label_numbers(values, len(values), where)[1]
        return [
            _Read(
                read_member(archive, pair.images),
                read_member(archive, pair.labels) if pair.labels else None,
                trained,
                pair.words,
                pair.images,
            )
            for pair in pairs(shapes, split, where)
        ]


def named_shapes(archive: zipfile.ZipFile) -> dict[str, Shape]:
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


def read_member(archive: zipfile.ZipFile, name: str) -> Array[Any, Any]:
    """An array of an .npz that fits in memory."""
    member = archive.getinfo(f"{name}.npy")
    check_inflation(f"array {printable(name)}", member.file_size, member.compress_size, COPIES)
    with archive.open(member) as file:
        _check_header(file, member.file_size, printable(name))
    with archive.open(member) as file:
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
    if any(type(length) is not int or length < 0 for length in shape):
        raise ValueError(f"{name} has the shape {shape}, which is none")
    if math.prod(shape) * dtype.itemsize > available:
        raise ValueError(f"{name} is shorter than its header says")


def shared_range(arrays: Sequence[Num[Array, "..."]], where: str) -> Range | None:
    """One range for several arrays of a file; None for bytes. UserError as `common_range`."""
    ranged = [array for array in arrays if array.dtype.kind in "uif" and array.dtype != np.uint8]
    with as_user_error(where):
        return common_range(((where, extent(array)) for array in ranged), where) if ranged else None


class Converted(NamedTuple):
    """Images as bytes, and how they were stored."""

    images: UInt8[Tensor, "n c h w"]
    words: str
    value_range: Range | None  # what became 0 and 255, of other values than bytes


def to_nchw(
    images: Num[Array, "..."], where: str, value_range: Range | None = None, *, labelled: bool = False
) -> Converted:
    """Images as bytes. UserError for other shapes and types, and for values that are no numbers or out of the range.

    value_range  what is black and white, where the values are no bytes; None: the smallest usual range that holds them
    labelled     there is a label for each of the first axis, which therefore counts images
    """
    layout = _layout(images.shape)
    if layout == "n h w" and not labelled and _is_one_image(images.shape):
        layout, images = "h w c", images[None]
    if layout is None or min(images.shape) < 1:
        raise UserError(
            f"{where} holds an array of shape {tuple(images.shape)}, which are no images: "
            "(n, h, w), (n, h, w, c) or (n, c, h, w) with c from 1 to 4 is expected"
        )
    used, words = _range(images, where, value_range)
    channels_last = layout in ("n h w c", "h w c")
    described = f"{words}, {'one image, ' if layout == 'h w c' else ''}({layout.replace(' ', ', ')})"
    if images.dtype == np.uint8 and images.flags.writeable and images.flags.c_contiguous and not channels_last:
        return Converted(torch.from_numpy(images.reshape(_nchw(images.shape, channels_last))), described, None)
    check_memory(where, images.size)
    content = np.empty(_nchw(images.shape, channels_last), np.uint8)
    clipped = 0
    for start in range(0, len(images), CHUNK):
        part = images[start : start + CHUNK]
        if used is not None:
            clipped += outside(part, used)
            part = to_eight_bits(part, used)
        elif part.dtype.kind == "b":
            part = part.astype(np.uint8) * np.uint8(255)
        if part.ndim == 3:
            part = part[:, None]
        content[start : start + CHUNK] = part.transpose(0, 3, 1, 2) if channels_last else part
    if used is not None and (said := check_outside(clipped, images.size, used, where)):
        warn(said)
    return Converted(torch.from_numpy(content), described, used)


def _nchw(shape: tuple[int, ...], channels_last: bool) -> tuple[int, int, int, int]:
    if len(shape) == 3:
        return shape[0], 1, shape[1], shape[2]
    n, *rest = shape
    c, h, w = (rest[2], rest[0], rest[1]) if channels_last else rest
    return n, c, h, w


def _is_one_image(shape: tuple[int, ...]) -> bool:
    """Whether three axes are likelier one image's (h, w, c) than n images of a width of 4 or less."""
    n, h, w = shape
    return w in MODES and h != w and min(n, h) >= 2


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


def _range(images: Num[Array, "..."], where: str, given: Range | None) -> tuple[Range | None, str]:
    """What is black and white, None for bytes and for true and false; and how that is said."""
    kind = images.dtype.kind
    if kind not in "buif":
        raise UserError(f"{where} holds values of type {images.dtype}, where integers or floats are expected")
    if images.dtype == np.uint8:
        return None, "bytes"
    if kind == "b":
        return None, "true and false"
    low, high = float(images.min()), float(images.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        bad = sum(int((~np.isfinite(images[i : i + CHUNK])).sum()) for i in range(0, len(images), CHUNK))
        raise UserError(f"{where} holds {bad} NaN or infinite values: remove or replace them")
    used = given or held(low, high, where, floats=kind == "f")
    if kind == "f" and used in UNIT:
        return used, f"floats in [{used[0]:g}, {used[1]:g}]"
    return used, f"numbers from {low:g} to {high:g}, taken as {used[0]:g}..{used[1]:g}"


def said_of_opacity(images: UInt8[Tensor, "n c h w"], channels: int | None, on_white: bool = False) -> str:
    """How the opacity of an array is read, where it is kept; "" where it is not, or where there is none."""
    if channels != SEEN_AND_OPACITY or images.shape[1] not in (2, 4):
        return ""
    return f", {'on white, and its opacity' if on_white else 'with opacity beside colours, as PNG has it'}"


def fit_all(
    images: UInt8[Tensor, "n c h w"],
    size: Size | None,
    channels: int | None,
    words: str,
    progress: bool,
    *,
    on_white: bool = False,
) -> UInt8[Tensor, "n k h2 w2"]:
    """The images with 1, 3 or 4 `channels`, the centre resized to `size`, as `fit` does; None keeps what they have.

    on_white: images of four channels are what `fit` makes; False: they are as PNG has them (MODES).
    UserError for more than memory has.
    """
    n, c, h, w = images.shape
    channels = channels or (1 if c <= 2 else 3)
    wanted = (h, w) if size is None else sides(size)
    if c == channels and (h, w) == wanted and (c != SEEN_AND_OPACITY or on_white):
        return images
    check_memory(f"{words} at {wanted[0]} x {wanted[1]} pixels", n * channels * wanted[0] * wanted[1])
    squeezed = images.numpy().transpose(0, 2, 3, 1)[..., 0] if c == 1 else images.numpy().transpose(0, 2, 3, 1)

    def work(start: int) -> UInt8[Array, "m k h2 w2"]:
        if on_white:
            return np.stack([refit(x, size, channels) for x in images[start : start + CHUNK].numpy()])
        chunk = squeezed[start : start + CHUNK]
        return np.stack([fit(Image.fromarray(np.ascontiguousarray(x), MODES[c]), size, channels) for x in chunk])

    starts = in_order(work, range(0, n, CHUNK), lambda chunk: chunk.nbytes)
    done = list(counted(starts, n, f"resizing {words}", each=CHUNK, show=progress))
    return torch.from_numpy(np.concatenate(done))


_fitted: dict[tuple[object, ...], UInt8[Tensor, "n c h w"]] = {}  # the oldest first
_fitting = threading.Lock()


def fit_again(
    images: UInt8[Tensor, "n c h w"], size: Size | None, channels: int | None, words: str, progress: bool, sha256: str
) -> UInt8[Tensor, "n k h2 w2"]:
    """What `fit_all` gives of images with this content; small sets that it resized in this process are copied.

    A training loads its images, and those to measure on, several times: all recipes, commands and reports ask for them.
    """
    key = (sha256, words, tuple(images.shape), None if size is None else sides(size), channels)
    with _fitting:
        known = _fitted.get(key)
    if known is not None:
        h, w = known.shape[2:]
        check_memory(f"{words} at {h} x {w} pixels", known.nbytes)
    else:
        known = fit_all(images, size, channels, words, progress)
        if known is images or known.nbytes > KEPT:
            return known
        with _fitting:
            while _fitted and sum(x.nbytes for x in _fitted.values()) + known.nbytes > KEPT:
                del _fitted[next(iter(_fitted))]
            _fitted[key] = known
    return known.clone()  # so that nobody changes what others get


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
