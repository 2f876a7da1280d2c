"""Emoji as pairs: outline to colour, and Google's drawing to Twitter's, 64 x 64; the label is Unicode's category.

line-emoji      x: Noto's outline, grey, black on white; y: Noto's emoji in colour: mostly the very same drawing
noto-twemoji    x: Noto's emoji; y: Twemoji's of the same code points

Families are held out as `emoji-noto`'s are, and a tenth of the others is for validation. What several emoji share is in
a set once, as the first one's: Norway's flag is also that of islands, the outline of a prince that of a princess.

The outlines are a font, of single code points only. They are drawn at the size and place at which their silhouettes lie
best on those of the colour drawings of the training images: a mean intersection over union of 0.84, one place for all.
FreeType draws them, whose versions may round a pixel differently: such pixels are taken with a warning, and not cached.
"""

import tarfile
from collections.abc import Sequence
from io import BytesIO

import numpy as np
from jaxtyping import Bool, UInt8
from numpy import ndarray as Array
from PIL import Image, ImageDraw, ImageFont

from energan.data.decoding.decode import decode
from energan.data.decoding.failures import UNREADABLE
from energan.data.named.emoji import CATEGORIES, NOTO, TWEMOJI, Row, drawn, family, rows_of
from energan.data.named.families import split_of
from energan.data.named.npm import Archive, members
from energan.data.named.published import Published
from energan.utils.errors import UserError

SIDE = 64

OUTLINES = Archive(
    "@fontsource/noto-emoji", "5.3.2", "1fe49bb2cf7c2d78f93c0a69b6a431dcfd0d585b7831eba87fae6888ccf8d373"
)

FONT = "package/files/noto-emoji-emoji-400-normal.woff"

SHARPER = 4  # an outline is drawn so many times larger, and reduced

BASIC = ImageFont.Layout.BASIC  # as is: letters do not join

EM, BASELINE = 59.5, 52.5  # of outlines, in pixels; they are centred from left to right

VARIATION = "FE0F"  # asks for the picture of a sign that is also a letter


def read_line_emoji(table: bytes, font: bytes, split: str) -> Published:
    """(outlines (n, 1, 64, 64), labels, colour drawings (n, 3, 64, 64)) of one split, in Unicode's order.

    UserError if an archive is damaged.
    """
    try:
        found = drawn([row for row in _rows(table) if is_single(row["unified"])], table, NOTO)
        face = ImageFont.truetype(BytesIO(members(font, [FONT])[FONT]), EM * SHARPER, layout_engine=BASIC)
        images = np.stack([outline(face, chr(int(row["unified"].split("-")[0], 16))) for row, _ in found])
        targets = np.stack([decode(data, SIDE, 3) for _, data in found])
    except (*UNREADABLE, tarfile.TarError) as error:
        raise UserError(f"the archives of line-emoji cannot be read ({error})") from error
    return _of_split([row for row, _ in found], images, targets, split)


def read_noto_twemoji(noto: bytes, twemoji: bytes, split: str) -> Published:
    """(Noto's drawings (n, 3, 64, 64), labels, Twemoji's) of one split, in Unicode's order: those that both have.

    UserError if an archive is damaged.
    """
    try:
        rows = _rows(noto)
        theirs = {row["unified"]: data for row, data in drawn(rows, twemoji, TWEMOJI)}
        found = [
            (row, data, theirs[row["unified"]]) for row, data in drawn(rows, noto, NOTO) if row["unified"] in theirs
        ]
        images = np.stack([decode(data, SIDE, 3) for _, data, _ in found])
        targets = np.stack([decode(data, SIDE, 3) for _, _, data in found])
    except (*UNREADABLE, tarfile.TarError) as error:
        raise UserError(f"the archives of noto-twemoji cannot be read ({error})") from error
    return _of_split([row for row, *_ in found], images, targets, split)


def first_of_their_kind(images: UInt8[Array, "n c h w"]) -> Bool[Array, " n"]:
    """Which images are the same as none before them.

    Example:
        >>> first_of_their_kind(np.array([1, 2, 1], np.uint8).reshape(3, 1, 1, 1)).tolist()
        [True, True, False]
    """
    first = {image.tobytes(): i for i, image in reversed(list(enumerate(images)))}
    return np.isin(np.arange(len(images)), list(first.values()))


def is_single(unified: str) -> bool:
    """Whether an emoji is one code point, that of a font's sign.

    Example:
        >>> [is_single(unified) for unified in ("1F600", "26D3-FE0F", "1F3C3-200D-2640-FE0F")]
        [True, True, False]
    """
    return not set(unified.split("-")[1:]) - {VARIATION}


def outline(face: ImageFont.FreeTypeFont, sign: str) -> UInt8[Array, "1 64 64"]:
    """The sign, black on white, of a face of EM * SHARPER pixels."""
    image = Image.new("L", (SIDE * SHARPER,) * 2, 255)
    left = (SIDE * SHARPER - face.getlength(sign)) / 2
    ImageDraw.Draw(image).text((round(left), round(BASELINE * SHARPER)), sign, 0, face, anchor="ls")
    return np.asarray(image.reduce(SHARPER))[None]


def _rows(table: bytes) -> list[Row]:
    """Unicode's table of all splits, in its order."""
    return sorted(rows_of(table, "train") + rows_of(table, "test"), key=lambda row: int(row["sort_order"]))


def _of_split(
    rows: Sequence[Row], images: UInt8[Array, "n c 64 64"], targets: UInt8[Array, "n 3 64 64"], split: str
) -> Published:
    """The pairs of a split, but those of which a picture is in the set already, whatever its split."""
    new = first_of_their_kind(images) & first_of_their_kind(targets)
    kept = np.flatnonzero(new & np.array([split_of(family(row["unified"])) == split for row in rows])).tolist()
    labels = np.array([CATEGORIES.index(rows[i]["category"]) for i in kept])
    return Published(images[kept], labels, targets=targets[kept])
