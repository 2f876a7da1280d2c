"""Emoji of three styles with their attributes: category, style, skin tone and gender.

As emoji.py, all styles together, and with the five skin tones of what has them (people and hands; two
people of different tones are left out). An image's label is a combination of attributes; `attributes` gives the
numbers, 1 or 0: nine categories, three styles, and, where an emoji has one, its tone of five and its gender of two.

Gender is what the code points say: a man, woman, boy or girl among them, or the sign for male or female. A prince,
whose code point is one of its own, has none here.
"""

import json
import tarfile
from itertools import chain, product
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from energan.data.decoding.decode import decode
from energan.data.decoding.failures import UNREADABLE
from energan.data.named.emoji import CATEGORIES, FLUENT, NOTO, TWEMOJI, _contents, _names, held_out
from energan.data.named.npm import Archive, local_packages, members, npm_packages
from energan.data.named.published import Published
from energan.utils.errors import UserError

NAME = "emoji-attributes"

SIDE = 64

STYLES = {"Noto": NOTO, "Twemoji": TWEMOJI, "Fluent": FLUENT}

TONES = {"light": "1F3FB", "medium-light": "1F3FC", "medium": "1F3FD", "medium-dark": "1F3FE", "dark": "1F3FF"}

GENDERS = {"woman": {"1F469", "1F467", "2640"}, "man": {"1F468", "1F466", "2642"}}

_BLOCKS = (CATEGORIES, tuple(STYLES), ("", *TONES), ("", *GENDERS))

COMBINATIONS = tuple(", ".join(filter(None, names)) for names in product(*_BLOCKS))

NAMES = (*CATEGORIES, *STYLES, *(f"{tone} skin" for tone in TONES), *GENDERS)


class Emoji(NamedTuple):
    """The files that an emoji may have, and its category, tone and gender, as numbers in their blocks."""

    names: list[str]
    category: int
    tone: int
    gender: int


def attributes(labels: Int64[Tensor, " n"]) -> tuple[tuple[str, ...], Float[Tensor, "n a"]]:
    """The attributes' names, and 1 or 0 of each image.

    Example:
        >>> names, values = attributes(torch.tensor([COMBINATIONS.index("People & Body, Noto, dark, woman")]))
        >>> [name for name, value in zip(names, values[0], strict=True) if value]
        ['People & Body', 'Noto', 'dark skin', 'woman']
    """
    places = np.unravel_index(labels.numpy(), [len(block) for block in _BLOCKS])
    blocks = []
    for place, block in zip(places, _BLOCKS, strict=True):
        hot = torch.eye(len(block))[torch.from_numpy(place)]
        blocks.append(hot if block[0] else hot[:, 1:])  # the first of some is that there is none
    return NAMES, torch.cat(blocks, 1)


def npm_emoji_attributes(split: str) -> Published:
    """The archives of the npm registry."""
    return read_all(dict(zip(STYLES.values(), npm_packages(*STYLES.values()), strict=True)), split)


def local_emoji_attributes(split: str) -> Published:
    """The archives as `npm pack` leaves them, in the folder that ENERGAN_DATA names."""
    return read_all(dict(zip(STYLES.values(), local_packages(*STYLES.values()), strict=True)), split)


def read_all(archives: dict[Archive, bytes], split: str) -> Published:
    """(images (n, 3, 64, 64), labels (n,)) of one split, style by style.  UserError if an archive is damaged."""
    images, labels = [], []
    try:
        every = emoji_of(members(archives[NOTO], ["package/emoji.json"])["package/emoji.json"], split)
        for number, style in enumerate(STYLES.values()):
            names = [[f"{style.folder}/{name}{style.suffix}" for name in each.names] for each in every]
            content = members(archives[style], chain.from_iterable(names))
            for each, known in zip(every, names, strict=True):
                if matches := _contents(known, content):
                    images.append(decode(matches[0], SIDE, 3))
                    places = (each.category, number, each.tone, each.gender)
                    labels.append(int(np.ravel_multi_index(places, [len(block) for block in _BLOCKS])))
    except (*UNREADABLE, tarfile.TarError) as error:
        raise UserError(f"the archives of {NAME} cannot be read ({error})") from error
    return Published(np.stack(images), np.array(labels))


def emoji_of(table: bytes, split: str) -> list[Emoji]:
    """The emoji of a split with their skin tones, in Unicode's order."""
    rows = [row for row in json.loads(table) if row["category"] in CATEGORIES]
    rows = [row for row in rows if held_out(row["unified"]) == (split == "test")]
    return [each for row in sorted(rows, key=lambda row: int(row["sort_order"])) for each in _toned(row)]


def _toned(row: dict[str, Any]) -> list[Emoji]:
    category, gender = CATEGORIES.index(row["category"]), _gender(row["unified"])
    plain = Emoji(_names(row), category, 0, gender)
    variations = row.get("skin_variations", {})
    toned = ((number, variations[code]) for number, code in enumerate(TONES.values(), 1) if code in variations)
    return [plain, *(plain._replace(names=_names({"non_qualified": None, **v}), tone=n) for n, v in toned)]


def _gender(unified: str) -> int:
    """Its number in the block: 0 where the code points name none, or both."""
    points = set(unified.split("-"))
    found = [number for number, signs in enumerate(GENDERS.values(), 1) if points & signs]
    return found[0] if len(found) == 1 else 0
