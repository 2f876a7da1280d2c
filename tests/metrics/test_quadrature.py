"""Divergences on the line, against closed forms, and the sheet's table of the Gaussians that are best by each."""

import math

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from energan.data.toys import mixture, two_gaussians
from energan.losses.f_divergence import DIVERGENCES
from energan.metrics.quadrature import best_gaussian, cross_divergences, divergence, gaussian
from energan.utils.errors import UserError

TARGET = two_gaussians().log_density
FIVE = ("kl", "reverse-kl", "jensen-shannon", "jeffrey", "pearson")

# computed for section 8 of the reference sheet, by other code: mu, sigma and the divergence there
OPTIMA = {
    "kl": (1.0100, 1.8307, 0.2830),
    "reverse-kl": (1.5780, 1.6312, 0.2482),
    "jensen-shannon": (1.3068, 1.7540, 0.1281),
    "jeffrey": (1.3216, 1.7029, 0.5707),
    "pearson": (0.5737, 1.9273, 0.6456),
}
# rows: trained by; columns: measured by; both in the order of FIVE
CROSS = [
    [0.283, 0.350, 0.135, 0.633, 0.738],
    [0.358, 0.248, 0.136, 0.606, 1.432],
    [0.299, 0.275, 0.128, 0.574, 0.953],
    [0.305, 0.266, 0.129, 0.571, 1.000],
    [0.311, 0.558, 0.165, 0.869, 0.646],
]


def kl(m1: float, s1: float, m2: float, s2: float) -> float:
    return math.log(s2 / s1) + (s1**2 + (m1 - m2) ** 2) / (2 * s2**2) - 0.5


@given(st.floats(-2, 2), st.floats(0.3, 2), st.floats(-2, 2), st.floats(0.3, 2))
def test_divergences_of_gaussians_have_their_closed_forms(m1, s1, m2, s2):
    assume(max(s1, s2) <= 4 * min(s1, s2))  # else densities are apart by more than e^300, where the ratio is cut
    p, q = gaussian(m1, s1), gaussian(m2, s2)
    forward, backward = kl(m1, s1, m2, s2), kl(m2, s2, m1, s1)
    assert divergence(p, q, "kl") == pytest.approx(forward, rel=1e-6, abs=1e-9)
    assert divergence(p, q, "reverse-kl") == pytest.approx(backward, rel=1e-6, abs=1e-9)
    assert divergence(p, q, "jeffrey") == pytest.approx(forward + backward, rel=1e-6, abs=1e-9)
    overlap = math.sqrt(2 * s1 * s2 / (s1**2 + s2**2)) * math.exp(-((m1 - m2) ** 2) / (4 * (s1**2 + s2**2)))
    assert divergence(p, q, "squared-hellinger") == pytest.approx(2 - 2 * overlap, abs=1e-9)


@pytest.mark.parametrize("shift", [0.0, 0.5, 2.0])
def test_divergences_of_a_shifted_gaussian(shift):
    p, q = gaussian(0, 1), gaussian(shift, 1)
    for name in ("pearson", "neyman"):
        assert divergence(p, q, name) == pytest.approx(math.expm1(shift**2), rel=1e-9, abs=1e-12)
    assert divergence(p, q, "total-variation") == pytest.approx(math.erf(shift / math.sqrt(8)), abs=1e-5)
    assert divergence(p, q, lambda u: u * u) == pytest.approx(math.exp(shift**2), rel=1e-9)
    twice_js = kl_to_middle(shift) + kl_to_middle(-shift)
    assert divergence(p, q, "jensen-shannon") == pytest.approx(twice_js, abs=1e-9)
    assert divergence(p, q, "gan") == pytest.approx(twice_js - math.log(4), abs=1e-9)


def kl_to_middle(shift: float) -> float:
    """KL(N(0, 1) || the even mixture with N(shift, 1)), by a sum of its own."""
    x = torch.linspace(-12, 12, 4001, dtype=torch.float64)
    p, q = (torch.exp(-((x - m) ** 2) / 2) / math.sqrt(2 * math.pi) for m in (0, shift))
    return float((p * (2 * p / (p + q)).log()).sum() * (x[1] - x[0]))


