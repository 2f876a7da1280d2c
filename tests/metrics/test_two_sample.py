"""Distances between sets of rows, by hand, by brute force, by closed forms and against SciPy."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from torch import Tensor

from energan.metrics import two_sample
from energan.metrics.two_sample import energy_distance, kernel_mmd, median_distance, sliced_wasserstein
from energan.utils.errors import UserError

DISTANCES = (lambda x, y: kernel_mmd(x, y, 1.3), energy_distance, sliced_wasserstein)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Blocks so small that every test puts several together."""
    monkeypatch.setattr(two_sample, "ROWS", 7)
    monkeypatch.setattr(two_sample, "DIRECTIONS", 9)


def normal(seed: int, n: int, d: int) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def column(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)[:, None]


def test_mmd_by_hand():
    """k of distances 1 (in x), 2 (in y), and 3, 5, 2, 4 between them; bandwidth 2."""
    k = [math.exp(-(d**2) / 8) for d in (1, 2, 3, 5, 2, 4)]
    assert kernel_mmd(column(0, 1), column(3, 5), 2.0) == pytest.approx(k[0] + k[1] - 2 * sum(k[2:]) / 4, abs=1e-12)


def test_energy_distance_by_hand():
    # 2 (3 + 5 + 2 + 4) / 4 - (0 + 1 + 1 + 0) / 4 - (0 + 2 + 2 + 0) / 4
    assert energy_distance(column(0, 1), column(3, 5)) == pytest.approx(7 - 0.5 - 1, abs=1e-12)


def test_wasserstein_by_hand():
    """{0, 1} against {3, 5}; and {0, 6} against {0, 3, 6}, whose quantiles differ by 3 on the middle third."""
    assert sliced_wasserstein(column(1, 0), column(3, 5), 3, p=1) == pytest.approx(3.5, abs=1e-12)
    assert sliced_wasserstein(column(1, 0), column(3, 5), 3, p=2) == pytest.approx(math.sqrt(12.5), abs=1e-12)
    assert sliced_wasserstein(column(6, 0), column(0, 3, 6), 3, p=1) == pytest.approx(1, abs=1e-12)
    assert sliced_wasserstein(column(6, 0), column(0, 3, 6), 3, p=2) == pytest.approx(math.sqrt(3), abs=1e-12)


@given(st.integers(0, 1000), st.integers(2, 25), st.integers(2, 25), st.integers(1, 4))
def test_sums_over_pairs_are_those_of_loops(seed, n, m, d):
    x, y = normal(seed, n, d), 1.5 * normal(seed + 1, m, d) + 0.3
    pairs = {
        "xx": [float((a - b).norm()) for i, a in enumerate(x) for j, b in enumerate(x) if i != j],
        "yy": [float((a - b).norm()) for i, a in enumerate(y) for j, b in enumerate(y) if i != j],
        "xy": [float((a - b).norm()) for a in x for b in y],
    }
    mean = {name: sum(math.exp(-(r**2) / 2) for r in values) / len(values) for name, values in pairs.items()}
    assert kernel_mmd(x, y, 1.0) == pytest.approx(mean["xx"] + mean["yy"] - 2 * mean["xy"], abs=1e-9)
    expected = 2 * sum(pairs["xy"]) / (n * m) - sum(pairs["xx"]) / n**2 - sum(pairs["yy"]) / m**2
    assert energy_distance(x, y) == pytest.approx(expected, abs=1e-6)


@given(st.integers(0, 1000), st.integers(2, 30), st.integers(2, 30))
def test_on_the_line_they_are_scipys(seed, n, m):
    x, y = normal(seed, n, 1), 2 * normal(seed + 1, m, 1) + 0.5
    pair = (x[:, 0].numpy(), y[:, 0].numpy())
    assert sliced_wasserstein(x, y, 5, p=1) == pytest.approx(stats.wasserstein_distance(*pair), rel=1e-9)
    assert energy_distance(x, y) == pytest.approx(stats.energy_distance(*pair) ** 2, rel=1e-5)


@given(st.integers(0, 1000), st.sampled_from(DISTANCES))
def test_they_are_symmetric_and_blind_to_order_and_place(seed, distance):
    x, y = normal(seed, 30, 3), normal(seed + 1, 40, 3) + 1
    value = distance(x, y)
    assert distance(y, x) == pytest.approx(value, rel=1e-9)
    assert distance(x.flip(0), y[torch.randperm(40)]) == pytest.approx(value, rel=1e-9)
    assert distance(x + 1e6, y + 1e6) == pytest.approx(value, rel=1e-6)  # far from 0 no digits are lost
    assert distance(x.float(), y.float()) == pytest.approx(value, rel=1e-4)


