"""Phosphor's icons with sentences: 1,509 icons in six weights, grey, 64 x 64, drawn from their fonts; the label is the
weight.

A fifth of the families is for testing, by the first word of the icon's name, in all weights: no arrow trains where one
is tested. Captions are made of the name, of Phosphor's keywords, and of the weight.

Fonts are drawn by FreeType, whose versions may round a pixel differently. The archives are accepted by their hashes, as
ever; pixels other than the published ones are too, with a warning, and are not cached.
"""

import re
import tarfile
from io import BytesIO
from itertools import compress

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray as Array
from PIL import Image, ImageDraw, ImageFont

from energan.data.decoding.failures import UNREADABLE
from energan.data.named import families
from energan.data.named.npm import Archive, members
from energan.data.named.published import Published
from energan.utils.errors import UserError

SIDE, MARGIN = 64, 2  # pixels; an icon's own square is SIDE - 2 MARGIN

FONTS = Archive("@phosphor-icons/web", "2.1.2", "40e3096099ca818c047979cece6a3764944d5200c67b64092f7bcd8bcd1d2b08")

WORDS = Archive("@phosphor-icons/core", "2.1.1", "313332be6190b724da24107addd781799b48bf76b13963f24501112ffe1baadd")

TABLE = "package/dist/index.mjs"

WEIGHTS = {  # the label's class: its font, what is said of it
    "thin": ("thin/Phosphor-Thin", "hairline"),
    "light": ("light/Phosphor-Light", "fine line"),
    "regular": ("regular/Phosphor", "line"),
    "bold": ("bold/Phosphor-Bold", "thick line"),
    "fill": ("fill/Phosphor-Fill", "filled, solid"),
    "duotone": ("duotone/Phosphor-Duotone", "two-tone, shaded"),
}

SHADE = 0.2  # of duotone's first sign; the outline is the next one

# an entry of the table, which is JavaScript and is not run
ENTRY = re.compile(r'name: "([a-z0-9-]+)",.*?tags: \[(.*?)\],\s*codepoint: (\d+)', re.DOTALL)

TAG = re.compile(r'"([^"]*)"')

NEWS = frozenset({"*new*", "*updated*"})  # of Phosphor's releases: no keywords


def read_icons(fonts: bytes, words: bytes, split: str) -> Published:
    """(images (n, 1, 64, 64), labels (n,), captions) of one split, by name. UserError if an archive is damaged."""
    try:
        files = members(fonts, [f"package/src/{font}.ttf" for font, _ in WEIGHTS.values()])
        table = ENTRY.findall(members(words, [TABLE])[TABLE].decode())
        icons = [(name, [tag for tag in TAG.findall(tags) if tag not in NEWS], int(code)) for name, tags, code in table]
        icons = [icon for icon in icons if held_out(icon[0]) == (split == "test")]
        pages = []
        for weight, (font, _) in WEIGHTS.items():
            content = BytesIO(files[f"package/src/{font}.ttf"])
            face = ImageFont.truetype(content, SIDE - 2 * MARGIN, layout_engine=ImageFont.Layout.BASIC)
            pages.append(np.stack([drawn(face, code, weight == "duotone") for _, _, code in icons]))
    except (*UNREADABLE, tarfile.TarError) as error:
        raise UserError(f"the archives of icons-captions cannot be read ({error})") from error
    images = np.stack(pages, 1)  # (icons, weights, 64, 64)
    known = [bool(of_icon.any()) for of_icon in images]  # three icons have words, and no sign in the fonts
    images, icons = images[known].reshape(-1, 1, SIDE, SIDE), list(compress(icons, known))
    labels = np.tile(np.arange(len(WEIGHTS)), len(icons))
    said = (captions(name, tags, weight) for name, tags, _ in icons for weight in WEIGHTS)
    return Published(images, labels, tuple(said))


def held_out(name: str) -> bool:
    """Whether an icon's family ("arrow-up", "arrow-down") is for testing."""
    return families.held_out(family(name))


def family(name: str) -> str:
    """The first word of an icon's name."""
    return name.partition("-")[0]


def drawn(face: ImageFont.FreeTypeFont, code: int, duotone: bool) -> UInt8[Array, "64 64"]:
    """The icon, white on black."""
    image = Image.new("L", (SIDE, SIDE))
    pen, place = ImageDraw.Draw(image), (MARGIN, MARGIN + face.getmetrics()[0])
    if duotone:
        pen.text(place, chr(code), round(255 * SHADE), face, anchor="ls")
    pen.text(place, chr(code + duotone), 255, face, anchor="ls")
    return np.asarray(image)


def captions(name: str, tags: list[str], weight: str) -> tuple[str, ...]:
    """Five sentences: by the name, by keywords, each with the weight or without.

    Example:
        >>> captions("address-book", ["contacts", "directory"], "fill")[:3]
        ('a fill icon of address book', 'address book, filled, solid', 'fill icon: contacts, directory')
    """
    plain, looks = name.replace("-", " "), WEIGHTS[weight][1]
    words = ", ".join(tags[:6]) or plain
    return (
        f"a {weight} icon of {plain}",
        f"{plain}, {looks}",
        f"{weight} icon: {words}",
        f"a {looks} drawing of {plain}: {words}",
        plain,
    )
