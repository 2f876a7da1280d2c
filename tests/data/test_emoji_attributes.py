"""Emoji with attributes: a small table and small archives, what their code points say, and the published set."""

import io
import json
import tarfile

import numpy as np
import pytest
import torch
from PIL import Image

from energan.data import NAMED, load
from energan.data.attributes import attribute_names, with_attributes
from energan.data.named import emoji_attributes as emoji
from energan.data.named.emoji import held_out
from energan.utils.errors import UserError

TRAINED = next(f"{code:X}" for code in range(0x1F400, 0x1F500) if not held_out(f"{code:X}"))
TONES = {"1F3FB": {"unified": "1F44B-1F3FB"}, "1F3FF": {"unified": "1F44B-1F3FF"}, "1F3FB-1F3FC": {"unified": "X"}}
ROWS = [
    {"unified": TRAINED, "non_qualified": None, "category": "Animals & Nature", "sort_order": 2},
    {"unified": "1F468", "non_qualified": None, "category": "People & Body", "sort_order": 3},
    {"unified": "1F44B", "non_qualified": None, "category": "People & Body", "sort_order": 1, "skin_variations": TONES},
    {"unified": "1F3FB", "non_qualified": None, "category": "Component", "sort_order": 0},
]


def archive(folder: str, suffix: str, names: list[str], **files: bytes) -> bytes:
    members = dict(files)
    for i, name in enumerate(names):
        out = io.BytesIO()
        Image.fromarray(np.full((4, 4, 3), 40 * i, np.uint8)).save(out, "PNG")
        members[f"{folder}/{name.lower()}{suffix}"] = out.getvalue()
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return content.getvalue()


def test_every_style_has_what_it_draws_with_tone_and_gender():
    every = [TRAINED, "1F468", "1F44B", "1F44B-1F3FB", "1F44B-1F3FF"]
    table = {"package/emoji.json": json.dumps(ROWS).encode()}
    archives = {
        emoji.NOTO: archive(emoji.NOTO.folder, ".png", every, **table),
        emoji.TWEMOJI: archive(emoji.TWEMOJI.folder, ".png", every),
        emoji.FLUENT: archive(emoji.FLUENT.folder, ".webp", every[:2]),  # Pillow looks into a file, not at its name
    }
    found = {}
    for split in ("train", "test"):
        if any(held_out(row["unified"]) == (split == "test") for row in ROWS[:3]):
            images, labels, *_ = emoji.read_all(archives, split)
            names, values = emoji.attributes(torch.from_numpy(labels))
            assert images.shape[1:] == (3, 64, 64) and len(values) == len(images)
            for row in values.bool().tolist():
                key = tuple(name for name, has in zip(names, row, strict=True) if has)
                found[key] = found.get(key, 0) + 1
    assert found == {
        **{("Animals & Nature", style): 1 for style in ("Noto", "Twemoji", "Fluent")},
        **{("People & Body", style, "man"): 1 for style in ("Noto", "Twemoji", "Fluent")},
        **{("People & Body", style): 1 for style in ("Noto", "Twemoji")},
        **{("People & Body", style, f"{tone} skin"): 1 for style in ("Noto", "Twemoji") for tone in ("light", "dark")},
    }


@pytest.mark.parametrize(
    ("unified", "gender"),
    [("1F3C3-200D-2640-FE0F", "woman"), ("1F467", "woman"), ("1F468-200D-1F680", "man"), ("1F600", None),
     ("1F468-200D-2764-FE0F-200D-1F469", None)],
)  # fmt: skip
def test_gender_is_what_the_code_points_say(unified: str, gender: str | None):
    assert ["", *emoji.GENDERS][emoji._gender(unified)] == (gender or "")


def test_a_damaged_archive_is_told():
    with pytest.raises(UserError, match="cannot be read"):
        emoji.read_all(dict.fromkeys(emoji.STYLES.values(), b"no archive"), "train")


def test_the_set_has_nineteen_attributes():
    assert attribute_names("emoji-attributes", ["dark skin", "NOTO"]) == ("dark skin", "Noto")
    assert len(attribute_names("emoji-attributes")) == 19 and len(NAMED["emoji-attributes"].classes) == 486
    data = with_attributes(load("emoji-attributes", "test"), "emoji-attributes")
    values = data.attributes
    assert values.shape == (1673, 19) and set(values.unique().tolist()) == {0, 1}
    assert bool((values[:, :9].sum(1) == 1).all() and (values[:, 9:12].sum(1) == 1).all())
    assert int(values[:, 12:17].sum(1).max()) == 1 and values[:, 12:17].sum(0).tolist() == [120.0] * 5
