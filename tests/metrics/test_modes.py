"""Modes, high quality and reverse KL by hand; digits stacked from real ones."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from energan.data import load
from energan.data.named.digits.stacked_mnist import stack
from energan.data.toys import grid, ring, ring_unrolled_notebook
from energan.metrics.modes import modes, stacked_modes
from energan.utils.errors import UserError

MEANS = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0], [10.0, 10.0]])


def test_modes_by_hand():
    """Two in the first mode, one in the second, one nearest to the third but 4 deviations off."""
    samples = torch.tensor([[0.0, 0.0], [1.0, 1.0], [10.0, -2.9], [4.0, 10.0]])
    found = modes(samples, MEANS, std=1.0)
    assert int(found.covered) == 2
    assert float(found.high_quality) == 0.75
    assert float(found.reverse_kl) == pytest.approx(2 / 3 * math.log(8 / 3) + 1 / 3 * math.log(4 / 3))
    wider = modes(samples, MEANS, std=1.0, radius=5.0)
    assert (int(wider.covered), float(wider.high_quality)) == (3, 1)
    assert float(wider.reverse_kl) == pytest.approx(0.5 * math.log(2))


def test_the_radius_is_in_deviations_and_not_reached():
    for std in (0.01, 1.0, 50.0):
        edge = torch.tensor([[3 * std * 0.9999, 0.0], [0.0, -3 * std * 1.0001]], dtype=torch.float64)
        found = modes(edge, MEANS[:1], std)
        assert float(found.high_quality) == 0.5


def test_nearest_is_by_the_modes_own_deviations():
    means = torch.tensor([[0.0], [10.0]])
    found = modes(torch.tensor([[4.0]]), means, torch.tensor([1.0, 4.0]))
    assert (int(found.covered), float(found.high_quality)) == (1, 1)  # 4 from the first, 1.5 from the second


@pytest.mark.parametrize("make", [ring, grid, ring_unrolled_notebook])
def test_the_mixture_itself_scores_what_a_perfect_model_does(make, generator):
    toy = make()
    n, k = 20000, len(toy.means)
    found = modes(toy.sample(generator, n), toy.means, float(toy.stds[0]), weights=toy.weights)
    assert int(found.covered) == k
    assert float(found.high_quality) == pytest.approx(1 - math.exp(-4.5), abs=0.003)
    assert float(found.reverse_kl) == pytest.approx((k - 1) / (2 * n), rel=1, abs=1e-4)


def test_the_double_mode_counts_as_uneven_without_its_weight(generator):
    toy = ring_unrolled_notebook()
    x = toy.sample(generator, 5000)
    even = float(modes(x, toy.means, 0.01).reverse_kl)
    assert even == pytest.approx(0.25 * math.log(7 / 4) + 0.75 * math.log(7 / 8), abs=0.01)
    assert float(modes(x, toy.means, 0.01, weights=8 * toy.weights).reverse_kl) < 0.002


@given(st.integers(0, 1000))
def test_many_sets_at_once_are_each_alone(seed):
    toy, g = grid(3), torch.Generator().manual_seed(seed)
    x = torch.stack([toy.sample(g, 30) + 0.1 * torch.randn(30, 2, generator=g) for _ in range(6)]).view(2, 3, 30, 2)
    together = modes(x, toy.means, 0.05)
    assert together.covered.shape == (2, 3)
    for i in range(2):
        for j in range(3):
            for many, one in zip(together, modes(x[i, j], toy.means, 0.05), strict=True):
                torch.testing.assert_close(many[i, j], one, equal_nan=True)


def test_collapse_and_divergence():
    one = modes(MEANS[:1].repeat(50, 1), MEANS, 1.0)
    assert (int(one.covered), float(one.high_quality)) == (1, 1)
    assert float(one.reverse_kl) == pytest.approx(math.log(4))
    nowhere = modes(torch.full((50, 2), 5.0), MEANS, 1.0)
    assert (int(nowhere.covered), float(nowhere.high_quality)) == (0, 0)
    assert math.isnan(float(nowhere.reverse_kl))
    mixed = modes(torch.tensor([[0.0, 0.0], [math.nan, 0.0], [math.inf, 0.0], [0.0, -math.inf]]), MEANS, 1.0)
    assert (int(mixed.covered), float(mixed.high_quality)) == (1, 0.25)


def test_modes_refuse_what_does_not_fit():
    x = torch.zeros(5, 2)
    for samples in (torch.zeros(5, 3), torch.zeros(2), torch.zeros(0, 2)):
        with pytest.raises(UserError, match="are needed"):
            modes(samples, MEANS, 1.0)
    with pytest.raises(UserError, match="4 modes need"):
        modes(x, MEANS, torch.ones(3))
    with pytest.raises(UserError, match="4 modes need"):
        modes(x, MEANS, 1.0, weights=torch.ones(5))
    for std, radius, weight in ((0.0, 3.0, 1.0), (1.0, 0.0, 1.0), (1.0, math.nan, 1.0), (1.0, 3.0, -1.0)):
        with pytest.raises(UserError, match="positive numbers"):
            modes(x, MEANS, std, radius, torch.tensor([1.0, 1.0, 1.0, weight]))


def test_stacked_digits_are_counted_by_their_labels():
    images, labels = (torch.from_numpy(part) for part in stack(load("mnist", "test"), 250, seed=5))
    found = stacked_modes(images)
    shares = labels.bincount(minlength=1000) / 250
    assert found.covered == pytest.approx(int((shares > 0).sum()), abs=3)  # 0.4 % of digits are misread
    assert found.kl == pytest.approx(float(torch.xlogy(shares, 1000 * shares).sum()), abs=0.03)
    padded = torch.nn.functional.pad(images[:20], (2, 2, 2, 2))
    assert stacked_modes(padded) == stacked_modes(images[:20])


def test_channels_are_read_in_order():
    """A triple and its mirror image are two modes, and one of them many times over is one."""
    data = load("mnist", "test")
    assert data.labels is not None
    one, seven = (data.images[data.labels == digit][0, 0] for digit in (1, 7))
    pair = torch.stack([torch.stack([one, one, seven]), torch.stack([seven, one, one])])
    assert stacked_modes(pair).covered == 2
    assert stacked_modes(pair).kl == pytest.approx(math.log(500))
    again = stacked_modes(pair[:1].repeat(7, 1, 1, 1))
    assert (again.covered, again.kl) == (1, pytest.approx(math.log(1000)))


def test_stacked_modes_refuse_other_images():
    for images in (torch.zeros(2, 1, 28, 28, dtype=torch.uint8), torch.zeros(3, 28, 28, dtype=torch.uint8)):
        with pytest.raises(UserError, match=r"\(n, 3, h, w\)"):
            stacked_modes(images)
    for images in (torch.zeros(2, 3, 64, 64, dtype=torch.uint8), torch.zeros(2, 3, 28, 28)):
        with pytest.raises(UserError, match="28"):
            stacked_modes(images)
    with pytest.raises(UserError, match="no images"):
        stacked_modes(torch.zeros(0, 3, 28, 28, dtype=torch.uint8))
