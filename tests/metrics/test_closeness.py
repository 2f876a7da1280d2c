"""How close pictures are: by hand, by a loop over windows, and by what must not change them."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from energan.metrics import closeness
from energan.metrics.closeness import l1, luma, psnr, ssim
from energan.utils.errors import UserError


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Blocks so small that every test puts several together."""
    monkeypatch.setattr(closeness, "PIXELS", 300)


def noise(seed: int, *shape: int) -> Tensor:
    return torch.randint(256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def grey(*values: int) -> Tensor:
    """Pictures of one grey each."""
    return torch.tensor(values, dtype=torch.uint8)[:, None, None, None].expand(-1, 1, 12, 12)


def test_l1_by_hand():
    assert l1(grey(0, 100), grey(51, 100)) == pytest.approx(0.1, abs=1e-12)
    assert l1(grey(0), grey(255)) == 1


def test_psnr_by_hand_is_the_mean_of_pictures():
    of_5, of_20 = 20 * math.log10(255 / 5), 20 * math.log10(255 / 20)
    assert psnr(grey(10, 10), grey(15, 30)) == pytest.approx((of_5 + of_20) / 2, abs=1e-9)


def test_equal_pictures_count_for_100_db():
    assert psnr(grey(7), grey(7)) == 100
    assert psnr(grey(7, 10), grey(7, 15)) == pytest.approx((100 + 20 * math.log10(51)) / 2, abs=1e-9)


def test_nothing_beyond_100_db():
    """One pixel of 2^20 is off by one: 108 dB."""
    a = torch.zeros(1, 1, 1024, 1024, dtype=torch.uint8)
    b = a.clone()
    b[0, 0, 5, 5] = 1
    assert psnr(a, b) == 100


def test_luma_by_hand():
    """MATLAB's rgb2ycbcr([1 0 0; 0 1 0; 0 0 1]) is 81.481, 144.553, 40.966 in levels of bytes."""
    primaries = torch.eye(3, dtype=torch.uint8).mul(255)[:, :, None, None]
    expected = torch.tensor([81.481, 144.553, 40.966], dtype=torch.float64)
    torch.testing.assert_close(luma(primaries).flatten(), expected)
    picture = noise(0, 2, 1, 4, 5)
    torch.testing.assert_close(luma(picture), luma(picture.expand(-1, 3, -1, -1)))


def test_psnr_of_luma_by_hand():
    """A grey level is 219 / 255 levels of luma; red alone 65.481 / 255."""
    assert psnr(grey(10), grey(15), luma=True) == pytest.approx(20 * math.log10(255 / (5 * 219 / 255)), abs=1e-9)
    red = grey(0).repeat(1, 3, 1, 1)
    red[:, 0] = 20
    expected = 20 * math.log10(255 / (20 * 65.481 / 255))
    assert psnr(red, torch.zeros_like(red), luma=True) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("measure", [psnr, ssim])
def test_a_border_is_left_out_and_no_more(measure):
    a = noise(0, 1, 1, 20, 23)
    b = a.clone()
    b[..., :3, :] = b[..., :, -3:] = 255 - a[..., :1, :1]
    assert measure(a, b, border=3) == pytest.approx(measure(a, a))
    assert measure(a, b, border=2) < measure(a, a)


def test_ssim_is_that_of_a_loop_over_windows():
    a, b = noise(0, 2, 3, 13, 12), noise(1, 2, 3, 13, 12)
    b = (0.7 * a.float() + 0.3 * b.float()).byte()  # alike
    of_side = torch.exp(-((torch.arange(11, dtype=torch.float64) - 5) ** 2) / (2 * 1.5**2))
    window = torch.outer(of_side, of_side)
    window /= window.sum()
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    values = []
    for x, y in zip(a.double().flatten(0, 1), b.double().flatten(0, 1), strict=True):
        for i in range(3):
            for j in range(2):
                p, q = x[i : i + 11, j : j + 11], y[i : i + 11, j : j + 11]
                mp, mq = (window * p).sum(), (window * q).sum()
                vp, vq = (window * (p - mp) ** 2).sum(), (window * (q - mq) ** 2).sum()
                cov = (window * (p - mp) * (q - mq)).sum()
                values.append((2 * mp * mq + c1) * (2 * cov + c2) / ((mp**2 + mq**2 + c1) * (vp + vq + c2)))
    assert ssim(a, b) == pytest.approx(float(torch.stack(values).mean()), abs=1e-9)


def test_ssim_of_plain_pictures_by_hand():
    """Without variance it is (2 a b + C1) / (a^2 + b^2 + C1)."""
    c1 = 2.55**2
    assert ssim(grey(100), grey(150)) == pytest.approx((30000 + c1) / (10000 + 22500 + c1), abs=1e-9)


@given(st.integers(0, 1000), st.sampled_from([1, 3]), st.booleans())
def test_all_are_symmetric_and_best_of_equal_pictures(seed, channels, of_luma):
    a, b = noise(seed, 3, channels, 14, 12), noise(seed + 1, 3, channels, 14, 12)
    assert l1(a, b) == l1(b, a) > l1(a, a) == 0
    assert psnr(a, b, luma=of_luma) == psnr(b, a, luma=of_luma) < psnr(a, a, luma=of_luma)
    assert ssim(a, b, luma=of_luma) == pytest.approx(ssim(b, a, luma=of_luma))
    assert ssim(a, b, luma=of_luma) < ssim(a, a, luma=of_luma) == pytest.approx(1)


@pytest.mark.parametrize("measure", [l1, psnr, ssim])
@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (grey(1), grey(1, 2), "of one shape"),
        (grey(1), grey(1).float(), "are bytes"),
        (grey(1)[0], grey(1)[0], "are bytes"),
        (grey(), grey(), "one or more"),
    ],
)
def test_what_cannot_be_compared_is_refused(measure, a, b, message):
    with pytest.raises(UserError, match=message):
        measure(a, b)


def test_borders_that_leave_too_little_are_refused():
    for measure, border in ((psnr, 6), (psnr, -1), (ssim, 1)):
        with pytest.raises(UserError, match="less a border of"):
            measure(grey(1), grey(2), border=border)


def test_luma_of_other_channels_is_refused():
    for picture in (noise(0, 1, 5, 3, 3), noise(0, 1, 2, 3, 3), torch.zeros(1, 3, 2, 2)):
        with pytest.raises(UserError, match="grey or RGB bytes"):
            luma(picture)


def test_of_four_channels_luma_is_of_what_is_seen_and_l1_of_all() -> None:
    a = torch.randint(0, 256, (2, 4, 12, 12), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    b = a.clone()
    b[:, 3] = 255 - b[:, 3]
    assert torch.equal(luma(a), luma(a[:, :3])) and psnr(a, b, luma=True) == psnr(a, b) == 100
    assert ssim(a, b) == pytest.approx(1)
    assert l1(a, b) == pytest.approx(l1(a[:, 3:], b[:, 3:]) / 4)
