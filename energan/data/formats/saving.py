"""Writes images and labels as an .npz, which `load` and `--data` read back."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy import ndarray as Array

from energan.data.decoding.fitting import SEEN_AND_OPACITY
from energan.data.image_set import NONE, ImageSet
from energan.data.splits import SPLITS, canonical
from energan.utils.errors import UserError
from energan.utils.files import write
from energan.utils.image_files import ON_WHITE, straight


def save(data: ImageSet | Mapping[str, ImageSet], path: str | Path) -> Path:
    """Writes images and labels as one .npz, so that `load`, `--data` and a run's `resume` find them again.

    Args:
        data: The images, or those of each split by its name: {"train": ..., "test": ...}.
        path: A name that ends in .npz; a file of that name is replaced.

    Returns:
        The path. Images are bytes as they are; a label is its class's name. Captions, attributes and targets are not
        kept.

    Raises:
        UserError: The name has another ending, nothing is given, a split's name is none, or the file cannot be written.

    Example:
        >>> import torch
        >>> from energan.data import load
        >>> data = load("digits", "test")
        >>> again = load(save(data, "digits.npz"))
        >>> torch.equal(again.images, data.images), torch.equal(again.labels, data.labels)
        (True, True)
    """
    path = Path(path)
    if path.suffix.lower() != ".npz":
        raise UserError(f"{path} must end in .npz")
    if isinstance(data, ImageSet):
        arrays = _arrays(data, "")
    else:
        names = {name: canonical(str(name)) for name in data}
        if not data or len(set(names.values())) < len(names) or not set(names.values()) <= set(SPLITS):
            raise UserError(f"{path}: give the images of one or more splits, each once: {', '.join(SPLITS)}")
        arrays = {key: part for name, one in data.items() for key, part in _arrays(one, f"_{names[name]}").items()}
    return write(path, lambda p: _write(p, arrays))


def _write(path: Path, arrays: dict[str, Any]) -> None:
    with path.open("wb") as file:  # by its name, numpy would add an ending
        np.savez(file, **arrays)


def _arrays(data: ImageSet, suffix: str) -> dict[str, Array[Any, Any]]:
    opaque = data.images.shape[1] != SEEN_AND_OPACITY
    name = f"images{suffix}" if opaque or suffix else ON_WHITE
    # beside a split's name there is no word for "on white": colours are then as PNG has them
    images = (straight(data.images) if suffix and not opaque else data.images).numpy()
    if data.labels is None:
        return {name: images}
    names = np.array([*data.classes, ""])  # the last: no label
    return {name: images, f"labels{suffix}": names[np.where(data.labels.numpy() == NONE, -1, data.labels.numpy())]}
