"""Characters and icons as pairs: the published sets by hash, and small fonts of Pillow's letters."""

import hashlib
import io
import tarfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import ImageFont

from energan.data import NAMED, load
from energan.data.named.captioned.icons import ENTRY, TABLE, WEIGHTS
from energan.data.named.families import split_of
from energan.data.named.pairs import icons, zi2zi
from energan.utils.errors import UserError

SPLITS = ("train", "validation", "test")

LETTERS = ImageFont.load_default(10).font_bytes

LEFT_OUT = range(0x370, 0x400)  # Greek: not in that font


def packed(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "sizes"),
    [("icons-filled", (1124, 109, 276)), pytest.param("zi2zi", (13158, 1467, 3741), marks=pytest.mark.slow)],
)
def test_a_set_is_the_published_one_and_no_picture_is_of_two_splits(name, sizes):
    seen: list[set[str]] = []
    for split, n in zip(SPLITS, sizes, strict=True):
        data = load(name, split)
        right = NAMED[name].sha256[split]
        whole = hashlib.sha256(f"{right.images} {right.targets}".encode()).hexdigest()
        assert data.sha256 == whole or "drawn by this machine" in data.source
        assert data.images.shape == data.targets.shape == (n, *NAMED[name].shape) and data.paired
        assert data.labels is None and data.classes == ()
        for pictures in (data.images, data.targets):
            seen.append({hashlib.sha256(x.numpy().tobytes()).hexdigest() for x in pictures})
    train, validation, test = ((seen[2 * i], seen[2 * i + 1]) for i in range(3))
    for one, other in ((train, validation), (train, test), (validation, test)):
        assert not one[0] & other[0] and not one[1] & other[1]


def test_filled_icons_cover_their_outlines():
    data = load("icons-filled", "validation")
    line, filled = data.images > 127, data.targets > 127
    own = (line & filled).sum() / line.sum()
    other = (line & filled.roll(1, 0)).sum() / line.sum()
    assert own > 0.7 and own > other + 0.2 and filled.float().mean() > line.float().mean() + 0.05


# ---- small fonts ----


@pytest.fixture
def letters(monkeypatch) -> None:
    monkeypatch.setattr(zi2zi, "CHARACTERS", (*range(0x41, 0x5B), *LEFT_OUT))


def test_characters_are_those_of_both_fonts_each_in_one_split(letters):
    face = ImageFont.truetype(io.BytesIO(LETTERS), zi2zi.EM, layout_engine=ImageFont.Layout.BASIC)
    total = 0
    for split in SPLITS:
        codes = [code for code in range(0x41, 0x5B) if split_of(f"{code:04X}") == split]
        made = zi2zi.read_zi2zi(LETTERS, LETTERS, split)
        assert made.labels is None and len(made.images) == len(codes)
        for image, target, code in zip(made.images, made.targets, codes, strict=True):
            assert np.array_equal(image, zi2zi.drawn(face, chr(code))) and np.array_equal(target, image)
        total += len(codes)
    assert total == 26


def test_a_character_is_black_on_white_at_its_place():
    face = ImageFont.truetype(io.BytesIO(LETTERS), zi2zi.EM, layout_engine=ImageFont.Layout.BASIC)
    rows, columns = np.nonzero(zi2zi.drawn(face, "H")[0] < 128)
    assert rows.max() + 1 == pytest.approx(zi2zi.PLACE[1], abs=1) and columns.min() > zi2zi.PLACE[0]
    assert (zi2zi.drawn(face, " ") == 255).all()


def test_fonts_without_a_character_in_common_or_damaged_ones_are_one_sentence(letters, monkeypatch):
    with pytest.raises(UserError, match="fonts of zi2zi cannot be read"):
        zi2zi.read_zi2zi(LETTERS, b"no font", "train")
    monkeypatch.setattr(zi2zi, "CHARACTERS", LEFT_OUT)
    with pytest.raises(UserError, match="no character in common"):
        zi2zi.read_zi2zi(LETTERS, LETTERS, "train")


def test_font_files_are_taken_by_their_hashes_from_the_folder_or_the_packages(letters, monkeypatch, tmp_path):
    for file, _ in zi2zi.FONTS.values():
        (tmp_path / file).write_bytes(LETTERS)
    monkeypatch.delenv("ENERGAN_DATA", raising=False)
    with pytest.raises(UserError, match="names no folder"):
        zi2zi.local_zi2zi("train")
    monkeypatch.setenv("ENERGAN_DATA", str(tmp_path))
    with pytest.raises(UserError, match=r"uming.ttc is not the expected file"):
        zi2zi.local_zi2zi("train")
    right = hashlib.sha256(LETTERS).hexdigest()
    monkeypatch.setattr(zi2zi, "FONTS", {package: (file, right) for package, (file, _) in zi2zi.FONTS.items()})
    asked = []

    @contextmanager
    def debian(package: str, folder: str, holding: tuple[str, ...]):
        asked.append((package, folder, holding))
        yield tmp_path

    monkeypatch.setattr(zi2zi, "debian_folder", debian)
    ours, theirs = zi2zi.local_zi2zi("test"), zi2zi.debian_zi2zi("test")
    assert np.array_equal(ours.images, theirs.images) and np.array_equal(ours.targets, theirs.targets)
    assert [package for package, *_ in asked] == ["fonts-arphic-uming", "fonts-arphic-ukai"]
    (tmp_path / "ukai.ttc").unlink()
    with pytest.raises(UserError, match=r"holds no ukai.ttc"):
        zi2zi.local_zi2zi("train")


def test_icons_are_pairs_by_name_and_signs_that_a_font_lacks_are_left_out():
    names = [f"{word}-{i}" for word in ("arrow", "moon", "fish", "sun") for i in range(2)]
    entries = [f'name: "{name}", x, tags: ["a"],\n codepoint: {0x41 + i}' for i, name in enumerate(names)]
    entries.append('name: "sun-3", tags: [], codepoint: 32')  # a blank
    words = packed({TABLE: "\n".join(entries).encode()})
    assert len(ENTRY.findall("\n".join(entries))) == 9
    fonts = packed({f"package/src/{WEIGHTS[weight][0]}.ttf": LETTERS for weight in icons.PAIR})
    sizes = {split: len(icons.read_filled(fonts, words, split).images) for split in SPLITS}
    assert sizes == {"train": 4, "validation": 2, "test": 2}
    made = icons.read_filled(fonts, words, "train")
    assert made.labels is None and np.array_equal(made.images, made.targets)
    assert made.images[:, 0, 0, 0].max() == 0 and made.images.max() == 255  # white on black


def test_damaged_archives_of_icons_are_one_sentence():
    for archives in ((b"no archive", packed({})), (packed({}), packed({TABLE: b""}))):
        with pytest.raises(UserError, match="archives of icons-filled cannot be read"):
            icons.read_filled(*archives, "train")


def test_an_installed_folder_counts_only_if_it_holds_the_files(monkeypatch, tmp_path: Path):
    from energan.data import download

    def refused(command: list[str], folder: Path) -> None:
        raise UserError("no network")

    monkeypatch.setattr(download, "client", refused)
    (tmp_path / "here.ttc").write_bytes(b"")
    with download.debian_folder("a-package", str(tmp_path), ("here.ttc",)) as folder:
        assert folder == tmp_path
    with pytest.raises(UserError, match="no network"), download.debian_folder("b", str(tmp_path), ("not.ttc",)):
        pass
