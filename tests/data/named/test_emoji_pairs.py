"""Emoji as pairs: the published sets by hash, and small archives in npm's layout with a font of letters."""

import hashlib
import io
import json
import tarfile

import numpy as np
import pytest
import torch
from PIL import Image, ImageFont

from energan.data import NAMED, load, splits_of
from energan.data.named.emoji import CATEGORIES, NOTO, TWEMOJI, family, held_out
from energan.data.named.families import split_of
from energan.data.named.pairs import emoji
from energan.utils.errors import UserError

SPLITS = ("train", "validation", "test")

ROWS = [
    *((f"{code:04X}", CATEGORIES[code % 9]) for code in range(0x41, 0x5B)),  # letters
    ("0061-FE0F", "Objects"),
    ("0062-200D-0063", "Objects"),  # two signs: in no font
    ("0064", "Component"),  # in no set
]


def packed(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def png(value: int, side: int = 64) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (side, side), (value, 0, 0)).save(out, "PNG")
    return out.getvalue()


def drawings(style, rows, **others: bytes) -> bytes:
    """A style's archive: of each row a red whose value is that of its first code point."""
    images = {f"{style.folder}/{u.lower()}{style.suffix}": png(int(u.split("-")[0], 16)) for u, _ in rows}
    return packed({**images, **others})


def table() -> dict[str, bytes]:
    listed = [
        {"unified": u, "non_qualified": None, "category": c, "sort_order": i}
        for i, (u, c) in reversed(list(enumerate(ROWS)))
    ]
    return {"package/emoji.json": json.dumps(listed).encode()}


@pytest.fixture(scope="module")
def letters() -> bytes:
    """A package with a font: Pillow's own, in which "A" is an emoji."""
    return packed({emoji.FONT: ImageFont.load_default(10).font_bytes})


@pytest.fixture(scope="module")
def noto() -> bytes:
    return drawings(NOTO, ROWS, **table())


def test_outlines_are_of_the_same_code_points_as_colours(letters, noto):
    seen = []
    for split in SPLITS:
        made = emoji.read_line_emoji(noto, letters, split)
        assert made.images.shape[1:] == (1, 64, 64) and made.targets.shape[1:] == (3, 64, 64)
        codes = made.targets[:, 0, 5, 5].tolist()
        assert [split_of(f"{code:04X}") for code in codes] == [split] * len(codes)
        assert codes == sorted(codes) and [CATEGORIES[i] for i in made.labels] == [
            dict(ROWS).get(f"{c:04X}", "Objects") for c in codes
        ]
        face = ImageFont.truetype(
            io.BytesIO(ImageFont.load_default(10).font_bytes), emoji.EM * emoji.SHARPER, layout_engine=emoji.BASIC
        )
        for image, code in zip(made.images, codes, strict=True):
            assert np.array_equal(image, emoji.outline(face, chr(code)))
        seen += codes
    assert sorted(seen) == [*range(0x41, 0x5B), 0x61]  # no sequence, no component


def test_an_outline_is_black_on_white_in_the_middle(letters):
    font = io.BytesIO(ImageFont.load_default(10).font_bytes)
    face = ImageFont.truetype(font, emoji.EM * emoji.SHARPER, layout_engine=emoji.BASIC)
    letter = emoji.outline(face, "H")[0]
    rows, columns = np.nonzero(letter < 128)
    assert letter.max() == 255 and letter.min() == 0 and rows.max() + 1 == pytest.approx(emoji.BASELINE, abs=1)
    assert abs(columns.min() - (63 - columns.max())) <= 2
    assert (emoji.outline(face, " ") == 255).all()


