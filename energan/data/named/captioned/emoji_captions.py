"""Emoji with sentences: three styles together at 64 x 64, in five skin tones where they have such, five captions each.

Names and keywords are emojibase's (Unicode's own, in English). Splits are those of the emoji sets: no cousin of a test
emoji, in any style or tone, is among the training images. The label is Unicode's category.
"""

import json
import tarfile
from collections.abc import Sequence
from typing import Any

import numpy as np

from energan.data.decoding.decode import decode
from energan.data.decoding.failures import UNREADABLE
from energan.data.named import emoji
from energan.data.named.emoji import CATEGORIES, Row, drawn, rows_of
from energan.data.named.npm import Archive, members
from energan.data.named.published import Published
from energan.utils.errors import UserError

SIDE = 64

WORDS = Archive(
    "emojibase-data", "17.0.0", "d01d0e2ca4e22cb402679532155342c71e2e871f25c32223c013b8b166ebdf5a"
)  # fmt: skip

TABLE = "package/en/data.json"

STYLES = {"Noto": "a shaded drawing", "Twemoji": "a flat drawing", "Fluent": "a glossy 3D model"}

TONES = {
    "1F3FB": "light", "1F3FC": "medium-light", "1F3FD": "medium", "1F3FE": "medium-dark", "1F3FF": "dark",
}  # fmt: skip


def archives() -> tuple[Archive, ...]:
    return (emoji.NOTO, emoji.TWEMOJI, emoji.FLUENT, WORDS)


def read_captioned(noto: bytes, twemoji: bytes, fluent: bytes, words: bytes, split: str) -> Published:
    """(images (n, 3, 64, 64), labels (n,), captions) of one split: Noto's, Twemoji's, Fluent's, in Unicode's order.

    UserError if an archive is damaged.
    """
    styles = zip(STYLES, (emoji.NOTO, emoji.TWEMOJI, emoji.FLUENT), (noto, twemoji, fluent), strict=True)
    try:
        rows = [tone for row in rows_of(noto, split) for tone in _toned(row)]
        known = {entry["hexcode"].replace("-FE0F", ""): entry for entry in json.loads(members(words, [TABLE])[TABLE])}
        found = [(name, row, data) for name, style, images in styles for row, data in drawn(rows, images, style)]
        pixels = np.stack([decode(data, SIDE, 3) for _, _, data in found])
        said = tuple(captions(known[row["base"].replace("-FE0F", "")], row, style) for style, row, _ in found)
    except (*UNREADABLE, tarfile.TarError) as error:
        raise UserError(f"the archives of emoji-captions cannot be read ({error})") from error
    return Published(pixels, np.array([CATEGORIES.index(row["category"]) for _, row, _ in found]), said)


def _toned(row: Row) -> list[Row]:
    """The emoji, and the same in each skin tone; those of two people in two tones are left out."""
    toned = row.get("skin_variations", {})
    rows = [(row, "")] + [(toned[code], tone) for code, tone in TONES.items() if code in toned]
    return [{**one, "category": row["category"], "base": row["unified"], "tone": tone} for one, tone in rows]


def captions(entry: dict[str, Any], row: Row, style: str) -> tuple[str, ...]:
    """Five sentences: by its name, by its keywords, each with the style and the skin tone or without.

    Example:
        >>> entry = {"label": "person running", "tags": ["fast", "race", "run"]}
        >>> for text in captions(entry, {"category": "People & Body", "tone": "dark"}, "Fluent"):
        ...     print(text)
        person running with dark skin, a glossy 3D model
        a Fluent emoji: person running with dark skin
        a glossy 3D model of person running with dark skin: fast, race, run
        fast, race, run, dark skin, Fluent
        person running
    """
    name, tone = entry["label"], row["tone"] and f"{row['tone']} skin"
    who = f"{name} with {tone}" if tone else name
    tags = ", ".join(_tags(entry.get("tags", ()), row))
    looks = STYLES[style]
    return (
        f"{who}, {looks}",
        f"a {style} emoji: {who}",
        f"{looks} of {who}: {tags}",
        ", ".join(filter(None, (tags, tone, style))),
        name,
    )


def _tags(tags: Sequence[str], row: Row) -> Sequence[str]:
    """Six keywords at most; Unicode's category where there are none."""
    return tags[:6] or (row["category"],)
