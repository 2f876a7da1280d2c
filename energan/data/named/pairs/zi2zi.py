"""Characters as pairs, print to brush: 18,366 Han characters in two fonts, grey, 64 x 64, black on white.

x: AR PL UMing, as books are printed; y: AR PL UKai, as written with a brush. Both are drawn at one size and place, so
y is the smaller one; their centres of ink agree to half a pixel on average. A character is of one split.

The characters are those of Unicode's first block (U+4E00 to U+9FFF) that both fonts have. The fonts are two Debian
packages', under the Arphic Public License, and accepted by their hashes. FreeType draws them, whose versions may round
a pixel differently: such pixels are taken with a warning, and not cached.
"""

import hashlib
import os
from io import BytesIO
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray as Array
from PIL import Image, ImageDraw, ImageFont

from energan.data.decoding.failures import UNREADABLE
from energan.data.download import debian_folder
from energan.data.named.families import split_of
from energan.data.named.published import Published
from energan.utils.errors import UserError

SIDE = 64

EM, PLACE = 60, (2, 55)  # pixels; where a character's origin is: left, baseline

FOLDER = "/usr/share/fonts/truetype/arphic"

FONTS = {  # of images, of targets: the package, the file, its SHA-256
    "fonts-arphic-uming": ("uming.ttc", "fe952e55617275142d9cefd4d79eade4df446517b0478b2567d9bc7df49f70e2"),
    "fonts-arphic-ukai": ("ukai.ttc", "cfc758e69386a21bade8cb3b373fda20d7f2fac6e8904ced2ded98588b63e274"),
}

CHARACTERS = range(0x4E00, 0xA000)

NONE = chr(0x10FFFF)  # no character: what a font draws for what it has not


def local_zi2zi(split: str) -> Published:
    """The set from the two font files in the folder that ENERGAN_DATA names. UserError where they are not."""
    root = os.environ.get("ENERGAN_DATA")
    if not root:
        raise UserError("ENERGAN_DATA names no folder")
    printed, brushed = (_font(Path(root), *font) for font in FONTS.values())
    return read_zi2zi(printed, brushed, split)


def debian_zi2zi(split: str) -> Published:
    """The set from the two Debian packages, installed or not. UserError where one cannot be had."""
    fonts = []
    for package, (file, sha256) in FONTS.items():
        with debian_folder(package, FOLDER, (file,)) as unpacked:
            fonts.append(_font(unpacked, file, sha256))
    printed, brushed = fonts
    return read_zi2zi(printed, brushed, split)


def read_zi2zi(printed: bytes, brushed: bytes, split: str) -> Published:
    """(printed (n, 1, 64, 64), no labels, brushed (n, 1, 64, 64)) of one split, by code point.

    UserError for a damaged font.
    """
    try:
        faces = [
            ImageFont.truetype(BytesIO(font), EM, layout_engine=ImageFont.Layout.BASIC) for font in (printed, brushed)
        ]
        missing = [drawn(face, NONE).tobytes() for face in faces]
        codes = [code for code in CHARACTERS if split_of(f"{code:04X}") == split]
        pairs = [tuple(drawn(face, chr(code)) for face in faces) for code in codes]
        known = [p for p in pairs if all(x.tobytes() != none for x, none in zip(p, missing, strict=True))]
    except UNREADABLE as error:
        raise UserError(f"the fonts of zi2zi cannot be read ({error})") from error
    if not known:
        raise UserError("the fonts of zi2zi have no character in common")
    return Published(np.stack([x for x, _ in known]), None, targets=np.stack([y for _, y in known]))


def drawn(face: ImageFont.FreeTypeFont, character: str) -> UInt8[Array, "1 64 64"]:
    """The character, black on white."""
    image = Image.new("L", (SIDE, SIDE), 255)
    ImageDraw.Draw(image).text(PLACE, character, 0, face, anchor="ls")
    return np.array(image)[None]


def _font(folder: Path, file: str, sha256: str) -> bytes:
    """A font file. UserError if it is not there, or is another one."""
    path = folder / file
    if not path.is_file():
        raise UserError(f"{folder} holds no {file}")
    content = path.read_bytes()
    if (digest := hashlib.sha256(content).hexdigest()) != sha256:
        raise UserError(f"{path} is not the expected file: sha256 {digest}, not {sha256}")
    return content
