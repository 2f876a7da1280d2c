"""Folders and zips of the user's images, most of them hostile."""

import errno
import os
import shutil
import struct
import zipfile
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, PngImagePlugin

from energan.data import load, splits_of
from energan.data.decoding import cache, writing
from energan.data.formats import folders
from energan.utils.errors import UserError
from energan.utils.files import keep


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("ENERGAN_CACHE", str(folder))
    return folder


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "photos"
    made.mkdir()
    return made


def picture(mode: str = "RGB", side: int = 8, value: int | tuple[int, ...] = 100) -> Image.Image:
    return Image.new(mode, (side, side), value)


def png(image: Image.Image) -> bytes:
    content = BytesIO()
    image.save(content, "PNG")
    return content.getvalue()


def read(path: Path, **options: int) -> torch.Tensor:
    return load(path, progress=False, **options).images


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def bomb(side: int) -> bytes:
    """A PNG that claims side x side pixels, in under 100 bytes."""
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(b"\0" * 10)), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def test_classes_are_the_top_folders(folder):
    for name, value in (("cat", 10), ("dog/puppies", 20), ("ant", 30)):
        (folder / name).mkdir(parents=True)
        picture("L", value=value).save(folder / name / "1.png")
    data = load(folder, progress=False)
    assert data.classes == ("ant", "cat", "dog")
    assert data.labels.tolist() == [0, 1, 2]
    assert data.images[:, 0, 0, 0].tolist() == [30, 10, 20]
    assert data.name == "photos"
    picture("L").save(folder / "stray.png")
    assert load(folder, progress=False).labels is None
    assert load(folder, progress=False).classes == ()


def test_a_lone_folder_is_no_class(folder):
    (folder / "all").mkdir()
    picture().save(folder / "all" / "1.png")
    assert load(folder, progress=False).labels is None


def test_split_folders(folder):
    for split, value in (("train", 1), ("test", 2)):
        for name in ("a", "b"):
            (folder / split / name).mkdir(parents=True)
            picture("L", value=value).save(folder / split / name / "same.png")
    for split, value in (("train", 1), ("test", 2)):
        data = load(folder, split, progress=False)
        assert data.images.unique().tolist() == [value]
        assert data.classes == ("a", "b")
    with pytest.raises(UserError, match="no split 'validation', only test, train"):
        load(folder, "validation", progress=False)
    with pytest.raises(UserError, match="no split 'test'"):
        load(folder / "train", "test", progress=False)


def test_mixed_sizes_need_a_size(folder):
    Image.new("RGB", (30, 10)).save(folder / "a.png")
    Image.new("RGB", (10, 30)).save(folder / "b.png")
    with pytest.raises(UserError, match=r"30 x 10 and, in b.png, 10 x 30.* with size, such as 64"):
        read(folder)
    assert read(folder, size=6).shape == (2, 3, 6, 6)


def test_the_centre_square_is_kept_and_antialiased(folder):
    stripes = np.zeros((64, 192), np.uint8)
    stripes[:, :64], stripes[:, 128:] = 255, 255  # left and right of the centre
    stripes[:, 64:128:2] = 200  # averages to 100
    Image.fromarray(stripes).save(folder / "a.png")
    image = read(folder, size=8)[0, 0]
    assert image.shape == (8, 8)
    assert (image[:, 2:-2].float() - 100).abs().max() <= 12  # not 0, 200 (aliasing) nor 255 (the borders)


def test_small_images_are_enlarged(folder):
    picture("L", 2, 7).save(folder / "a.png")
    assert read(folder, size=16).unique().tolist() == [7]


@pytest.mark.parametrize(
    ("mode", "value", "expected"),
    [
        ("1", 1, [255]),
        ("L", 9, [9]),
        ("LA", (9, 255), [9]),
        ("LA", (0, 0), [255]),  # transparent shows white
        ("RGB", (1, 2, 3), [1, 2, 3]),
        ("RGBA", (1, 2, 3, 255), [1, 2, 3]),
        ("RGBA", (1, 2, 3, 0), [255, 255, 255]),
        ("RGBA", (0, 0, 0, 51), [204, 204, 204]),
    ],
)
def test_modes(folder, mode, value, expected):
    picture(mode, value=value).save(folder / "a.png")
    assert read(folder)[0, :, 0, 0].tolist() == expected


