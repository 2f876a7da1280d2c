"""Any torch.utils.data.Dataset as Images."""

from collections.abc import Iterator, Mapping, Sized
from typing import Any

import numpy as np
import torch
from numpy import ndarray as Array
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset, IterableDataset

from energan.data.decoding.bounds import MEMORY
from energan.data.decoding.deep import has_colours
from energan.data.decoding.failures import as_user_error
from energan.data.decoding.fitting import SEEN_AND_OPACITY, Size, check_channels, check_side, fit
from energan.data.decoding.values import Range, common_range, extent, to_eight_bits, worded
from energan.data.formats.arrays import fit_all, label_numbers, to_nchw
from energan.data.image_set import ImageSet, content_hash
from energan.utils.console import announce_if_slow, counted
from energan.utils.errors import UserError
from energan.utils.hardware import available_memory

STREAMED = 256  # items of a stream between two looks at the memory

IMAGE_KEYS, LABEL_KEYS = ("image", "x", "img", "pixel_values"), ("label", "y", "labels")


def from_dataset(
    dataset: Dataset[Any],
    *,
    name: str = "dataset",
    size: Size | None = None,
    channels: int | None = None,
    progress: bool = True,
) -> ImageSet:
    """Reads all images of a torch dataset, or of a Hugging Face `datasets.Dataset`, each item once.

    An item is an image, a pair (image, label), or a dict with `image` (or x, img, pixel_values) and perhaps `label` (or
    y, labels). An image is a PIL image, or a tensor or array of (h, w), (c, h, w) or (h, w, c) with any numbers:
    bytes as they are, others by the range that holds all of the set (values.py).

    Args:
        dataset: anything with a length and items, such as torch's and Hugging Face's; or an IterableDataset that ends.
        name: the set's name, in messages and reports.
        size: resizes each image to size x size, or to height and width; without it all must have one size.
        channels: 1, 3, or 4: what is seen on white, and the opacity (data.load); without it as the images have, of a
            transparent one 3. Arrays of four channels are read as PNG has them: colours, and beside them opacity.
        progress: shows a bar on stderr.

    Returns:
        The images, with labels where every item has one.

    Raises:
        UserError: for items that are no images, for images of different sizes, and for a stream that has not ended when
            its images fill half of the free memory.

    Example:
        >>> from torch.utils.data import TensorDataset
        >>> data = from_dataset(TensorDataset(torch.rand(4, 3, 8, 8), torch.tensor([0, 1, 1, 0])), progress=False)
        >>> tuple(data.images.shape), data.labels.tolist(), data.source
        ((4, 3, 8, 8), [0, 1, 1, 0], 'dataset, floats in [0, 1], (n, c, h, w)')
    """
    check_side(size)
    check_channels(channels)
    given: list[Array[Any, Any] | Image.Image] = []
    labels, drawn = [], set[bool]()
    total = len(dataset) if isinstance(dataset, Sized) else 0
    names = _class_names(dataset)
    endless, held, room = not total, 0, 0.0
    items = _items(dataset, name) if total else announce_if_slow(_items(dataset, name), f"reading {name}")
    for item in counted(items, total, f"reading {name}", show=progress):
        image, label = _parts(item, name)
        if names and isinstance(label, int) and 0 <= label < len(names):
            label = names[label]
        given.append(_pixels(image, size, channels, name))
        if endless and len(given) % STREAMED == 1:
            room = room or MEMORY * available_memory()
            held += STREAMED * np.asarray(given[-1]).nbytes
            if held > room:
                raise UserError(
                    f"{name} gives images without end, or more than fit into half of the free memory: {len(given):,} "
                    "so far; give a dataset with a length, such as a Subset of it"
                )
        labels.append(_label(label))
        drawn.add(isinstance(image, Image.Image))
    if not given:
        raise UserError(f"{name} holds no images")
    if channels == SEEN_AND_OPACITY and len(drawn) > 1:
        raise UserError(f"{name} mixes PIL images and arrays: with 4 `channels` give all as one of the two")
    images, found = _same_range(given, size, channels, name)
    if len({image.shape for image in images}) > 1:
        shapes = " and ".join(map(str, sorted({image.shape for image in images})[:2]))
        raise UserError(f"the images of {name} have different shapes ({shapes}): make them one size first")
    if len(kinds := {"bytes" if image.dtype == np.uint8 else image.dtype.kind for image in images}) > 1:
        raise UserError(
            f"{name} mixes images of {len(kinds)} kinds of numbers, as bytes and floats or wider integers: "
            "make them one"
        )
    content, words, value_range = to_nchw(np.stack(images), name, labelled=True)
    value_range = found or value_range
    words = f"{worded(found)}, {words}" if found else words
    content = fit_all(content, size, channels, name, progress, on_white=drawn == {True})
    numbers, classes = label_numbers(labels, len(images), name)
    key = content_hash(content.numpy(), None if numbers is None else numbers.tolist(), classes)
    return ImageSet(content, numbers, name, classes, f"{name}, {words}", key, (), value_range=value_range)


