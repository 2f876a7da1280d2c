"""Distances between batches against values by hand, closed forms and finite differences."""

from math import exp, log, sqrt

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from shape_checks import untyped
from torch import Tensor
from torch.func import grad, vmap

from energan.losses.matching import energy_distance, feature_matching, kernel_mmd, sinkhorn

WIDTHS = (0.5, 2.0)
DISTANCES = {
    "feature_matching": feature_matching,
    "kernel_mmd": lambda x, y: kernel_mmd(x, y, WIDTHS),
    "biased_mmd": lambda x, y: kernel_mmd(x, y, WIDTHS, biased=True),
    "energy_distance": energy_distance,
    "sinkhorn": lambda x, y: sinkhorn(x, y, 0.5, 60),
}
each = pytest.mark.parametrize("name", DISTANCES)


def points(*rows: tuple[float, ...]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64)


def cloud(n: int, d: int = 2, seed: int = 0) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# --- feature matching ---------------------------------------------------------------------------------------


def test_feature_matching_by_hand():
    real, fake = points((1, 2), (3, 4)), points((0, 1), (1, 1), (2, 1))
    assert feature_matching(real, fake).item() == pytest.approx(1**2 + 2**2)  # means (2, 3) and (1, 1)
    assert feature_matching(real, fake, power=1).item() == pytest.approx((1 + 2) / 2)


def test_feature_matching_sees_means_only():
    x = cloud(6)
    assert feature_matching(x, 2 * x.mean(0) - x).item() == pytest.approx(0, abs=1e-25)


# --- MMD ----------------------------------------------------------------------------------------------------


def double_loop_mmd(x: Tensor, y: Tensor, biased: bool) -> float:
    def kernel(a: Tensor, b: Tensor) -> float:
        return sum(exp(-float((a - b).square().sum()) / (2 * s * s)) for s in WIDTHS)

    def within(z: Tensor) -> float:
        pairs = [(i, j) for i in range(len(z)) for j in range(len(z)) if biased or i != j]
        return sum(kernel(z[i], z[j]) for i, j in pairs) / len(pairs)

    between = sum(kernel(a, b) for a in x for b in y) / (len(x) * len(y))
    return within(x) + within(y) - 2 * between


@pytest.mark.parametrize("biased", [False, True])
def test_mmd_is_its_sums(biased):
    x, y = cloud(5, 3), cloud(4, 3, 1) + 0.5
    assert kernel_mmd(x, y, WIDTHS, biased).item() == pytest.approx(double_loop_mmd(x, y, biased), rel=1e-9)


def test_mmd_by_hand():
    # two point masses 1 apart: k(0) + k(0) - 2 k(1)
    x, y = points((0,), (0,)), points((1,), (1,))
    assert kernel_mmd(x, y, (1.0,)).item() == pytest.approx(2 - 2 * exp(-0.5))
    assert kernel_mmd(x, y, (1.0,), biased=True).item() == pytest.approx(2 - 2 * exp(-0.5))
    assert kernel_mmd(x, y, (1.0, 0.5)).item() == pytest.approx(4 - 2 * exp(-0.5) - 2 * exp(-2))
    # the same two points on both sides: 2 k(1) - 2 (k(0) + k(1)) / 2 < 0 unbiased, 0 biased
    x = points((0,), (1,))
    assert kernel_mmd(x, x, (1.0,)).item() == pytest.approx(exp(-0.5) - 1)
    assert kernel_mmd(x, x, (1.0,), biased=True).item() == pytest.approx(0, abs=1e-15)


def test_mmd_of_gaussians_is_near_its_closed_form():
    """In one dimension E k(x, y) of N(a, 1), N(b, 1) is s / sqrt(s^2 + 2) exp(-(a - b)^2 / 2 (s^2 + 2))."""
    x, y, s = cloud(2000, 1), cloud(2000, 1, 1) + 1.5, 1.0
    expected = 2 * s / sqrt(s**2 + 2) * (1 - exp(-(1.5**2) / (2 * (s**2 + 2))))
    assert kernel_mmd(x, y, (s,)).item() == pytest.approx(expected, rel=0.1)