def test_the_same_things_of_two_styles_are_pairs_and_what_one_lacks_is_left_out(noto):
    lacking = [row for row in ROWS if row[0] not in ("0045", "0046", "0047")]
    theirs = drawings(TWEMOJI, lacking)
    seen = []
    for split in SPLITS:
        made = emoji.read_noto_twemoji(noto, theirs, split)
        assert np.array_equal(made.images, made.targets) and len(made.labels) == len(made.images)
        seen += made.images[:, 0, 0, 0].tolist()
    assert sorted(seen) == [*range(0x41, 0x45), *range(0x48, 0x5B), 0x61, 0x62]


def test_damaged_archives_are_one_sentence(letters, noto):
    for archives in ((b"no archive", letters), (noto, packed({})), (noto, packed({emoji.FONT: b"no font"}))):
        with pytest.raises(UserError, match="archives of line-emoji cannot be read"):
            emoji.read_line_emoji(*archives, "train")
    for archives in ((packed({}), noto), (noto[:-20], noto), (noto, noto[:50])):
        with pytest.raises(UserError, match="archives of noto-twemoji cannot be read"):
            emoji.read_noto_twemoji(*archives, "train")


@pytest.mark.parametrize(("name", "sizes"), [("line-emoji", (966, 126, 284)), ("noto-twemoji", (1360, 151, 360))])
def test_a_set_is_the_published_one_and_no_picture_is_of_two_splits(name, sizes):
    assert set(splits_of(name)) == set(SPLITS)
    pictures = []
    for split, n in zip(SPLITS, sizes, strict=True):
        data = load(name, split)
        assert "drawn by this machine" in data.source or data.source.endswith(("registry)", "cache)", "ENERGAN_DATA)"))
        assert data.images.shape == (n, *NAMED[name].shape) and data.targets.shape == (n, 3, 64, 64)
        assert data.paired and len(data.labels) == n
        pictures += [hashlib.sha256(x.numpy().tobytes()).hexdigest() for x in (*data.images, *data.targets)]
    assert len(set(pictures)) == len(pictures)  # in no split twice, and in no two


def test_published_outlines_lie_on_their_colours():
    data = load("line-emoji", "validation")
    ink, colour = data.images[:, 0] < 128, (data.targets < 250).any(1)

    def covered(ink: torch.Tensor) -> float:
        """Which part of the outlines is on something drawn."""
        return float((ink & colour).sum() / ink.sum())

    assert covered(ink) > 0.85
    assert covered(ink.roll(1, 0)) < covered(ink) - 0.15  # of another emoji
    for axis in (1, 2):
        assert covered(ink.roll(4, axis)) < covered(ink) - 0.03 and covered(ink.roll(-4, axis)) < covered(ink) - 0.03


def test_both_of_a_pair_are_resized_and_channels_are_of_images():
    data = load("line-emoji", "validation", size=32, channels=3, progress=False)
    assert data.images.shape == (126, 3, 32, 32) and data.targets.shape == (126, 3, 32, 32)
    assert data.source.endswith("as 3 x 32 x 32, targets as 3 x 32 x 32")
    grey = load("noto-twemoji", "validation", channels=1, progress=False)
    assert grey.images.shape[1] == 1 and grey.targets.shape[1] == 3


def test_all_splits_together_and_a_class_keep_pairs_together():
    whole = load("noto-twemoji", "all")
    assert len(whole.images) == len(whole.targets) == 1360 + 151 + 360
    flags, train = load("noto-twemoji", "train", only=["Flags"]), load("noto-twemoji", "train")
    assert torch.equal(flags.targets, train.targets[train.labels == CATEGORIES.index("Flags")])


def test_families_have_three_splits_of_which_test_is_that_of_emoji():
    codes = [f"{code:X}" for code in range(0x1F300, 0x1F700)]
    found = [split_of(family(code)) for code in codes]
    assert [split == "test" for split in found] == [held_out(code) for code in codes]
    assert found.count("validation") / len(codes) == pytest.approx(0.08, abs=0.03)
    assert family("1F3C3-200D-2640-FE0F") == "1F3C3" and family("1F1E6-1F1E8") == "1F1E6-1F1E8"
