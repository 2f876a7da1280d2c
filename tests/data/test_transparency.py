"""Colours and opacity apart: every mode of files, what is damaged, and what spreads into holes."""

import io
import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from energan.data.decoding.failures import UNREADABLE
from energan.data.transparency import decode_apart, without_holes

RANDOM = np.random.RandomState(0)
COLOURS = RANDOM.randint(0, 256, (9, 12, 3)).astype(np.uint8)
OPACITY = RANDOM.randint(0, 256, (9, 12)).astype(np.uint8)


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


def test_colours_stay_as_they_are_stored_beside_their_opacity() -> None:
    whole = Image.fromarray(np.dstack([COLOURS, OPACITY]))
    for kind in ("PNG", "TIFF"):
        apart = decode_apart(encoded(whole, kind))
        assert np.array_equal(apart.colours, COLOURS.transpose(2, 0, 1)) and np.array_equal(apart.opacity, OPACITY)


def test_grey_with_opacity_is_grey() -> None:
    grey = Image.merge("LA", (Image.fromarray(COLOURS[..., 0]), Image.fromarray(OPACITY)))
    apart = decode_apart(encoded(grey))
    assert np.array_equal(apart.colours, COLOURS[None, ..., 0]) and np.array_equal(apart.opacity, OPACITY)


def test_what_has_no_opacity_has_none() -> None:
    grey = Image.fromarray(COLOURS[..., 0])
    for image, kind, channels in (
        (grey, "PNG", 1),
        (grey.convert("1"), "PNG", 1),
        (Image.fromarray(COLOURS), "BMP", 3),
        (Image.fromarray(COLOURS).convert("CMYK"), "JPEG", 3),
        (Image.fromarray(COLOURS).convert("P"), "PNG", 3),
    ):
        apart = decode_apart(encoded(image, kind))
        assert apart.opacity is None and apart.colours.shape == (channels, 9, 12)


def test_one_transparent_colour_of_a_palette_or_of_greys() -> None:
    palette = Image.fromarray((COLOURS[..., 0] % 3).astype(np.uint8), "P")
    palette.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    apart = decode_apart(encoded(palette, transparency=1))
    assert np.array_equal(apart.opacity, np.where(COLOURS[..., 0] % 3 == 1, 0, 255))
    apart = decode_apart(encoded(Image.fromarray(COLOURS[..., 0]), transparency=int(COLOURS[0, 0, 0])))
    assert np.array_equal(apart.opacity, np.where(COLOURS[..., 0] == COLOURS[0, 0, 0], 0, 255))


def test_sixteen_bits_lose_nothing_but_bits(tmp_path: Path) -> None:
    """A PNG of grey and opacity, both of sixteen bits, written by hand."""
    import struct
    import zlib

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    samples = RANDOM.randint(0, 65536, (9, 12, 2)).astype(">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in samples)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 12, 9, 16, 4, 0, 0, 0))
    content = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    apart = decode_apart(content)
    assert apart.colours.shape == (1, 9, 12) and apart.opacity is not None
    for found, stored in ((apart.colours[0], samples[..., 0]), (apart.opacity, samples[..., 1])):
        assert np.abs(found.astype(float) - stored.astype(float) / 257).max() <= 0.51
    assert decode_apart(content, (0, 32767)).colours.max() == 255  # another range, of the run's images


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's remarks on metadata
def test_damaged_files_are_unreadable_and_nothing_else() -> None:
    whole = Image.fromarray(np.dstack([COLOURS, OPACITY]))
    deep = Image.fromarray(COLOURS[..., 0].astype(np.uint16) * 257)
    sound = [encoded(whole), encoded(whole, "TIFF"), encoded(whole, "WEBP", lossless=True), encoded(deep)]
    sound += [encoded(deep, "TIFF"), encoded(Image.fromarray(COLOURS), "JPEG"), encoded(whole.convert("P"), "GIF")]
    chance = random.Random(0)
    for content in sound:
        for _ in range(40):
            broken = bytearray(content)
            for _ in range(chance.randint(1, 4)):
                broken[chance.randrange(len(broken))] = chance.randrange(256)
            try:
                apart = decode_apart(bytes(broken[: chance.choice((len(broken), chance.randrange(len(broken))))]))
            except UNREADABLE:
                continue
            assert apart.colours.dtype == np.uint8 and apart.colours.ndim == 3


def test_colours_spread_from_what_is_nearest() -> None:
    colours = np.zeros((1, 1, 5), np.uint8)
    colours[0, 0] = 10, 99, 99, 99, 30
    opacity = np.array([[255, 0, 0, 0, 1]], np.uint8)
    assert without_holes(colours, opacity)[0, 0].tolist() == [10, 10, 20, 30, 30]


def test_what_is_visible_stays() -> None:
    colours, opacity = COLOURS.transpose(2, 0, 1), np.where(OPACITY > 99, OPACITY, 0)
    filled = without_holes(colours, opacity)
    assert np.array_equal(filled[:, opacity > 0], colours[:, opacity > 0])
    assert not np.array_equal(filled[:, opacity == 0], colours[:, opacity == 0])
    nothing = without_holes(colours, np.zeros_like(opacity))
    assert nothing.shape == colours.shape and (nothing == 0).all()
