"""Tar archives of images, and which of the files in a folder or archive are images."""

import io
import os
import tarfile
import zipfile
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from energan.data import load, splits_of
from energan.data.containers import kinds
from energan.data.containers.kinds import is_image, select_images
from energan.data.decoding.decode import EXTENSIONS
from energan.utils.errors import UserError


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path_factory):
    monkeypatch.setenv("ENERGAN_CACHE", str(tmp_path_factory.mktemp("cache")))


def encoded(value: int = 9, kind: str = "PNG") -> bytes:
    content = io.BytesIO()
    Image.new("L", (8, 8), value).save(content, kind)
    return content.getvalue()


def packed(path: Path, members: dict[str, bytes | str]) -> Path:
    """A tar; text is the target of a link."""
    with tarfile.open(path, "w:gz" if path.name.endswith("gz") else "w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            if isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
                archive.addfile(info)
            else:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return path


@pytest.mark.parametrize("ending", ["tar", "tar.gz", "tgz", "TAR"])
def test_a_tar_is_read_as_a_folder_is(tmp_path, ending):
    members = {f"{split}/{name}/0.png": encoded(k) for k, (split, name) in
               enumerate((split, name) for split in ("train", "test") for name in ("cat", "dog"))}  # fmt: skip
    path = packed(tmp_path / f"pets.{ending}", members)
    assert splits_of(path) == ("train", "test")
    train, test = (load(path, split, progress=False) for split in ("train", "test"))
    assert train.images[:, 0, 0, 0].tolist() == [0, 1] and test.images[:, 0, 0, 0].tolist() == [2, 3]
    assert train.classes == ("cat", "dog") and test.labels.tolist() == [0, 1] and train.name == "pets"


def test_links_and_names_that_lead_out_are_left_alone(tmp_path):
    (tmp_path / "private.png").write_bytes(encoded(77))
    members = {
        "a.png": encoded(1),
        "b.png": "../private.png",
        "../c.png": encoded(3),
        "d.png": str(tmp_path / "private.png"),
    }
    data = load(packed(tmp_path / "a.tar", members), progress=False)
    assert data.images.unique().tolist() == [1]


def test_of_two_entries_of_a_name_one_counts(tmp_path):
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as archive:
        for value in (1, 2):
            info = tarfile.TarInfo("a.png")
            info.size = len(encoded(value))
            archive.addfile(info, io.BytesIO(encoded(value)))
    assert len(load(path, progress=False).images) == 1


@pytest.mark.parametrize("ending", ["tar", "tar.gz"])
@pytest.mark.parametrize("keep", [0.0, 0.3, 0.6, 0.95])
def test_a_tar_that_is_cut_off(tmp_path, ending, keep):
    path = packed(tmp_path / f"a.{ending}", {f"{k}.png": os.urandom(700) for k in range(20)} | {"z.png": encoded()})
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(UserError, match="cannot be read"):
        load(path, progress=False)


def test_a_damaged_header_does_not_end_it_silently(tmp_path):
    path = packed(tmp_path / "a.tar", {f"{k}.png": encoded(k) for k in range(9)})
    content = bytearray(path.read_bytes())
    content[1024 * 4 + 150] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(UserError, match="is damaged at byte"):
        load(path, progress=False)


def test_another_packing(tmp_path):
    with tarfile.open(tmp_path / "a.tar.gz", "w:xz") as archive:
        archive.addfile(tarfile.TarInfo("a.png"), io.BytesIO())
    with pytest.raises(UserError, match="no tar archive, packed by gzip or not"):
        load(tmp_path / "a.tar.gz", progress=False)


SYSTEM = (".DS_Store", "Thumbs.db", "@eaDir/a.png/SYNOPHOTO_THUMB_M.jpg", "__MACOSX/._a.png", "._b.png", "desktop.ini")


@pytest.mark.parametrize("container", ["folder", "zip", "tar"])
def test_what_systems_leave_beside_images_is_left_out_and_said(tmp_path, container, monkeypatch, capsys):
    monkeypatch.setattr(kinds, "reads_heif", lambda: False)
    files = {"cat/a.png": encoded(1), "dog/photo": encoded(2, "JPEG"), "cat/b.heic": b"x", "dog/c.svg": b"<svg/>"}
    files |= {"cat/notes": b"text", "cat/readme.txt": b"text"} | {f"cat/{name}": encoded(3) for name in SYSTEM}
    if container == "folder":
        for name, content in files.items():
            (tmp_path / "ds" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "ds" / name).write_bytes(content)
        path = tmp_path / "ds"
    elif container == "zip":
        path = tmp_path / "ds.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
    else:
        path = packed(tmp_path / "ds.tar", files)
    data = load(path, progress=False)
    assert len(data.images) == 2 and data.classes == ("cat", "dog")
    said = capsys.readouterr().err
    assert said.count("warning") == 1
    for part in (
        "1 file .heic (HEIC, which pip install 'energan[heic]' makes readable)",
        "1 file .svg (drawings without pixels: convert them to PNG)",
        "1 file without an ending that are no images",
        "1 file of the system (.DS_Store)",
        "1 file of the system (@eaDir)",
    ):
        assert part in said and part in data.source


def test_a_folder_of_heic_alone_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(kinds, "reads_heif", lambda: False)
    (tmp_path / "a.heic").write_bytes(b"x")
    for path in (tmp_path, tmp_path / "a.heic"):
        with pytest.raises(UserError, match=r"energan\[heic\]"):
            load(path, progress=False)


def test_heic(tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif")
    for name, colour in (("a.HEIC", (200, 40, 90)), ("b", (20, 240, 90))):  # one is known by its content
        picture = pillow_heif.from_pillow(Image.new("RGB", (16, 12), colour))
        with (tmp_path / name).open("wb") as file:
            picture.save(file, quality=-1, chroma=444)
    (tmp_path / "c.heic").write_bytes(b"x")
    data = load(tmp_path, size=8, progress=False)
    assert data.files == ("a.HEIC", "b") and data.skipped == ("c.heic: not an image of a known format",)
    assert data.images[:, :, 4, 4].int().sub(torch.tensor([[200, 40, 90], [20, 240, 90]])).abs().max() <= 2  # of YCbCr


def test_a_single_image_without_an_ending(tmp_path):
    (tmp_path / "photo").write_bytes(encoded(5))
    assert load(tmp_path / "photo", progress=False).images.unique().tolist() == [5]
    (tmp_path / "text").write_bytes(b"text")
    with pytest.raises(UserError, match="none of what can be loaded"):
        load(tmp_path / "text", progress=False)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "AVIF", "JPEG2000", "QOI"])