@pytest.mark.parametrize("name", DIVERGENCES)
def test_every_divergence_is_least_at_the_target_and_finite_far_from_it(name):
    least = divergence(TARGET, TARGET, name)
    assert least == pytest.approx(-math.log(4) if name == "gan" else 0, abs=1e-9)
    far = divergence(gaussian(-15, 0.1), gaussian(15, 0.1), name)  # both densities underflow
    assert least < far < math.inf


def test_bounded_divergences_reach_their_bounds_where_supports_are_apart():
    p, q = gaussian(-15, 0.1), gaussian(15, 0.1)
    bounds = {"total-variation": 1, "squared-hellinger": 2, "jensen-shannon": math.log(4), "gan": 0}
    for name, bound in bounds.items():
        assert divergence(p, q, name) == pytest.approx(bound, abs=1e-9)
    assert divergence(gaussian(-9, 1), gaussian(9, 1), "kl", -40, 40) == pytest.approx(162, rel=1e-9)


@pytest.mark.parametrize("name", OPTIMA)
def test_the_best_gaussians_are_the_sheets(name):
    assert best_gaussian(name, TARGET) == pytest.approx(OPTIMA[name], abs=1e-4)


def test_the_cross_table_is_the_sheets_and_its_diagonal_the_least():
    table = cross_divergences(FIVE, TARGET)
    torch.testing.assert_close(table, torch.tensor(CROSS, dtype=torch.float64), rtol=0, atol=6e-4)
    assert torch.equal(table.argmin(0), torch.arange(5))


@pytest.mark.parametrize("name", ["squared-hellinger", "neyman", "gan", "total-variation"])
def test_no_neighbour_of_a_best_gaussian_is_better(name):
    best = best_gaussian(name, TARGET)
    for mu, sigma in ((0.01, 0), (-0.01, 0), (0, 0.01), (0, -0.01)):
        assert divergence(TARGET, gaussian(best.mu + mu, best.sigma + sigma), name) > best.divergence


@pytest.mark.parametrize("name", DIVERGENCES)
def test_the_best_gaussian_for_a_gaussian_is_itself(name):
    best = best_gaussian(name, gaussian(-3.7, 0.4))
    assert (best.mu, best.sigma) == (pytest.approx(-3.7, abs=1e-4), pytest.approx(0.4, abs=1e-4))


def test_reverse_kl_takes_the_heavier_of_two_distant_modes():
    """The wide fit, and the lighter mode, are local minima that one descent would end in."""
    target = mixture(torch.tensor([[-6.0], [6.0]]), 0.5, torch.tensor([0.4, 0.6]))
    best = best_gaussian("reverse-kl", target.log_density)
    assert best == pytest.approx((6, 0.5, -math.log(0.6)), abs=1e-4)


def test_densities_without_an_integral_are_refused():
    p = gaussian(0, 1)
    with pytest.raises(UserError, match="no divergence 'kll': choose one of kl, "):
        divergence(p, p, "kll")
    with pytest.raises(UserError, match="no divergence"):
        best_gaussian("kll", p)
    for low, high, points in ((1.0, 0.0, 100), (0.0, math.inf, 100), (math.nan, 1.0, 100), (-9.0, 9.0, 1)):
        with pytest.raises(UserError, match="needs low < high"):
            divergence(p, p, "kl", low, high, points)
    with pytest.raises(UserError, match=r"the model's density sums to 0\.5"):
        divergence(p, gaussian(20, 1), "kl")
    with pytest.raises(UserError, match="more points if the density is narrow"):
        divergence(p, gaussian(0.0021, 1e-4), "kl")
    with pytest.raises(UserError, match="the data's density sums to nan"):
        divergence(gaussian(math.nan, 1), p, "kl")