def test_palette_with_transparency(folder):
    image = picture("P", value=1)
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putpixel((0, 0), 0)
    image.save(folder / "a.png", transparency=0)
    found = read(folder)[0]
    assert found[:, 0, 0].tolist() == [255, 255, 255]
    assert found[:, 1, 1].tolist() == [40, 50, 60]


def test_sixteen_bits_are_scaled_and_not_clipped(folder):
    values = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    Image.fromarray(values).save(folder / "a.png")
    Image.fromarray(values).save(folder / "b.tif")
    found = read(folder)
    assert found.shape == (2, 1, 8, 8)
    for image in found:
        assert torch.equal(image[0], torch.from_numpy(np.round(values / 257).astype(np.uint8)))


@pytest.mark.parametrize(("values", "expected"), [([0, 0.5], 128), ([0, 200], 200), ([0, 65535], 255)])
def test_float_images(folder, values, expected):
    Image.fromarray(np.array([values, values], np.float32)).save(folder / "a.tif")
    assert read(folder)[0, 0, 0].tolist() == [0, expected]


def test_float_image_with_nan_is_skipped(folder):
    Image.fromarray(np.array([[0, np.nan], [0, 0]], np.float32)).save(folder / "a.tif")
    with pytest.raises(UserError, match="NaN"):
        read(folder)


def test_cmyk_jpeg(folder):
    picture("CMYK", 16, (0, 255, 255, 0)).save(folder / "a.jpg", quality=95)
    red = read(folder)[0, :, 8, 8].tolist()
    assert red[0] > 245
    assert max(red[1:]) < 10


