"""What a set of images is: sizes, kinds, duplicates and broken files, against pictures made for it."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from energan.data.look import facts, look
from energan.data.look.duplicates import hashes, near, same_files
from energan.data.look.seen import Seen, of_pixels
from energan.utils.errors import UserError


def picture(seed: int, width: int = 90, height: int = 60) -> Image.Image:
    """A smooth picture in colour, unlike those of other seeds."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 9, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def facts_of(folder: Path, split: str = "") -> dict:
    return facts(look(folder, split, progress=False))


def thumbnails(seed: int, n: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, 4, 16, 16), dtype=np.uint8)


def test_sizes_shapes_and_kinds(tmp_path: Path) -> None:
    picture(0, 90, 60).save(tmp_path / "a.png")
    picture(1, 90, 60).save(tmp_path / "b.jpg", quality=95)
    picture(2, 60, 120).convert("L").save(tmp_path / "c.png")
    picture(3, 64, 64).convert("CMYK").save(tmp_path / "d.jpg", quality=95)
    Image.fromarray(np.arange(6400, dtype=np.uint16).reshape(80, 80) * 10).save(tmp_path / "e.png")
    found = facts_of(tmp_path)
    assert found["kinds"] == {
        "PNG RGB": 1, "JPEG RGB": 1, "PNG grey": 1, "JPEG CMYK": 1, "PNG 16 bit grey": 1,
    }  # fmt: skip
    assert found["sizes"]["most_common"] == {"90 x 60": 2, "60 x 120": 1, "64 x 64": 1, "80 x 80": 1}
    assert found["sizes"]["shorter_side"] == {"least": 60, "median": 60, "most": 80}
    assert found["sizes"]["aspect"] == {"portrait": 1, "square": 2, "landscape": 2}
    assert found["sizes"]["smallest"]["name"] == "d.jpg" and found["sizes"]["below_64"] == 3
    assert found["sizes"]["cut_off"] == pytest.approx(1 / 3)  # of 90 x 60, the median: 60 of 90 are left
    assert found["colourless"] == 2 and found["transparent"] == 0 and found["images"] == 5


def test_a_grey_picture_stored_in_colour_has_no_colours(tmp_path: Path) -> None:
    picture(0).convert("L").convert("RGB").save(tmp_path / "a.jpg")
    picture(1).save(tmp_path / "b.jpg")
    assert facts_of(tmp_path)["colourless"] == 1


def test_opacity_counts_where_something_can_be_seen_through(tmp_path: Path) -> None:
    picture(0).convert("RGBA").save(tmp_path / "opaque.png")
    glass = picture(1).convert("RGBA")
    glass.putalpha(100)
    glass.save(tmp_path / "glass.png")
    assert facts_of(tmp_path)["transparent"] == 1


def test_a_turned_photo_has_the_size_that_is_seen(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture(0, 90, 60).save(tmp_path / "a.jpg", exif=exif)
    assert facts_of(tmp_path)["sizes"]["most_common"] == {"60 x 90": 1}


def test_animations_and_pages(tmp_path: Path) -> None:
    frames = [picture(i) for i in range(3)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "b.tif", save_all=True, append_images=frames[1:])
    found = facts_of(tmp_path)
    assert found["several"] == {"animated": 1, "pages": 1} and found["images"] == 4 and found["files"] == 2


def test_broken_files_are_named_with_the_readers_reasons(tmp_path: Path) -> None:
    picture(0).save(tmp_path / "good.jpg")
    (tmp_path / "half.jpg").write_bytes((tmp_path / "good.jpg").read_bytes()[:700])
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "notes.svg").write_text("<svg/>")
    found = facts_of(tmp_path)
    assert {each["name"]: each["why"] for each in found["broken"]}["text.png"] == "not an image of a known format"
    assert [each["name"] for each in found["broken"]] == ["half.jpg", "text.png"] and found["files"] == 3
    assert found["left_out"] == ["1 file .svg (drawings without pixels: convert them to PNG)"]


def test_nothing_readable_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("no picture")
    with pytest.raises(UserError, match=r"no image that can be read; the first: a\.png: not an image"):
        facts_of(tmp_path)


