"""Images of any size cut into squares at their own scale: folders, arrays, what is left out, what is kept apart."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from energan.data import load
from energan.utils.errors import UserError


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path_factory):
    monkeypatch.setenv("ENERGAN_CACHE", str(tmp_path_factory.mktemp("cache")))


def picture(h: int, w: int, seed: int = 0) -> np.ndarray:
    return np.random.RandomState(seed).randint(0, 256, (h, w, 3)).astype(np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "photos"
    made.mkdir()
    for name, pixels in (("a", picture(9, 17)), ("b", picture(8, 8, 1)), ("c", picture(7, 40, 2))):
        Image.fromarray(pixels).save(made / f"{name}.png")
    return made


def test_squares_lie_side_by_side_in_the_middle(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = load(folder, squares=8, progress=False)
    first, second = picture(9, 17).transpose(2, 0, 1), picture(8, 8, 1).transpose(2, 0, 1)
    expected = [first[:, :8, :8], first[:, :8, 8:16], second]
    assert torch.equal(data.images, torch.from_numpy(np.stack(expected)))
    assert data.files == ("a.png square 0", "a.png square 1", "b.png") and "cut into squares of 8 x 8" in data.source
    assert "40 x 7 pixels have no square of 8 x 8" in capsys.readouterr().err


def test_they_are_cached_apart_from_images_of_other_shapes(folder: Path) -> None:
    (folder / "c.png").unlink()
    sides = [load(folder, squares=side, progress=False).images.shape for side in (8, 4, 8)]
    assert sides == [(3, 3, 8, 8), (12, 3, 4, 4), (3, 3, 8, 8)]
    assert load(folder, size=8, progress=False).images.shape == (2, 3, 8, 8)


def test_more_than_a_tenth_too_small_is_an_error(folder: Path) -> None:
    for number in range(4):
        Image.fromarray(picture(5, 5)).save(folder / f"small{number}.png")
    with pytest.raises(UserError, match=r"more than a tenth .* have no square of 8 x 8"):
        load(folder, squares=8, progress=False)


def test_arrays_and_named_sets_are_cut_too_with_their_labels(tmp_path: Path) -> None:
    images = np.stack([picture(9, 17, seed) for seed in range(2)])
    np.savez(tmp_path / "set.npz", images=images, labels=np.array([1, 0]))
    data = load(tmp_path / "set.npz", squares=8)
    assert data.images.shape == (4, 3, 8, 8) and data.labels is not None and data.labels.tolist() == [1, 1, 0, 0]
    assert torch.equal(data.images[1], torch.from_numpy(images[0].transpose(2, 0, 1)[:, :8, 8:16]))
    digits = load("digits", squares=16)  # 8 x 8
    assert torch.equal(digits.images, load("digits").images)
    assert load("digits", squares=4).images.shape[1:] == (1, 4, 4)


def test_sixteen_bits_are_read_by_the_range_of_all(tmp_path: Path) -> None:
    for name, value in (("dark", 1000), ("bright", 4095)):
        Image.fromarray(np.full((8, 16), value, np.uint16)).save(tmp_path / f"{name}.png")
    data = load(tmp_path, squares=8, progress=False)
    assert data.value_range == (0, 4095) and data.images.unique().tolist() == [62, 255] and len(data.images) == 4


def test_what_squares_cannot_go_with_is_refused(folder: Path) -> None:
    for other in ({"size": 8}, {"centre": 8}, {"captions": True}):
        with pytest.raises(UserError, match=r"squares|captions"):
            load(folder, squares=8, **other)
    with pytest.raises(UserError, match=r"squares must be 2"):
        load(folder, squares=1)
