"""Images brought to rectangles: the largest centred one of that proportion."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from energan.data import from_dataset, load
from energan.data.decoding.decode import decode
from energan.utils.errors import UserError


def columns(w: int, h: int) -> Image.Image:
    """Each pixel says which column it is in."""
    return Image.fromarray(np.tile(np.arange(w, dtype=np.uint8), (h, 1)))


@pytest.mark.parametrize(("w", "h", "size", "first", "last"), [
    (120, 40, (40, 60), 30, 89),  # 60 of 120 columns are kept, in the middle
    (60, 200, (40, 60), 0, 59),  # all columns, 40 of 200 rows
    (61, 40, (40, 60), 0, 60),
])  # fmt: skip
def test_the_centre_is_kept(tmp_path: Path, w: int, h: int, size: tuple[int, int], first: int, last: int) -> None:
    columns(w, h).save(path := tmp_path / "a.png")
    pixels = decode(path, size, 1)
    assert pixels.shape == (1, *size)
    assert abs(int(pixels[0, 0, 0]) - first) <= 1 and abs(int(pixels[0, 0, -1]) - last) <= 1


def test_equal_sides_are_the_square(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    Image.fromarray(random.integers(0, 256, (50, 37, 3), dtype=np.uint8)).save(path := tmp_path / "a.png")
    assert np.array_equal(decode(path, 16, 3), decode(path, (16, 16), 3))


def test_all_sources_give_them(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    (folder := tmp_path / "pictures").mkdir()
    for i in range(3):
        Image.fromarray(random.integers(0, 256, (40, 60, 3), dtype=np.uint8)).save(folder / f"{i}.jpg")
    images = random.integers(0, 256, (3, 20, 30), dtype=np.uint8)
    np.savez(tmp_path / "a.npz", images=images)
    assert load(folder, size=(10, 24)).images.shape == (3, 3, 10, 24)
    assert load(folder, size=(10, 24), channels=4).images.shape == (3, 4, 10, 24)
    assert load(tmp_path / "a.npz", size=(10, 24)).images.shape == (3, 1, 10, 24)
    assert load("digits", size=(8, 12)).images.shape[1:] == (1, 8, 12)
    dataset = torch.utils.data.TensorDataset(torch.from_numpy(images)[:, None])
    assert from_dataset(dataset, size=(10, 24)).images.shape == (3, 1, 10, 24)
    twice = load(folder, size=(10, 24)).images  # from the cache
    assert torch.equal(twice, load(folder, size=(10, 24)).images)
    assert load(folder, size=(24, 10)).images.shape == (3, 3, 24, 10)


@pytest.mark.parametrize("size", [(1, 24), (24, 0), (10**5, 10**5)])
def test_what_is_no_rectangle_is_refused(tmp_path: Path, size: tuple[int, int]) -> None:
    columns(8, 8).save(tmp_path / "a.png")
    with pytest.raises(UserError, match="size must be"):
        load(tmp_path, size=size)


def test_three_numbers_are_no_rectangle(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="one number, or height and width"):
        load(tmp_path, size=(8, 8, 3))  # type: ignore[arg-type]