def test_equal_sets_are_at_distance_zero():
    x = normal(0, 40, 3)
    assert energy_distance(x, x.flip(0)) == pytest.approx(0, abs=1e-6)
    assert sliced_wasserstein(x, x.flip(0)) == 0
    assert sliced_wasserstein(x, x.repeat(3, 1)) == pytest.approx(0, abs=1e-7)
    # the unbiased estimate leaves out the pairs of a row with itself on one side only: -2 (1 - mean k) / n
    k = torch.exp(-torch.cdist(x, x).square() / 2)
    mean = float((k.sum() - 40) / (40 * 39))
    assert kernel_mmd(x, x, 1.0) == pytest.approx(-2 * (1 - mean) / 40, abs=1e-9)


@given(st.floats(-5, 5), st.integers(1, 3))
def test_a_shift_on_the_line_is_its_length(shift, p):
    x = normal(1, 23, 1)
    assert sliced_wasserstein(x, x + shift, 3, p=p) == pytest.approx(abs(shift), rel=1e-9, abs=1e-9)


def test_a_shift_in_space_is_its_length_over_sqrt_d():
    x = normal(2, 10, 4)
    shifted = sliced_wasserstein(x, x + torch.tensor([3.0, 0, 0, 0]), projections=4000)
    assert shifted == pytest.approx(3 / 2, rel=0.03)


def test_scaled_gaussians_are_as_far_as_their_deviations():
    x, y = normal(3, 20000, 2), 3 * normal(4, 20000, 2)
    assert sliced_wasserstein(x, y, 20) == pytest.approx(2, rel=0.03)


@pytest.mark.parametrize(("dimension", "shift"), [(1, 0.0), (2, 1.0)])
def test_mmd_of_gaussians_has_its_closed_form_as_its_mean(dimension, shift):
    """E k = (s^2 / (s^2 + v))^(d/2) exp(-shift^2 / 2 (s^2 + v)) with v = 2 the variance of a difference."""
    s = 1.5
    exact = 2 * (s**2 / (s**2 + 2)) ** (dimension / 2) * (1 - math.exp(-(shift**2) / (2 * (s**2 + 2))))
    shifts = torch.tensor([shift, 0.0])[:dimension]
    pairs = ((normal(seed, 20, dimension), normal(seed + 1000, 30, dimension) + shifts) for seed in range(300))
    values = torch.tensor([kernel_mmd(x, y, s) for x, y in pairs])
    error = float(values.std()) / math.sqrt(300)
    assert error < 0.006
    assert float(values.mean()) == pytest.approx(exact, abs=3 * error)
    assert shift or float(values.min()) < 0  # unbiased, so below 0 at times


def test_a_rotation_changes_nothing_in_expectation():
    angle = torch.tensor(0.7)
    turn = torch.tensor([[angle.cos(), -angle.sin()], [angle.sin(), angle.cos()]]).double()
    x, y = normal(7, 60, 2), normal(8, 50, 2) * torch.tensor([3.0, 1.0])
    assert kernel_mmd(x @ turn, y @ turn) == pytest.approx(kernel_mmd(x, y), rel=1e-6)
    assert energy_distance(x @ turn, y @ turn) == pytest.approx(energy_distance(x, y), rel=1e-6)
    turned, plain = (sliced_wasserstein(*pair, projections=4000) for pair in ((x @ turn, y @ turn), (x, y)))
    assert turned != plain
    assert turned == pytest.approx(plain, rel=0.03)


def test_directions_come_from_the_seed():
    x, y = normal(9, 20, 3), 2 * normal(10, 20, 3)
    assert sliced_wasserstein(x, y, seed=1) == sliced_wasserstein(x, y, seed=1) != sliced_wasserstein(x, y, seed=2)


def test_the_median_heuristic(monkeypatch):
    x, y = column(0, 1), column(3, 5)  # distances 1 3 5 2 4 2
    assert median_distance(x, y) == 2
    assert kernel_mmd(x, y) == kernel_mmd(x, y, 2.0)
    many = normal(11, 60, 2)
    whole = median_distance(many, many + 1)
    monkeypatch.setattr(two_sample, "MEDIAN_ROWS", 20)
    assert median_distance(many, many + 1) == pytest.approx(whole, rel=0.2)
    assert median_distance(many, many + 1) != whole


def test_what_cannot_be_compared_is_refused():
    good = normal(0, 5, 2)
    for distance in DISTANCES:
        for bad, words in (
            (good[:1], "at least 2"),
            (good[:, :1], "equally wide"),
            (good * math.nan, "NaN"),
            (torch.ones(5, 2, dtype=torch.uint8), "floating"),
        ):
            with pytest.raises(UserError, match=words):
                distance(good, bad)
    for bandwidth in (0.0, -1.0, math.nan):
        with pytest.raises(UserError, match=f"{bandwidth} is none"):
            kernel_mmd(good, good, bandwidth)
    with pytest.raises(UserError, match="half of all distances are 0"):
        kernel_mmd(torch.ones(5, 2), torch.ones(5, 2))
    with pytest.raises(UserError, match="1 projection or more"):
        sliced_wasserstein(good, good, 0)
    for p in (0.5, math.inf, math.nan):
        with pytest.raises(UserError, match="p >= 1"):
            sliced_wasserstein(good, good, p=p)
