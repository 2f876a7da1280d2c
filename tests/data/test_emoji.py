"""The emoji sets: the published ones by hash, and small archives in npm's layout."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from energan.data import NAMED, download, load
from energan.data.named import catalog, emoji
from energan.data.named.emoji import CATEGORIES, FLUENT, NOTO, TWEMOJI, held_out
from energan.utils.errors import UserError

SETS = {"emoji-noto": 64, "emoji-twemoji": 64, "emoji-fluent": 256}


@pytest.mark.parametrize("name", ["emoji-noto", "emoji-twemoji"])
def test_a_set_is_the_published_one(name):
    train, test = load(name), load(name, "test")
    assert (len(train.images), len(test.images)) == (1546, 360)
    assert train.images.shape[1:] == (3, 64, 64) and train.classes == CATEGORIES
    assert int(train.labels.max()) == 8 and torch.bincount(test.labels).min() >= 15
    assert (train.images[:, :, 0, 0] > 200).float().mean() > 0.9  # on white
    unique = {hashlib.sha256(image.numpy().tobytes()).hexdigest() for image in train.images}
    assert len(unique) > 1500


def test_styles_draw_the_same_things():
    noto, twemoji = load("emoji-noto"), load("emoji-twemoji")
    assert torch.equal(noto.labels, twemoji.labels)
    same = (noto.images.float() - twemoji.images.float()).abs().mean((1, 2, 3))
    other = (noto.images.float() - twemoji.images.float().roll(200, 0)).abs().mean((1, 2, 3))
    assert same.mean() < 0.7 * other.mean()


@pytest.mark.parametrize("name", SETS)
def test_all_sets_have_both_splits_and_say_which_files_would_do(name):
    row = NAMED[name]
    assert set(row.sha256) == {"train", "test"} and row.shape == (3, SETS[name], SETS[name])
    assert "emoji-datasource-google-16.0.0.tgz" in row.files
    assert name != "emoji-fluent" or "lobehub-fluent-emoji-3d-1.1.0.tgz" in row.files


def test_families_stay_together_and_flags_do_not_all():
    runners = ("1F3C3", "1F3C3-200D-2640-FE0F", "1F3C3-200D-2642-FE0F-200D-27A1-FE0F")
    assert len({held_out(code) for code in runners}) == 1
    flags = [f"1F1E6-{second:X}" for second in range(0x1F1E6, 0x1F200)]
    assert {held_out(flag) for flag in flags} == {True, False}
    codes = [f"{code:X}" for code in range(0x1F300, 0x1F700)]
    assert sum(map(held_out, codes)) / len(codes) == pytest.approx(0.2, abs=0.03)


# ---- small archives ----

ROWS = [
    ("1F600", "1F600", "Smileys & Emotion", 1),
    ("1F3C3", None, "People & Body", 2),
    ("26D3-FE0F-200D-1F4A5", "26D3-200D-1F4A5", "Objects", 4),  # its image may have the shorter name
    ("1F3C3-200D-2640-FE0F", None, "People & Body", 3),
    ("1F697", None, "Travel & Places", 6),  # for testing
    ("1F3FB", None, "Component", 5),  # a skin tone: not in the set
]


def png(colour: tuple[int, ...], side: int) -> bytes:
    content = io.BytesIO()
    image = Image.new("RGBA", (side, side), (0, 0, 0, 0))
    image.paste(colour, (0, 0, side // 2, side))
    image.save(content, "PNG")
    return content.getvalue()


def archive(folder: Path, style: emoji.Archive, members: dict[str, bytes]) -> emoji.Archive:
    """The archive as npm leaves it, and its row with the hash of that."""
    path = folder / style.file
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return style._replace(sha256=hashlib.sha256(path.read_bytes()).hexdigest())


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A folder with Noto of five emoji and a skin tone; its place in NAMED, without hashes."""
    table = [{"unified": u, "non_qualified": n, "category": c, "sort_order": o} for u, n, c, o in ROWS]
    names = ["1f600", "1f3c3", "26d3-200d-1f4a5", "1f3c3-200d-2640-fe0f", "1f697", "1f3fb"]
    images = {f"package/img/google/64/{name}.png": png((50 * i, 0, 0, 255), 64) for i, name in enumerate(names)}
    noto = archive(tmp_path, NOTO, {"package/emoji.json": json.dumps(table).encode(), **images})
    monkeypatch.setattr(emoji, "NOTO", noto)
    monkeypatch.setenv("ENERGAN_CACHE", str(tmp_path / "cache"))
    return tmp_path, noto