@given(seed=st.integers(0, 99), n=st.integers(1, 6), m=st.integers(1, 6))
def test_biased_mmd_is_never_negative(seed: int, n: int, m: int):
    assert kernel_mmd(cloud(n, 2, seed), cloud(m, 2, seed + 1), WIDTHS, biased=True).item() >= -1e-12


def test_unbiased_estimates_are_unbiased():
    """Over many pairs of batches of one distribution their mean is 0 within its error; that of the biased is not."""
    x, y = cloud(4000, 2).view(500, 8, 2), cloud(4000, 2, 1).view(500, 8, 2)
    for distance in (DISTANCES["kernel_mmd"], energy_distance):
        values = vmap(distance)(x, y)
        assert abs(values.mean().item()) < 4 * values.std().item() / sqrt(500)
        assert bool((values < 0).any())
    biased = vmap(DISTANCES["biased_mmd"])(x, y)
    assert biased.mean().item() > 10 * biased.std().item() / sqrt(500)


# --- energy distance ----------------------------------------------------------------------------------------


def test_energy_distance_by_hand():
    x, y = points((0, 0), (3, 4)), points((0, 4), (0, 4))
    # between: 4, 4, 3, 3; within: 5 and 0
    assert energy_distance(x, y).item() == pytest.approx(2 * 3.5 - 5 - 0)
    assert energy_distance(points((0,), (0,)), points((2,), (2,))).item() == pytest.approx(4)


def test_energy_distance_is_its_sums():
    x, y = cloud(5, 3), cloud(4, 3, 1) + 0.5

    def mean(a: Tensor, b: Tensor, apart: bool) -> float:
        pairs = [(i, j) for i in range(len(a)) for j in range(len(b)) if not apart or i != j]
        return sum(float((a[i] - b[j]).norm()) for i, j in pairs) / len(pairs)

    expected = 2 * mean(x, y, False) - mean(x, x, True) - mean(y, y, True)
    assert energy_distance(x, y).item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("distance", [energy_distance, lambda x, y: kernel_mmd(x, y, WIDTHS)])
def test_unbiased_estimates_need_pairs(distance):
    with pytest.raises(ValueError, match="at least 2"):
        distance(cloud(1), cloud(3))
    with pytest.raises(ValueError, match="at least 2"):
        distance(cloud(3), cloud(1))


# --- Sinkhorn -----------------------------------------------------------------------------------------------


def gaussian_transport(a: float, b: float, epsilon: float) -> float:
    """W_e of N(0, a) and N(0, b): the best coupling is Gaussian, of a covariance c with c^2 + e c = a b."""
    c = (sqrt(epsilon**2 + 4 * a * b) - epsilon) / 2
    return (a + b) / 2 - c - epsilon / 2 * log(1 - c * c / (a * b))


@pytest.mark.parametrize("epsilon", [1e-3, 0.1, 10.0])
def test_sinkhorn_of_two_point_masses_is_half_their_squared_distance(epsilon):
    x, y = points((0, 0)), points((3, 4))
    assert sinkhorn(x, y, epsilon).item() == pytest.approx(12.5)
    assert sinkhorn(x.expand(5, 2), y.expand(3, 2), epsilon).item() == pytest.approx(12.5)
    assert sinkhorn(x, x, epsilon).item() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("epsilon", [0.02, 0.3, 5.0])
def test_sinkhorn_of_a_shifted_cloud_is_half_the_squared_shift(epsilon):
    """Of any batch and its translation: the entropy's bias is taken off."""
    x, shift = cloud(7), points((1.5, -2.0))
    assert sinkhorn(x, x + shift, epsilon, 400).item() == pytest.approx((1.5**2 + 2**2) / 2, rel=1e-6)


def test_sinkhorn_of_gaussians_tends_to_its_closed_form():
    x, y, epsilon = cloud(1200, 1), 2 * cloud(1200, 1, 1) + 1, 0.5
    bias = gaussian_transport(1, 1, epsilon) + gaussian_transport(4, 4, epsilon)
    expected = gaussian_transport(1, 4, epsilon) - bias / 2 + 1 / 2
    assert expected == pytest.approx((1 + (2 - 1) ** 2) / 2, rel=0.05)  # about W_2^2 / 2
    assert sinkhorn(x, y, epsilon, 60).item() == pytest.approx(expected, rel=0.1)