def test_images_are_known_by_their_first_bytes(kind):
    content = io.BytesIO()
    Image.new("RGB", (8, 8)).save(content, kind)
    assert is_image(content.getvalue()[: kinds.HEAD])


NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=("Cs",)), min_size=1, max_size=8)


@given(st.lists(st.lists(NAMES, min_size=1, max_size=3).map(tuple)), st.sampled_from([b"", b"\xff\xd8\xff", b"PK"]))
def test_every_file_is_an_image_or_left_out(paths, head):
    found = select_images(paths, lambda _: head)
    assert set(found.images) <= set(paths)
    for path in found.images:
        ending = Path(path[-1]).suffix.lower()
        assert ending in EXTENSIONS or (not ending and head == b"\xff\xd8\xff")
        assert not any(name.startswith(".") for name in path)


def test_the_last_of_two_entries_of_one_name_counts_and_links_are_told(tmp_path):
    """`tar -r` adds a newer file at the end: the older one was taken, and links went without a word."""
    with tarfile.open(tmp_path / "ds.tar", "w") as archive:
        for name, value in (("a/0.png", 1), ("b/0.png", 2), ("./a/0.png", 3)):
            content = io.BytesIO()
            Image.new("L", (8, 8), value).save(content, "PNG")
            member = tarfile.TarInfo(name)
            member.size = len(content.getvalue())
            archive.addfile(member, io.BytesIO(content.getvalue()))
        for name, kind in (("b/1.png", tarfile.LNKTYPE), ("b/2.png", tarfile.SYMTYPE)):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "b/0.png"
            archive.addfile(member)
    data = load(tmp_path / "ds.tar", progress=False)
    found = dict(zip(data.files, data.images[:, 0, 0, 0].tolist(), strict=True))
    assert found == {"a/0.png": 3, "b/0.png": 2}
    assert sorted(data.skipped) == [
        "./a/0.png: a later entry has its name",
        "b/1.png: a link, which is not followed",
        "b/2.png: a link, which is not followed",
    ]