def test_images_come_in_unicodes_order_on_white(small):
    folder, noto = small
    apart = {code: held_out(code) for code, *_ in ROWS}
    for split in ("train", "test"):
        pixels, labels, *_ = emoji.read_emoji(*[(folder / noto.file).read_bytes()] * 2, noto, split)
        wanted = sorted((row for row in ROWS[:5] if apart[row[0]] == (split == "test")), key=lambda row: row[3])
        assert [CATEGORIES[label] for label in labels] == [row[2] for row in wanted]
        reds = {"1F600": 0, "1F3C3": 50, "26D3-FE0F-200D-1F4A5": 100, "1F3C3-200D-2640-FE0F": 150, "1F697": 200}
        assert pixels[:, 0, 5, 5].tolist() == [reds[row[0]] for row in wanted]
        assert (pixels[:, :, 5, 60] == 255).all()  # what was transparent


def test_the_folder_of_the_environment_and_npm_give_the_same(small, monkeypatch):
    folder, noto = small
    monkeypatch.delenv("ENERGAN_DATA", raising=False)
    with pytest.raises(UserError, match="names no folder"):
        emoji.local_emoji(noto)("train")
    monkeypatch.setenv("ENERGAN_DATA", str(folder / "cache"))
    with pytest.raises(UserError, match=r"holds no emoji-datasource-google-16\.0\.0\.tgz"):
        emoji.local_emoji(noto)("train")
    monkeypatch.setenv("ENERGAN_DATA", str(folder))
    local = emoji.local_emoji(noto)("train")
    packed = (folder / noto.file).read_bytes()
    asked: list[list[str]] = []

    def npm(command: list[str], where: Path) -> None:
        asked.append(command)
        (where / noto.file).write_bytes(packed)

    monkeypatch.setattr(download, "client", npm)
    for _ in range(2):  # the second time from the cache
        fetched = emoji.npm_emoji(noto)("train")
        assert all(np.array_equal(a, b) for a, b in zip(local, fetched, strict=True))
    assert asked == [["npm", "pack", "--silent", "emoji-datasource-google@16.0.0"]]
    kept = next((folder / "cache" / "npm").iterdir())
    kept.write_bytes(b"damaged")  # fetched again
    emoji.npm_emoji(noto)("train")
    assert len(asked) == 2 and kept.read_bytes() == packed


def test_another_archive_is_refused(small, monkeypatch):
    monkeypatch.setattr(download, "client", lambda _, where: (where / "other.tgz").write_bytes(b"other"))
    with pytest.raises(UserError, match="is not the expected file: sha256"):
        download.fetch_npm("emoji-datasource-google", "16.0.0", "0" * 64)
    assert not (small[0] / "cache" / "npm").exists()


@pytest.mark.parametrize("damage", ["cut", "no table", "no image", "empty"])
def test_damaged_archives_are_named(small, damage):
    folder, noto = small
    path = folder / noto.file
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:200])
    elif damage == "no table":
        archive(folder, NOTO, {"package/img/google/64/1f600.png": png((0, 0, 0, 255), 64)})
    elif damage == "no image":
        table = [{"unified": u, "non_qualified": n, "category": c, "sort_order": o} for u, n, c, o in ROWS]
        members = {f"package/img/google/64/{u.lower()}.png": b"no image" for u, *_ in ROWS}
        archive(folder, NOTO, {"package/emoji.json": json.dumps(table).encode(), **members})
    else:
        path.write_bytes(b"")
    with pytest.raises(UserError, match=r"emoji-datasource-google-16\.0\.0\.tgz cannot be read"):
        emoji.read_emoji(path.read_bytes(), path.read_bytes(), noto, "train")


def test_what_is_said_where_a_set_cannot_be_had(tmp_path, monkeypatch):
    monkeypatch.setenv("ENERGAN_CACHE", str(tmp_path))
    monkeypatch.delenv("ENERGAN_DATA", raising=False)
    monkeypatch.setattr(download, "client", unreachable)
    with pytest.raises(UserError) as said:
        load("emoji-twemoji")
    assert "the npm registry (there is no npm on this machine)" in str(said.value)
    assert f"Put {NOTO.file} and {TWEMOJI.file} into a folder named by ENERGAN_DATA" in str(said.value)
    assert FLUENT.file == "lobehub-fluent-emoji-3d-1.1.0.tgz"
    assert catalog.NAMED["emoji-noto"].files == NOTO.file


def unreachable(*_: object) -> None:
    raise UserError("there is no npm on this machine")


def test_a_cache_that_cannot_be_written_costs_a_warning(small, monkeypatch, capsys):
    folder, noto = small
    packed = (folder / noto.file).read_bytes()
    (folder / "file").write_text("")
    monkeypatch.setenv("ENERGAN_CACHE", str(folder / "file" / "cache"))  # cannot be made, by root neither
    monkeypatch.setattr(download, "client", lambda _, where: (where / noto.file).write_bytes(packed))
    assert len(emoji.npm_emoji(noto)("train")[0]) == 4
    assert "cannot be written" in capsys.readouterr().err