def test_copies_are_found_however_they_are_stored(tmp_path: Path) -> None:
    for split in ("train", "test"):
        for name in ("cat", "dog"):
            (tmp_path / split / name).mkdir(parents=True)
    for i in range(8):
        picture(i, 360, 240).save(tmp_path / "train" / ("cat", "dog")[i % 2] / f"{i}.png")
    picture(9).save(tmp_path / "test" / "cat" / "9.png")
    picture(10).save(tmp_path / "test" / "dog" / "10.png")
    same = (tmp_path / "train" / "cat" / "0.png").read_bytes()
    (tmp_path / "train" / "dog" / "again.png").write_bytes(same)
    picture(1, 360, 240).resize((180, 120)).save(tmp_path / "test" / "dog" / "small.jpg", quality=60)
    found = facts_of(tmp_path)
    assert found["same_files"] == [["train/cat/0.png", "train/dog/again.png"]]
    assert [sorted(group) for group in found["near_duplicates"]] == [["test/dog/small.jpg", "train/dog/1.png"]]
    assert found["shared"] == {"test": 1} and found["training"] == 9 and found["different"] == 8
    assert found["splits"] == {"train": 9, "test": 3}
    assert found["classes"]["train"] == {"cat": 4, "dog": 5} and found["classes"]["test"] == {"cat": 1, "dog": 2}
    assert facts_of(tmp_path, "test")["splits"] == {"test": 3}


def test_a_zip_is_looked_at_as_its_folder_is(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for i in range(3):
            out = io.BytesIO()
            picture(i).save(out, "PNG")
            archive.writestr(f"{i}.png", out.getvalue())
    found = facts_of(tmp_path / "a.zip")
    assert found["images"] == 3 and found["kinds"] == {"PNG RGB": 3} and found["near_duplicates"] == []


def test_arrays_and_named_sets(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 20, 20, 3), dtype=np.uint8)
    images[4] = images[1]
    np.savez(tmp_path / "a.npz", x_train=images, y_train=np.array([0, 1, 1, 0, 1]))
    found = facts_of(tmp_path / "a.npz")
    assert found["same_files"] == [["train image 1", "train image 4"]] and found["kinds"] == {"array RGB": 5}
    assert found["classes"] == {"train": {"0": 2, "1": 3}}
    digits = facts(look("digits", progress=False))
    assert digits["splits"] == {"train": 1541, "test": 256} and digits["colourless"] == 1797


def test_a_hash_is_that_of_the_lowest_frequencies() -> None:
    from scipy.fft import idctn

    spectrum = np.zeros((16, 16))
    spectrum[0, 0] = 16 * 128  # the mean brightness
    spectrum[0, 1], spectrum[3, 2] = 400, 300  # these two alone are above the median, 0
    grey = idctn(spectrum, norm="ortho")
    thumbnail = np.repeat(np.clip(np.round(grey), 0, 255).astype(np.uint8)[None], 4, 0)
    bits = np.unpackbits(hashes(thumbnail[None]).view(np.uint8)).reshape(8, 8)
    assert list(zip(*np.nonzero(bits), strict=True)) == [(0, 0), (0, 1), (3, 2)]
    assert hashes(thumbnail[None]) == hashes(np.clip(thumbnail[None].astype(int) + 5, 0, 255).astype(np.uint8))


@given(st.integers(0, 1000))
def test_unlike_pictures_are_no_group_and_copies_are_one(seed: int) -> None:
    rows = thumbnails(seed)
    images = [of_pixels(str(i), "", None, row) for i, row in enumerate(rows)]
    assert same_files(images) == [] and near(images) == []
    again = [*images, images[1]._replace(name="again")]
    assert same_files(again) == [[1, 3]] and near(again) == []
    brighter = np.clip(rows[2].astype(int) + 1, 0, 255).astype(np.uint8)
    assert near([*images, of_pixels("brighter", "", None, brighter)]) == [[2, 3]]


def test_a_group_holds_what_is_near_to_its_first() -> None:
    """Of a row of pictures, each near to the next, not all are one group: the ends are far apart."""
    base = np.asarray(picture(0, 16, 16)).transpose(2, 0, 1).astype(float) * 0.5
    rows = [np.concatenate([base + 6.0 * k, np.full((1, 16, 16), 255.0)]).astype(np.uint8) for k in range(5)]
    images: list[Seen] = [of_pixels(str(k), "", None, row) for k, row in enumerate(rows)]
    groups = near(images)
    assert groups == [[0, 1], [2, 3]]
