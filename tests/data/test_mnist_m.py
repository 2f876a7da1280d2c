"""MNIST-M: digits on pieces of photographs; which photographs, and from where."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from energan.data import NAMED, ImageSet, load
from energan.data.named import catalog, photos
from energan.data.named.digits.mnist_m import blended
from energan.utils.errors import UserError

NAMES = [name for _, names in photos.PACKAGES.values() for name in names]


def digits(n: int = 30, channels: int = 1) -> ImageSet:
    images = torch.randint(256, (n, channels, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return ImageSet(images, torch.arange(n) % 10, "few digits", tuple("0123456789"), "made here", "", ())


def made_photos(sides: tuple[tuple[int, int], ...] = ((8, 8), (9, 30), (20, 8))) -> list[np.ndarray]:
    return [np.random.default_rng(i).integers(0, 256, (h, w, 3), dtype=np.uint8) for i, (h, w) in enumerate(sides)]


def test_an_image_is_the_difference_of_a_piece_and_its_digit() -> None:
    data, pieces = digits(), made_photos()
    images, labels = blended(data, pieces, seed=3)
    assert images.shape == (30, 3, 8, 8) and images.dtype == np.uint8 and labels.tolist() == data.labels.tolist()
    used = set()
    for image, digit in zip(images, data.images[:, 0].numpy().astype(int), strict=True):
        found = [
            number
            for number, photo in enumerate(pieces)
            for top in range(photo.shape[0] - 7)
            for left in range(photo.shape[1] - 7)
            if (np.abs(photo[top : top + 8, left : left + 8].transpose(2, 0, 1).astype(int) - digit) == image).all()
        ]
        assert len(found) == 1
        used.add(found[0])
    assert used == {0, 1, 2}  # one that is just large enough too
    assert np.array_equal(blended(data, pieces, seed=3)[0], images)
    assert not np.array_equal(blended(data, pieces, seed=4)[0], images)


@pytest.mark.parametrize("data", [digits(channels=3), digits()._replace(labels=None)])
def test_only_grey_labelled_digits_are_blended(data: ImageSet) -> None:
    with pytest.raises(UserError, match="grey images with labels are needed"):
        blended(data, made_photos(), seed=0)


def test_each_photograph_is_of_one_split() -> None:
    assert len(NAMES) == len(set(NAMES)) == 26 and set(NAMES) > photos.HELD_OUT and len(photos.HELD_OUT) == 6


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the user's with all photographs, of other pixels."""
    own = tmp_path / "backgrounds"
    own.mkdir()
    for i, name in enumerate(NAMES):
        Image.new("RGB", (60 + i, 40), (i, 0, 0)).save(own / f"{name}.jpg")
    monkeypatch.setenv("ENERGAN_DATA", str(tmp_path))
    return own


def test_photographs_of_a_split_are_reduced_by_whole_factors(folder: Path) -> None:
    train, test = (photos.local_photos(split, side=30) for split in ("train", "test"))
    assert len(train) == 20 and len(test) == 6
    trained = [name for name in NAMES if name not in photos.HELD_OUT]
    for photo, name in zip(train, trained, strict=True):
        width = 60 + NAMES.index(name)
        factor = 2 if width <= 75 else 3  # as near to 30 pixels as a whole one brings
        assert photo.shape == (-(-40 // factor), -(-width // factor), 3)
    assert photos.local_photos("train", side=1000)[0].shape == (40, 60, 3)  # never enlarged


def test_a_photograph_that_is_missing_or_damaged_is_named(folder: Path) -> None:
    (folder / "Dune.jpg").write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"Dune.jpg cannot be read"):
        photos.local_photos("test", side=30)
    (folder / "Dune.jpg").unlink()
    with pytest.raises(UserError, match=r"backgrounds holds no Dune.jpg"):
        photos.local_photos("test", side=30)


def test_other_pixels_are_told(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    mnist = load("mnist", "test")
    monkeypatch.setenv("ENERGAN_CACHE", str(tmp_path / "cache"))
    real = catalog.load_named
    monkeypatch.setattr(catalog, "load_named", lambda name, split: mnist if name == "mnist" else real(name, split))
    data = real("mnist-m", "test")
    assert "drawn by this machine" in data.source and "ENERGAN_DATA" in data.source
    assert data.images.shape == (10_000, 3, 28, 28) and torch.equal(data.labels, mnist.labels)
    assert "not the published ones" in capsys.readouterr().err
    assert not (tmp_path / "cache" / "named" / "mnist-m-test.bin").exists()


@pytest.mark.slow
@pytest.mark.parametrize("split", ["train", "test"])
def test_the_published_set(split: str) -> None:
    data = load("mnist-m", split)
    assert "drawn by this machine" not in data.source or data.sha256 == NAMED["mnist-m"].sha256[split][0]
    assert torch.equal(data.labels, load("mnist", split).labels)