def _same_range(
    images: list[Array[Any, Any] | Image.Image], size: Size | None, channels: int | None, name: str
) -> tuple[list[Array[Any, Any]], Range | None]:
    """The images as arrays: PIL's of more than eight bits as bytes, by one range for all, which is returned."""
    deep = [np.asarray(image) for image in images if isinstance(image, Image.Image)]
    with as_user_error(name):
        used = common_range(((name, extent(values)) for values in deep), name)

    def made(image: Array[Any, Any] | Image.Image) -> Array[Any, Any]:
        if not isinstance(image, Image.Image):
            return image
        kept = SEEN_AND_OPACITY if channels == SEEN_AND_OPACITY else 1
        return fit(Image.fromarray(to_eight_bits(np.asarray(image), used)), size, kept)

    return [made(image) for image in images], used if deep else None


def _class_names(dataset: Any) -> tuple[str, ...]:
    """The classes' names of a Hugging Face dataset, whose labels are numbers; () for others."""
    features = getattr(dataset, "features", None)
    if not isinstance(features, Mapping):
        return ()
    kinds = (features[key] for key in LABEL_KEYS if key in features)
    return tuple(map(str, next((names for kind in kinds if (names := getattr(kind, "names", None))), ())))


def _items(dataset: Dataset[Any], name: str) -> Iterator[Any]:
    if isinstance(dataset, Mapping):
        raise UserError(f"{name} has several splits ({', '.join(map(str, dataset))}): give one of them")
    if isinstance(dataset, IterableDataset):
        yield from dataset
    elif isinstance(dataset, Sized) and hasattr(dataset, "__getitem__"):
        yield from (dataset[index] for index in range(len(dataset)))
    else:
        raise UserError(f"a dataset of type {type(dataset).__name__} has no length and cannot be read to its end")


def _parts(item: Any, name: str) -> tuple[Any, Any]:
    if isinstance(item, dict):
        key = next((key for key in IMAGE_KEYS if key in item), None)
        if key is None:
            raise UserError(f"{name} gives dicts without an image: one of {', '.join(IMAGE_KEYS)} is expected")
        return item[key], next((item[key] for key in LABEL_KEYS if key in item), None)
    if isinstance(item, tuple | list):
        if not item:
            raise UserError(f"{name} gives an empty {type(item).__name__}, where an image is expected")
        return item[0], item[1] if len(item) > 1 else None
    return item, None


def _label(label: Any) -> Any:
    if isinstance(label, Tensor):
        return label.item() if label.numel() == 1 else label.tolist()
    return label


def _pixels(image: Any, size: Size | None, channels: int | None, name: str) -> Array[Any, Any] | Image.Image:
    if isinstance(image, Image.Image) and (image.mode in ("I", "F") or image.mode.startswith("I;16")):
        return image  # of deeper colours Pillow makes bytes
    if isinstance(image, Image.Image):
        return fit(image, size, channels or (3 if has_colours(image) else 1))
    if isinstance(image, Tensor):
        image = image.detach().cpu()
        return (image.float() if image.dtype == torch.bfloat16 else image).numpy()
    if isinstance(image, np.ndarray):
        return image
    raise UserError(f"{name} gives {type(image).__name__}, where a PIL image, tensor or array is expected")
