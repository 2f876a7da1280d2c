"""Squares of photographs, and the pictures that super-resolution is measured on."""

import io
import zipfile
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from energan.data import NAMED, download, load
from energan.data.named import photo_squares, photos, pictures
from energan.data.named.photo_squares import SIDE, detail, squares
from energan.utils.errors import UserError

SPLITS = ("train", "validation", "test")


def noise(h: int, w: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (h, w, 3), dtype=np.uint8)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the user's with all photographs: the same one, of 2 x 1 squares when halved; and no network."""
    own = tmp_path / "backgrounds"
    own.mkdir()
    image = Image.fromarray(noise(SIDE // 4, SIDE // 2)).resize((4 * SIDE, 2 * SIDE), Image.Resampling.NEAREST)
    for name in photos.NAMES:
        image.save(own / f"{name}.jpg")

    def unreachable(*_: object) -> None:
        raise UserError("no network")

    monkeypatch.setattr(photos, "debian_folder", unreachable)
    monkeypatch.setenv("ENERGAN_DATA", str(tmp_path))
    monkeypatch.setenv("ENERGAN_CACHE", str(tmp_path / "cache"))
    return own


def test_squares_tile_the_halved_photograph_in_its_middle(tmp_path: Path) -> None:
    pixels = noise(2 * (2 * SIDE + 10), 2 * (3 * SIDE + 6))
    path = tmp_path / "photograph.png"
    Image.fromarray(pixels).save(path)
    cut = squares(path)
    half = Image.fromarray(pixels).resize((3 * SIDE + 6, 2 * SIDE + 10), Image.Resampling.BICUBIC)
    middle = np.asarray(half)[5:-5, 3:-3].transpose(2, 0, 1)
    assert cut.shape == (6, 3, SIDE, SIDE)
    for i, square in enumerate(cut):
        v, u = i // 3 * SIDE, i % 3 * SIDE
        assert np.array_equal(square, middle[:, v : v + SIDE, u : u + SIDE])


def test_halving_averages_and_does_not_pick(tmp_path: Path) -> None:
    lines = np.zeros((2 * SIDE, 2 * SIDE, 3), np.uint8)
    lines[:, ::2] = 200  # one pixel wide: every second pixel of it would be all black or all bright
    Image.fromarray(lines).save(tmp_path / "lines.png")
    assert len(squares(tmp_path / "lines.png")) == 0  # an even grey, which has no detail


def test_what_has_no_detail_is_left_out(tmp_path: Path) -> None:
    pixels = noise(2 * SIDE, 6 * SIDE)
    pixels[:, 2 * SIDE : 4 * SIDE] = np.linspace(0, 60, 2 * SIDE, dtype=np.uint8)[:, None, None]  # sky
    Image.fromarray(pixels).save(tmp_path / "photograph.png")
    cut = squares(tmp_path / "photograph.png")
    assert len(cut) == 2 and (detail(cut) > 10).all()
    smaller = tmp_path / "small.png"
    Image.fromarray(pixels[:100]).save(smaller)
    assert squares(smaller).shape == (0, 3, SIDE, SIDE)


def test_detail_is_the_mean_difference_to_blocks() -> None:
    image = np.zeros((1, 1, 8, 4), np.uint8)
    image[0, 0, 0, 0] = 16  # the first block's mean is 1: 15 off once, 1 off 15 times; the second is even
    assert detail(image).tolist() == [pytest.approx(30 / 32)]
    assert detail(np.concatenate([image, 255 - image])).tolist() == [pytest.approx(30 / 32)] * 2


def test_each_photograph_is_of_one_split(folder: Path) -> None:
    seen = []
    for split in SPLITS:
        made = photo_squares.read_squares(photos.of_folder, split)
        assert made.images.shape == (2 * len(set(made.labels)), 3, SIDE, SIDE)
        seen.append(set(made.labels.tolist()))
    assert sorted(label for labels in seen for label in labels) == list(range(26))
    assert {photos.NAMES[i] for i in seen[2]} == photos.HELD_OUT  # as of mnist-m


def test_a_photograph_that_is_damaged_is_named_and_other_ones_are_no_set(folder: Path) -> None:
    with pytest.raises(UserError, match="its content is not debian-photos"):  # other squares than the published ones
        load("debian-photos", "validation")
    (folder / "LadyBird.jpg").write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"LadyBird.jpg cannot be read"):
        load("debian-photos", "validation")
    (folder / "LadyBird.jpg").unlink()
    with pytest.raises(UserError, match=r"backgrounds holds no LadyBird.jpg"):
        load("debian-photos", "validation")


@pytest.mark.slow
@pytest.mark.parametrize(("split", "n"), [("train", 380), ("validation", 85), ("test", 183)])
def test_the_published_squares(split: str, n: int) -> None:
    data = load("debian-photos", split)
    assert data.images.shape == (n, 3, SIDE, SIDE) and data.targets is None and data.classes == photos.NAMES
    assert {data.classes[i] in photos.HELD_OUT for i in data.labels.tolist()} == {split == "test"}
    assert data.sha256 == NAMED["debian-photos"].sha256[split].images or "drawn by this machine" in data.source


def wheel(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


@pytest.fixture
def small_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A function that puts a wheel in the place of scikit-image's; the pip commands that asked for it."""
    asked: list[list[str]] = []

    def put(members: dict[str, bytes]) -> list[list[str]]:
        content = wheel(members)
        monkeypatch.setattr(pictures, "WHEEL", ("scikit-image", "0.26.0", sha256(content).hexdigest()))

        def pip(command: list[str], where: Path) -> None:
            asked.append(command)
            (where / "scikit.whl").write_bytes(content)

        monkeypatch.setattr(download, "client", pip)
        return asked

    monkeypatch.setenv("ENERGAN_CACHE", str(tmp_path / "cache"))
    return put


def encoded(name: str, pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG" if name.endswith("jpg") else "PNG")
    return out.getvalue()


def test_pictures_come_out_of_the_wheel_of_one_python(small_wheel) -> None:
    names = (*pictures.COLOUR, *pictures.GREY)
    members = {f"skimage/data/{name}": encoded(name, noise(5 + i, 7, i)) for i, name in enumerate(names)}
    asked = small_wheel(members)
    found = pictures.test_pictures()
    assert list(found) == [Path(name).stem for name in names]
    assert found["chelsea"].shape == (3, 6, 7) and found["text"].shape == (1, 20, 7)
    assert np.array_equal(found["astronaut"], noise(5, 7, 0).transpose(2, 0, 1))
    assert "--abi=cp311" in asked[0] and "--only-binary=:all:" in asked[0] and asked[0][-1] == "scikit-image==0.26.0"
    pictures.test_pictures()
    assert len(asked) == 1  # the wheel is kept


def test_damaged_pictures_are_one_sentence(small_wheel) -> None:
    small_wheel({})
    with pytest.raises(UserError, match=r"scikit-image==0.26.0 holds no skimage/data/astronaut.png"):
        pictures.test_pictures()
    small_wheel({f"skimage/data/{name}": b"no picture" for name in (*pictures.COLOUR, *pictures.GREY)})
    with pytest.raises(UserError, match="picture of scikit-image cannot be read"):
        pictures.test_pictures()