def test_sinkhorn_of_a_small_epsilon_is_the_best_assignment():
    from scipy.optimize import linear_sum_assignment

    x, y = cloud(12), cloud(12, 2, 1) + 1
    cost = torch.cdist(x, y).square() / 2
    rows, columns = linear_sum_assignment(cost.numpy())
    best = cost[torch.as_tensor(rows), torch.as_tensor(columns)].mean().item()
    assert sinkhorn(x, y, 1e-3, 2000).item() == pytest.approx(best, rel=1e-3)


def test_sinkhorn_of_a_large_epsilon_is_half_the_squared_distance_of_means():
    x, y = cloud(6), cloud(5, 2, 1) + 1
    assert sinkhorn(x, y, 1e5).item() == pytest.approx(feature_matching(x, y).item() / 2, rel=1e-3)


def test_sinkhorn_converges_with_iterations():
    x, y = cloud(10), cloud(9, 2, 1) + 1
    exact = sinkhorn(x, y, 0.3, 3000).item()
    errors = [abs(sinkhorn(x, y, 0.3, k).item() - exact) for k in (4, 20, 100)]
    assert errors[0] > errors[1] > errors[2] and errors[2] < 1e-6 and errors[0] < 0.2


@pytest.mark.parametrize("epsilon", [0.02, 0.3])
def test_sinkhorns_own_terms_converge_at_once(epsilon):
    """Against one point the plan is known; what is left to solve is x against itself, by averaged steps."""
    x, y = cloud(10), points((1, 1))
    assert sinkhorn(x, y, epsilon, 20).item() == pytest.approx(sinkhorn(x, y, epsilon, 3000).item(), rel=1e-10)


@pytest.mark.parametrize(("epsilon", "enough"), [(0.1, 1500), (1.0, 200)])
def test_sinkhorn_gradient_is_that_of_the_converged_value(epsilon, enough):
    """Both arguments', by the envelope theorem, against central differences."""
    x, y, h = cloud(5), cloud(6, 2, 1) + 0.5, 1e-5

    def value(x: Tensor, y: Tensor) -> Tensor:
        return sinkhorn(x, y, epsilon, enough)

    slopes = torch.func.grad(value, argnums=(0, 1))(x, y)
    for argument, slope in enumerate(slopes):
        direction = cloud(*slope.shape, 7)
        ends = [value(*(z + s * h * direction if i == argument else z for i, z in enumerate((x, y)))) for s in (1, -1)]
        assert ((ends[0] - ends[1]) / (2 * h)).item() == pytest.approx((slope * direction).sum().item(), rel=1e-5)
    few = torch.func.grad(lambda x: sinkhorn(x, y, epsilon, 50))(x)
    assert torch.allclose(few, slopes[0], atol=2e-2)


# --- all of them --------------------------------------------------------------------------------------------


@each
def test_distances_are_symmetric_and_tell_batches_apart(name):
    distance = DISTANCES[name]
    x, y = cloud(6), cloud(5, 2, 1) + 1
    assert distance(x, y).item() == pytest.approx(distance(y, x).item(), rel=1e-6)
    assert distance(x, y).item() > 0.05
    assert distance(x, y + 1) > distance(x, y)
    assert distance(x.flip(0), y).item() == pytest.approx(distance(x, y).item(), rel=1e-9)


@each
def test_descending_a_distance_moves_the_fakes_to_the_data(name):
    distance = DISTANCES[name]
    real, fake = cloud(40), cloud(30, 2, 1) / 2 + 2
    before = distance(real, fake).item()
    for _ in range(60):
        fake = fake - 30 * 0.3 * grad(lambda y: distance(real, y))(fake)
    assert distance(real, fake).item() < before / 5


@each
def test_distances_flatten(name):
    x, y = cloud(4, 6), cloud(5, 6, 1)
    assert torch.allclose(DISTANCES[name](x.view(4, 2, 3), y.view(5, 2, 3)), DISTANCES[name](x, y))


@each
def test_gradients_by_finite_differences(name):
    distance = DISTANCES[name]
    if name == "sinkhorn":  # which has its own, of the converged value
        distance = lambda x, y: sinkhorn(x, y, 2.0, 200)  # noqa: E731
    x, y = cloud(3).requires_grad_(), cloud(4, 2, 1).requires_grad_()
    assert torch.autograd.gradcheck(distance, (x, y), atol=1e-6)