@pytest.mark.parametrize("size", [None, 16])
def test_exif_rotation(folder, size):
    image = Image.new("RGB", (64, 64), "black")
    image.paste("white", (0, 0, 64, 32))  # the upper half
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees: what is stored above is seen on the right
    image.save(folder / "a.jpg", exif=exif, quality=95)
    found = load(folder, size=size, progress=False).images[0, 0].float()
    side = found.shape[-1]
    assert found[:, side // 2 + 2 :].min() > 230
    assert found[:, : side // 2 - 2].max() < 25


def test_first_frame_of_an_animation(folder):
    frames = [picture("RGB", value=value) for value in ((250, 0, 0), (0, 250, 0))]
    for name in ("a.gif", "b.webp"):
        frames[0].save(folder / name, save_all=True, append_images=frames[1:], lossless=True)
    assert [image[:, 4, 4].tolist() for image in read(folder)] == [[250, 0, 0]] * 2


@pytest.mark.parametrize("side", [40, 128, 300, 512])
def test_large_jpegs_decoded_at_a_fraction_look_the_same(folder, side):
    noise = np.random.default_rng(0).integers(0, 256, (32, 32), dtype=np.uint8)
    detailed = Image.fromarray(noise).resize((side, side), Image.Resampling.BICUBIC)
    detailed.save(folder / "a.jpg", quality=98)
    detailed.save(folder / "b.png")
    jpeg, exact = read(folder, size=32).float()
    assert (jpeg - exact).abs().mean() < 3  # of 255


def test_channels(folder):
    picture("RGB", value=(255, 0, 0)).save(folder / "a.png")
    assert read(folder, channels=1).unique().tolist() == [76]  # luminance .299 of red
    picture("L", value=5).save(folder / "a.png")
    assert read(folder).shape[1] == 1
    assert read(folder, channels=3).shape[1] == 3
    picture("RGB", value=5).save(folder / "b.png")
    assert read(folder).shape[1] == 3


def test_unreadable_files_are_listed_and_skipped(folder, capsys):
    good = png(picture("L"))
    contents = {
        "good.png": good,
        "noise.png": png(Image.effect_noise((64, 64), 50))[:2000],
        "text.png": b"no image at all",
        "empty.jpg": b"",
        "one.png": png(picture("L", 1)),
        "bomb.png": bomb(50_000),
        "half-bomb.png": bomb(10_000),
        "crc.png": good[:40] + b"\xff\xff\xff" + good[43:],
        "script.png": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        "[red]x.png": b"",
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    os.mkfifo(folder / "pipe.png")
    (folder / "broken.png").symlink_to(folder / "nowhere")
    for index in range(100):  # eleven may be lost of 112
        (folder / f"good{index}.png").write_bytes(good)
    data = load(folder, progress=False, size=8)
    assert len(data.images) == 101
    reasons = dict(line.split(": ", 1) for line in data.skipped)
    assert set(reasons) == set(contents) - {"good.png"} | {"pipe.png", "broken.png"}
    assert "truncated" in reasons["noise.png"]
    assert reasons["text.png"] == reasons["script.png"] == "not an image of a known format"
    assert reasons["one.png"] == "only 1 x 1 pixels"
    assert "pixels" in reasons["bomb.png"]
    assert "pixels" in reasons["half-bomb.png"]
    assert reasons["pipe.png"] == "not a regular file"
    assert reasons["broken.png"] == "No such file or directory"
    said = capsys.readouterr().err
    assert said.count("warning") == 1
    assert "11 of 112 files" in said
    assert load(folder, progress=False, size=8).skipped == data.skipped  # from the cache


@pytest.mark.parametrize("side", [10_000, 50_000])
def test_pillows_limit_on_pixels_is_an_error(folder, side):
    (folder / "a.png").write_bytes(bomb(side))
    with pytest.raises(UserError, match="pixels"):
        read(folder, size=8)


def test_hostile_metadata_does_not_cost_the_image(folder):
    notes = PngImagePlugin.PngInfo()
    notes.add_text("comment", "x" * 1000)
    picture("L").save(folder / "a.png", pnginfo=notes, exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert read(folder).unique().tolist() == [100]


def test_all_unreadable(folder):
    for name in "ab":
        (folder / f"{name}.png").write_text("text")
    with pytest.raises(UserError, match=r"none of the 2 files .* can be read: a.png: not an image"):
        read(folder)


def test_no_images(folder):
    with pytest.raises(UserError, match="holds no images"):
        read(folder)
    (folder / "readme.txt").write_text("text")
    (folder / ".hidden.png").write_bytes(png(picture()))
    with pytest.raises(UserError, match="holds no images"):
        read(folder)


def test_what_is_not_there_or_not_data(tmp_path):
    with pytest.raises(UserError, match="there is no"):
        load(tmp_path / "nowhere")
    with pytest.raises(UserError, match="did you mean 'mnist'"):
        load("mnits")
    (tmp_path / "weights.pt").write_bytes(b"x")
    with pytest.raises(UserError, match="none of what can be loaded"):
        load(tmp_path / "weights.pt")


@pytest.mark.parametrize(("options", "said"), [({"size": 0}, "size must be 2 or more"), ({"channels": 2}, "channels")])
def test_bad_options(folder, options, said):
    with pytest.raises(UserError, match=said):
        load(folder, **options)


def test_a_folder_that_cannot_be_listed(folder, monkeypatch):
    def refuse(_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)  # root may list anything, and tests often run as root
    with pytest.raises(UserError, match="cannot be listed: Permission denied"):
        read(folder)


def test_a_subfolder_that_cannot_be_listed_is_skipped(folder, monkeypatch):
    picture().save(folder / "a.png")
    (folder / "secret").mkdir()
    scandir = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("secret"):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert load(folder, progress=False).skipped == ("secret: Permission denied",)


def test_a_loop_of_links_ends(folder):
    picture().save(folder / "a.png")
    (folder / "loop").symlink_to(folder)
    (folder / "sub").mkdir()
    (folder / "sub" / "up").symlink_to(folder)
    assert len(read(folder)) == 1


def test_linked_folders_are_followed(folder, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    picture().save(elsewhere / "a.png")
    (folder / "link").symlink_to(elsewhere)
    assert len(read(folder)) == 1


def test_odd_names(folder):
    names = ["ünïcode 猫.png", "new\nline.png", "[bold]x.png", "a%s{0}.PNG", os.fsdecode(b"\xff\xfe.png")]
    for name in names:
        picture("L").save(folder / name, "PNG")
    (folder / os.fsdecode(b"bad\xff.png")).write_text("text")
    data = load(folder, progress=False)
    assert len(data.images) == len(names)
    assert data.skipped == (r"bad\udcff.png: not an image of a known format",)
    assert load(folder, progress=False).skipped == data.skipped


def test_equal_names_in_different_folders(folder):
    for name, value in (("a", 1), ("b", 2)):
        (folder / name).mkdir()
        picture("L", value=value).save(folder / name / "same.png")
        picture("L", value=value + 2).save(folder / name / "same.bmp")
    assert sorted(read(folder)[:, 0, 0, 0].tolist()) == [1, 2, 3, 4]


# The cache


def test_decoded_once(folder, monkeypatch):
    for index in range(5):
        picture("L", value=index).save(folder / f"{index}.png")
    first = load(folder, progress=False)
    monkeypatch.setattr(writing, "decode_pages", None)
    second = load(folder, progress=False)
    assert torch.equal(first.images, second.images)
    assert first._replace(images=0) == second._replace(images=0)
    before = first.images.clone()
    for data in (first, second):
        data.images.zero_()  # private to this process: the cache keeps its content
        assert torch.equal(load(folder, progress=False).images, before)


def test_a_changed_file_size_or_channel_is_another_key(folder):
    picture("L", value=1).save(folder / "a.png")
    os.utime(folder / "a.png", (1, 1))
    key = load(folder, progress=False).sha256
    picture("L", value=2).save(folder / "a.png")
    changed = load(folder, progress=False)
    assert changed.images.unique().tolist() == [2]
    keys = {key, changed.sha256}
    keys |= {load(folder, progress=False, size=4).sha256, load(folder, progress=False, channels=3).sha256}
    picture("L", value=2).save(folder / "b.png")
    keys.add(load(folder, progress=False).sha256)
    assert len(keys) == 5


@pytest.mark.parametrize("damage", ["shorter", "no json", "half json", "other json"])
def test_half_a_cache_is_never_taken_for_whole(folder, own_cache, damage):
    picture("L", value=3).save(folder / "a.png")
    read(folder)
    raw, described = (next((own_cache / "images").glob(f"*.{ending}")) for ending in ("u8", "json"))
    if damage == "shorter":
        raw.write_bytes(raw.read_bytes()[:-1])
    elif damage == "no json":
        described.unlink()
    elif damage == "half json":
        described.write_bytes(described.read_bytes()[:20])
    else:
        described.write_text('{"shape": 3}')
    assert read(folder).unique().tolist() == [3]
    assert sorted(path.suffix for path in (own_cache / "images").iterdir()) == [".json", ".u8"]


@pytest.mark.parametrize("when", ["decoding", "writing"])
def test_a_run_stopped_while_caching_leaves_nothing_that_looks_whole(folder, own_cache, monkeypatch, when):
    picture("L", value=3).save(folder / "a.png")

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(*((cache, "write") if when == "decoding" else (Path, "replace")), stop)
        with pytest.raises(KeyboardInterrupt):
            read(folder)
    assert {path.suffix for path in (own_cache / "images").iterdir()} == {".part", ".done"}
    assert read(folder).unique().tolist() == [3]
    assert {path.suffix for path in (own_cache / "images").iterdir()} == {".u8", ".json"}


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk(folder, own_cache, monkeypatch, code):
    picture().save(folder / "a.png")

    def full(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(cache, "write", full)
        with pytest.raises(UserError, match="full; free some space"):
            read(folder)
    assert list((own_cache / "images").iterdir()) == []
    with monkeypatch.context() as patch:
        patch.setattr("energan.utils.files._locked_beside", full)
        with pytest.raises(UserError, match="full"):
            keep(own_cache / "x" / "y", b"content")
    assert list((own_cache / "x").iterdir()) == []


def test_a_read_only_cache_costs_a_warning(folder, tmp_path, monkeypatch, capsys):
    picture("L", value=3).save(folder / "a.png")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ENERGAN_CACHE", str(tmp_path / "file" / "cache"))  # cannot be made, by root neither
    for _ in range(2):
        assert read(folder).unique().tolist() == [3]
    assert capsys.readouterr().err.count("cannot be written") == 1  # nobody needs to read it twice


def test_progress_on_request(folder, capsys, monkeypatch):
    monkeypatch.setattr("energan.utils.console.LINE_SECONDS", 0.0)
    for name in "ab":
        picture("L").save(folder / f"{name}.png")
    load(folder)
    shown = capsys.readouterr()
    assert "2/2 images" in shown.err
    assert "images/s" in shown.err
    assert shown.out == ""


# Zip files


@pytest.fixture
def archive(folder):
    for name, value in (("cat", 10), ("dog", 20)):
        (folder / name).mkdir()
        picture("L", value=value).save(folder / name / "1.png")
    return Path(shutil.make_archive(str(folder), "zip", folder.parent, folder.name))


def test_a_zip_is_read_as_the_folder_is(folder, archive):
    zipped, plain = load(archive, progress=False), load(folder, progress=False)
    assert torch.equal(zipped.images, plain.images)
    assert zipped.classes == plain.classes == ("cat", "dog")
    assert zipped.name == "photos"


def test_a_zip_with_bad_members(archive):
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr("photos/cat/text.png", "text")
        file.writestr("../../outside.png", png(picture("L")))  # never extracted: only a name
        file.writestr("__MACOSX/photos/cat/._1.png", "mac")
    data = load(archive, progress=False)
    assert len(data.images) == 2
    assert data.skipped == (
        "../../outside.png: lies outside the archive",
        "photos/cat/text.png: not an image of a known format",
    )


def test_a_zip_member_that_claims_too_much(archive, monkeypatch):
    monkeypatch.setattr(folders, "LARGEST_FILE", 2**20)
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_DEFLATED) as file:
        file.writestr("photos/huge.png", bytes(2**20 + 1))
    data = load(archive, progress=False)
    assert len(data.skipped) == 1
    assert "too many for an image" in data.skipped[0]


def test_a_damaged_member_is_skipped(archive):
    content = bytearray(archive.read_bytes())
    start = content.index(b"\x89PNG") if b"\x89PNG" in content else content.index(b"1.png") + 10
    content[start + 2] ^= 0xFF
    archive.write_bytes(content)
    assert len(load(archive, progress=False).skipped) == 1


@pytest.mark.parametrize("keep", [0, 10, 200])
def test_a_corrupted_zip(archive, keep):
    archive.write_bytes(archive.read_bytes()[:keep])
    with pytest.raises(UserError, match=r"zip file .* cannot be read"):
        read(archive)


def test_a_home_that_is_nobody_s_is_a_path_like_any_other():
    with pytest.raises(UserError, match="there is no ~nobody-of-this-name"):
        load("~nobody-of-this-name", progress=False)


def test_paths_that_the_system_refuses_cost_a_sentence(tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for path, said in (
        ("a" * 300, "too long"),
        (f"{'a' * 300}.npz", "too long"),
        (tmp_path / "loop", "symbolic links"),
    ):
        for function in (load, splits_of):
            with pytest.raises(UserError, match=said):
                function(path)


def test_a_folder_that_vanishes_while_it_is_listed_is_told(folder, monkeypatch):
    for name in "abc":
        (folder / name).mkdir()
        picture().save(folder / name / "0.png")

    def walk(*arguments, **options):
        for root, *rest in os_walk(*arguments, **options):
            if root.endswith("/b") and options:  # the listing of images, which follows links
                shutil.rmtree(root)
            yield root, *rest

    os_walk = os.walk
    monkeypatch.setattr(os, "walk", walk)
    data = load(folder, progress=False)
    assert data.classes == ("a", "c") and data.skipped == ("b: No such file or directory",)


def test_images_whose_ending_is_none_are_told(folder):
    """The Yale faces are GIF files called subject01.happy: nothing was said of them."""
    for name in ("subject01.happy", "subject02.sad"):
        picture().save(folder / name, "GIF")
    (folder / "notes.txt").write_text("GIF89a")
    with pytest.raises(UserError, match=r"2 files that are images, but whose ending is none \(\.\w+\): rename them"):
        load(folder, progress=False)
    picture().save(folder / "a.png")
    for path in (
        folder,
        Path(shutil.make_archive(str(folder), "zip", folder)),
        Path(shutil.make_archive(str(folder), "tar", folder)),
    ):
        data = load(path, progress=False)
        assert len(data.images) == 1 and "2 files that are images, but whose ending is none" in data.source


@pytest.mark.parametrize("size", [9460, 100_000, 2**31])
def test_a_side_that_no_memory_holds_is_refused(folder, size):
    """One image of it took all of the machine's memory."""
    picture().save(folder / "a.png")
    with pytest.raises(UserError, match="size must be 9459 or less"):
        load(folder, size=size)
