"""Emoji and icons with sentences: the published sets by hash, and small archives in npm's layout."""

import hashlib
import io
import json
import tarfile

import numpy as np
import pytest
import torch
from PIL import Image

from energan.data import NAMED, load
from energan.data.named.captioned import emoji_captions, icons
from energan.data.named.captioned.icons import held_out
from energan.data.named.emoji import FLUENT, NOTO, TWEMOJI
from energan.data.named.loading import written
from energan.data.named.published import Hashes, Source
from energan.utils.errors import UserError


def packed(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def png(colour: tuple[int, int, int]) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 64), colour).save(out, "PNG")
    return out.getvalue()


def test_published_emoji_have_five_sentences_that_name_them():
    data = load("emoji-captions", "test")
    assert data.images.shape == (1673, 3, 64, 64) and len(data.captions) == 1673
    assert {len(said) for said in data.captions} == {5}
    assert all(text.strip() for said in data.captions for text in said)
    dark = [i for i, said in enumerate(data.captions) if "with dark skin" in said[0]]
    light = [i for i, said in enumerate(data.captions) if "with light skin" in said[0]]
    brightness = data.images.float().mean((1, 2, 3))
    assert len(dark) > 50 and brightness[dark].mean() < brightness[light].mean() - 10
    assert {said[1].split()[1] for said in data.captions} == set(emoji_captions.STYLES)


def test_published_icons_come_in_six_weights_of_more_and_more_ink():
    data = load("icons-captions", "test")
    assert data.images.shape == (1656, 1, 64, 64) and data.classes == tuple(icons.WEIGHTS)
    ink = torch.stack([data.images[data.labels == k].float().mean() for k in range(6)])
    assert ink[:4].diff().min() > 0 and ink[4] == ink.max()
    assert all(data.classes[k] in said[0] for k, said in zip(data.labels.tolist(), data.captions, strict=True))
    edge = torch.cat([data.images[..., 0, :], data.images[..., -1, :]])
    assert (edge > 0).any(-1).float().mean() < 0.01  # none is cut off at the top or at the bottom
    assert not any("*" in text for said in data.captions for text in said)


def test_icons_of_a_family_stay_together():
    assert len({held_out(name) for name in ("arrow-up", "arrow-down", "arrow")}) == 1
    assert sum(map(held_out, map(str, range(1000)))) == pytest.approx(200, abs=40)


def test_small_emoji_in_three_styles_and_a_tone():
    row = {"unified": "1F3C3", "non_qualified": None, "category": "People & Body", "sort_order": 2}
    row["skin_variations"] = {
        "1F3FF": {"unified": "1F3C3-1F3FF", "non_qualified": None},
        "1F3FB-1F3FF": {"unified": "1F3C3-1F3FB-1F3FF", "non_qualified": None},  # of two people: left out
    }
    flag = {"unified": "26D3-FE0F", "non_qualified": "26D3", "category": "Objects", "sort_order": 1}
    car = {"unified": "1F697", "non_qualified": None, "category": "Travel & Places", "sort_order": 3}  # for testing
    table = {"package/emoji.json": json.dumps([row, flag, car]).encode()}
    names = ("1f3c3", "1f3c3-1f3ff", "1f3c3-1f3fb-1f3ff", "26d3-fe0f", "1f697")
    styles = [
        packed({**table, **{f"{style.folder}/{n}{style.suffix}": png((60 * k, 9 * i, 0)) for i, n in enumerate(names)}})
        for k, style in enumerate((NOTO, TWEMOJI, FLUENT))
    ]
    entries = [
        {"label": "chains", "hexcode": "26D3"},
        {"label": "car", "hexcode": "1F697", "tags": []},
        {"label": "runner", "hexcode": "1F3C3", "tags": ["fast", "sport"]},
    ]
    words = packed({emoji_captions.TABLE: json.dumps(entries).encode()})
    parts = [emoji_captions.read_captioned(*styles, words, split) for split in ("train", "test")]
    images, labels, captions, _ = parts[0]
    assert sum(len(part[1]) for part in parts) == 12
    said = {text for part in parts for each in part[2] for text in each}
    assert {"runner with dark skin, a glossy 3D model", "a Noto emoji: runner", "Objects, Twemoji"} <= said
    assert not any("chains with" in text for text in said)
    assert images.shape[1:] == (3, 64, 64) and len(labels) == len(captions)


def test_damaged_archives_are_one_sentence():
    with pytest.raises(UserError, match="emoji-captions cannot be read"):
        emoji_captions.read_captioned(b"no archive", b"", b"", b"", "train")
    with pytest.raises(UserError, match="icons-captions cannot be read"):
        icons.read_icons(packed({}), packed({}), "train")


@pytest.fixture
def drawn_here(tmp_path, monkeypatch):
    """icons-captions of four icons, whose pixels are another machine's."""
    images, labels = np.full((4, 1, 64, 64), 7, np.uint8), np.arange(4)
    captions = tuple((f"icon {i}", "another") for i in range(4))
    monkeypatch.setenv("ENERGAN_CACHE", str(tmp_path))
    hashes = [hashlib.sha256(part).hexdigest() for part in (b"other", bytes(range(4)), b"")]
    hashes[2] = hashlib.sha256(written(captions)).hexdigest()
    source = Source("a test", lambda split: (images, labels, captions))
    row = NAMED["icons-captions"]._replace(sha256={"test": Hashes(*hashes)}, sources=(source,))
    monkeypatch.setitem(NAMED, "icons-captions", row)
    return row, captions


def test_pixels_that_another_machine_rounds_otherwise_are_taken_and_said(drawn_here, capsys):
    data = load("icons-captions", "test", progress=False)
    assert data.captions == drawn_here[1] and int(data.images.sum()) == 7 * 4 * 64 * 64
    assert "pixels of icons-captions are not the published ones" in capsys.readouterr().err
    assert data.sha256 != drawn_here[0].sha256["test"][0] and "drawn by this machine" in data.source


def test_other_words_or_pixels_of_a_set_that_nobody_draws_are_refused(drawn_here, monkeypatch):
    row, _ = drawn_here
    monkeypatch.setitem(NAMED, "icons-captions", row._replace(rendered=False))
    with pytest.raises(UserError, match="hashes differ"):
        load("icons-captions", "test", progress=False)
    hashes = row.sha256["test"]._replace(captions="0" * 64)
    monkeypatch.setitem(NAMED, "icons-captions", row._replace(sha256={"test": hashes}))
    with pytest.raises(UserError, match="hashes differ"):
        load("icons-captions", "test", progress=False)


def test_captions_of_the_cache_are_checked_too(tmp_path, monkeypatch, drawn_here):
    row, captions = drawn_here
    images = np.full((4, 1, 64, 64), 7, np.uint8)
    right = Hashes(hashlib.sha256(images.tobytes()).hexdigest(), *row.sha256["test"][1:])
    monkeypatch.setitem(NAMED, "icons-captions", row._replace(sha256={"test": right}))
    load("icons-captions", "test", progress=False)
    assert "cache" in load("icons-captions", "test", progress=False).source
    kept = tmp_path / "named" / "icons-captions-test.captions.json"
    kept.write_bytes(kept.read_bytes().replace(b"another", b"changed"))
    again = load("icons-captions", "test", progress=False)
    assert "a test" in again.source and again.captions == captions