@each
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("offset", [0.0, 1e-4, 300.0])
def test_points_that_coincide_have_finite_gradients(name, dtype, offset):
    x = (cloud(4) + offset).to(dtype)
    batches = ((x, x.clone()), (x[:1].expand(4, 2), x[1:2].expand(3, 2)), (x[:1].expand(4, 2), x[:1].expand(3, 2)))
    for a, b in batches:
        value, slope = DISTANCES[name](a, b), grad(DISTANCES[name], argnums=1)(a, b)
        assert bool(value.isfinite()) and bool(slope.isfinite().all())
        assert float(slope.norm()) < 10
        together = vmap(grad(DISTANCES[name], argnums=1))(torch.stack([a, a]), torch.stack([b, b]))
        assert torch.allclose(together[1], slope, atol=1e-5)
    assert float(slope.abs().amax()) < 1e-5  # all of the last points are the same one


@each
def test_distant_batches_are_finite(name):
    x, y = cloud(4).float() * 1e4, cloud(3, 2, 1).float() * 1e-4
    value, slope = DISTANCES[name](x, y), grad(DISTANCES[name], argnums=1)(x, y)
    assert bool(value.isfinite()) and bool(slope.isfinite().all())


@each
def test_float32_is_as_exact_as_float32_can_be(name):
    """Close points far from the origin: their distance is a difference of large numbers."""
    x, y = cloud(6).float() / 50 + 20, cloud(5, 2, 1).float() / 50 + 20.1
    value = DISTANCES[name](x, y)
    assert value.dtype == torch.float32
    assert value.item() == pytest.approx(DISTANCES[name](x.double(), y.double()).item(), rel=2e-3, abs=1e-6)


@each
def test_bfloat16_is_widened_and_autocast_leaves_it(name):
    x, y = cloud(4, 300).to(torch.bfloat16) / 10, cloud(5, 300, 1).to(torch.bfloat16) / 10
    expected = DISTANCES[name](x.double(), y.double()).item()
    assert DISTANCES[name](x, y).dtype == torch.float32
    with torch.autocast("cpu", torch.bfloat16):
        for a, b in ((x, y), (x.float(), y.float())):
            assert DISTANCES[name](a, b).dtype == torch.float32
            assert DISTANCES[name](a, b).item() == pytest.approx(expected, rel=1e-4, abs=1e-6)


@each
def test_samples_of_different_sizes_are_refused(name):
    with untyped(), pytest.raises(ValueError, match=r"\(2,\) cannot be compared with samples of \(1,\)"):
        DISTANCES[name](torch.zeros(3, 2), torch.zeros(3, 1))


@each
def test_many_pairs_at_once(name):
    x, y = cloud(12).view(3, 4, 2), cloud(15, 2, 1).view(3, 5, 2)
    together = vmap(grad(DISTANCES[name], argnums=1))(x, y)
    for i in range(3):
        y_i = y[i].clone().requires_grad_()
        DISTANCES[name](x[i], y_i).backward()
        assert y_i.grad is not None and torch.allclose(together[i], y_i.grad, atol=1e-10)


def test_sinkhorn_takes_an_epsilon_for_each_pair():
    x, y, epsilon = cloud(8).view(2, 4, 2), cloud(10, 2, 1).view(2, 5, 2), points((0.3, 2.0)).flatten()
    together = vmap(lambda x, y, e: sinkhorn(x, y, e, 30))(x, y, epsilon)
    assert torch.allclose(together[1], sinkhorn(x[1], y[1], 2.0, 30))
    assert torch.allclose(together[0], sinkhorn(x[0], y[0], 0.3, 30))


def test_distances_compile_into_one_graph(compile_cheaply):
    def all_of_them(x: Tensor, y: Tensor) -> Tensor:
        others = [d(x, y) for name, d in DISTANCES.items() if name != "sinkhorn"]
        return torch.stack([*others, sinkhorn(x, y, 0.5, 4)]).sum()

    x, y = cloud(4), cloud(5, 2, 1).requires_grad_()
    (slope,) = torch.autograd.grad(torch.compile(all_of_them, fullgraph=True)(x, y), y)
    assert torch.allclose(slope, grad(all_of_them, argnums=1)(x, y))
