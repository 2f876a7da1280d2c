"""Emoji in three styles: the same things drawn by Google (Noto), by Twitter (Twemoji) and by Microsoft (Fluent 3D).

One image of each emoji of Unicode 16, without skin tones (which are near copies), on white; the label is Unicode's
category. All styles are split alike: a fifth of the families is for testing, so that a test image's cousins (a woman, a
man and a person running) are not among the training images.
"""

import json
import tarfile
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

import numpy as np

from energan.data.decoding.decode import decode
from energan.data.decoding.failures import UNREADABLE
from energan.data.named import families
from energan.data.named.npm import Archive, local_packages, members, npm_packages
from energan.data.named.published import Published, Reader
from energan.utils.errors import UserError

CATEGORIES = (
    "Smileys & Emotion", "People & Body", "Animals & Nature", "Food & Drink", "Travel & Places", "Activities",
    "Objects", "Symbols", "Flags",
)  # fmt: skip

FLAGS = range(0x1F1E6, 0x1F200)  # regional indicators: a flag is two of them, and each is a family of its own

NOTO = Archive(
    "emoji-datasource-google", "16.0.0", "fb5fd131b362aab7a55542d2a147a79708cce0a8b1c1bbacd470172708b5c438",
    "package/img/google/64", ".png", 64,
)  # fmt: skip

TWEMOJI = Archive(
    "emoji-datasource-twitter", "16.0.0", "f64a530c63bca463bd8317fdc4615ce63a53a0c65018e4ce2d848aaba7a28877",
    "package/img/twitter/64", ".png", 64,
)  # fmt: skip

FLUENT = Archive(
    "@lobehub/fluent-emoji-3d", "1.1.0", "c1bb7eee7de090205a232518a9ab4adb3df458bfbe8a1f78232991194c8b2e58",
    "package/assets", ".webp", 256,
)  # fmt: skip


def local_emoji(style: Archive) -> Reader:
    """The archives as `npm pack` leaves them, in the folder that ENERGAN_DATA names."""

    def read(split: str) -> Published:
        table, images = local_packages(NOTO, style)
        return read_emoji(table, images, style, split)

    return read


def npm_emoji(style: Archive) -> Reader:
    """The archives of the npm registry: Noto's has Unicode's table for all styles."""

    def read(split: str) -> Published:
        table, images = npm_packages(NOTO, style)
        return read_emoji(table, images, style, split)

    return read


def read_emoji(table: bytes, images: bytes, style: Archive, split: str) -> Published:
    """(images (n, 3, h, w), labels (n,)) of one split, in Unicode's order.  UserError if an archive is damaged."""
    try:
        pairs = drawn(rows_of(table, split), images, style)
        pixels = np.stack([decode(data, style.size, 3) for _, data in pairs])
    except (*UNREADABLE, tarfile.TarError) as error:
        raise UserError(f"{style.file} cannot be read ({error})") from error
    return Published(pixels, np.array([CATEGORIES.index(row["category"]) for row, _ in pairs]))


Row = dict[str, Any]  # an emoji of Unicode's table


def rows_of(table: bytes, split: str) -> list[Row]:
    """Unicode's table of a split, in its order. One of UNREADABLE if the archive is damaged."""
    rows = json.loads(members(table, ["package/emoji.json"])["package/emoji.json"])
    rows = [row for row in rows if row["category"] in CATEGORIES and held_out(row["unified"]) == (split == "test")]
    return sorted(rows, key=lambda row: int(row["sort_order"]))


def drawn(rows: Sequence[Row], images: bytes, style: Archive) -> list[tuple[Row, bytes]]:
    """Each row that the style has an image of, and the image."""
    names = [[f"{style.folder}/{name}{style.suffix}" for name in _names(row)] for row in rows]
    content = members(images, chain.from_iterable(names))
    return [(row, matches[0]) for row, known in zip(rows, names, strict=True) if (matches := _contents(known, content))]


def held_out(unified: str) -> bool:
    """Whether an emoji's family is for testing."""
    return families.held_out(family(unified))


def family(unified: str) -> str:
    """An emoji's family, its first code point: of "1F3C3-200D-2640-FE0F", a woman running, that of runners."""
    first = unified.partition("-")[0]
    return unified if int(first, 16) in FLAGS else first


def _names(row: dict[str, Any]) -> list[str]:
    """The files that an emoji may have: its code points, in full or as they may be abbreviated."""
    return [name.lower() for name in (row["unified"], row["non_qualified"]) if name]


def _contents(names: Iterable[str], content: dict[str, bytes]) -> list[bytes]:
    return [content[name] for name in names if name in content]
