"""Icons as pairs, outline to filled: Phosphor's 1,509 icons in the weights "regular" and "fill", grey, white on black,
64 x 64.

A family, by the first word of the name, is of one split; those for testing are `icons-captions`' too.
FreeType draws the fonts, whose versions may round a pixel differently: such pixels are taken with a warning, and not
cached.
"""

import tarfile
from io import BytesIO

import numpy as np
from PIL import ImageFont

from energan.data.decoding.failures import UNREADABLE
from energan.data.named.captioned.icons import ENTRY, MARGIN, SIDE, TABLE, WEIGHTS, drawn, family
from energan.data.named.families import split_of
from energan.data.named.npm import members
from energan.data.named.published import Published
from energan.utils.errors import UserError

PAIR = ("regular", "fill")


def read_filled(fonts: bytes, words: bytes, split: str) -> Published:
    """(outlines (n, 1, 64, 64), no labels, filled (n, 1, 64, 64)) of one split, by name. UserError if an archive is
    damaged."""
    try:
        paths = [f"package/src/{WEIGHTS[weight][0]}.ttf" for weight in PAIR]
        files = members(fonts, paths)
        table = ENTRY.findall(members(words, [TABLE])[TABLE].decode())
        codes = [int(code) for name, _, code in table if split_of(family(name)) == split]
        faces = [
            ImageFont.truetype(BytesIO(files[path]), SIDE - 2 * MARGIN, layout_engine=ImageFont.Layout.BASIC)
            for path in paths
        ]
        pages = [np.stack([drawn(face, code, duotone=False) for code in codes]) for face in faces]
    except (*UNREADABLE, tarfile.TarError) as error:
        raise UserError(f"the archives of icons-filled cannot be read ({error})") from error
    known = pages[0].any((1, 2)) & pages[1].any((1, 2))  # three icons have words, and no sign in the fonts
    return Published(pages[0][known, None], None, targets=pages[1][known, None])
