"""Pictures made smaller and larger: Keys' weights by hand, constants, symmetry, pairs."""

import pytest
import torch

from energan.data.image_set import ImageSet
from energan.data.resampling import cropped_to_multiple, enlarged, reduced, smaller_pairs
from energan.utils.errors import UserError


def keys(t: float) -> float:
    """Keys' cubic, a = -1/2."""
    t = abs(t)
    if t <= 1:
        return 1.5 * t**3 - 2.5 * t**2 + 1
    return -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2 if t < 2 else 0.0


def noise(seed: int, *shape: int) -> torch.Tensor:
    return torch.randint(256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("scale", [2, 4])
def test_reducing_is_keys_cubic_stretched(scale: int) -> None:
    """A pixel in the middle: weights k((i + 1/2 - centre) / s), as MATLAB's imresize has them."""
    row = noise(0, 1, 1, 1, 16 * scale).double()
    images = row.expand(-1, -1, 16 * scale, -1).to(torch.uint8)
    centre = 8.5 * scale
    weights = torch.tensor([keys((i + 0.5 - centre) / scale) for i in range(16 * scale)], dtype=torch.float64)
    expected = float((row[0, 0, 0] * weights / weights.sum()).sum())
    assert abs(float(reduced(images, scale)[0, 0, 8, 8]) - min(255.0, max(0.0, expected))) <= 0.5 + 1e-3


def test_enlarging_is_keys_cubic() -> None:
    row = noise(1, 1, 1, 1, 12).double()
    large = enlarged(row.expand(-1, -1, 12, -1).to(torch.uint8), 2)
    for j in (10, 11):
        weights = torch.tensor([keys(i + 0.5 - (j + 0.5) / 2) for i in range(12)], dtype=torch.float64)
        expected = min(255.0, max(0.0, float((row[0, 0, 0] * weights).sum())))
        assert abs(float(large[0, 0, 10, j]) - expected) <= 0.5 + 1e-3


def test_plain_pictures_stay_plain_and_mirrored_ones_mirrored() -> None:
    plain = torch.full((1, 3, 8, 12), 200, dtype=torch.uint8)
    assert reduced(plain, 4).unique().tolist() == enlarged(plain, 4).unique().tolist() == [200]
    picture = noise(2, 2, 3, 8, 12)
    # the sums are in another order: a level, where rounding decides
    for resample in (reduced, enlarged):
        apart = resample(picture.flip(3), 2).flip(3).int() - resample(picture, 2).int()
        assert int(apart.abs().max()) <= 1


def test_pictures_that_are_no_multiple_are_refused_or_cut() -> None:
    with pytest.raises(UserError, match="of 8 x 9 cannot become 4 times smaller"):
        reduced(noise(0, 1, 1, 8, 9), 4)
    with pytest.raises(UserError, match="too small: 4 x 4"):
        cropped_to_multiple(noise(0, 1, 1, 3, 9), 4)
    picture = noise(0, 1, 1, 11, 9)
    assert torch.equal(cropped_to_multiple(picture, 4), picture[..., 1:9, :8])


def test_pairs_are_of_the_same_pictures() -> None:
    data = ImageSet(noise(3, 3, 3, 17, 12), torch.tensor([0, 1, 0]), "set", ("a", "b"), "here", "hash", ())
    pairs = smaller_pairs(data, 4)
    assert pairs.targets is not None and torch.equal(pairs.targets, data.images[:, :, :16]) and pairs.paired
    assert torch.equal(pairs.images, reduced(pairs.targets, 4)) and torch.equal(pairs.labels, data.labels)
