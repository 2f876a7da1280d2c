"""Distances between sets of features, against closed forms, brute force and the reference library."""

import math
import statistics

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchmetrics.image.kid import poly_mmd

from energan.metrics import feature_distances
from energan.metrics.feature_distances import frechet_distance, kernel_distance, precision_recall
from energan.utils.errors import UserError


def normal(seed: int, n: int, d: int) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def with_moments(seed: int, n: int, mean: Tensor, covariance: Tensor) -> Tensor:
    """Rows whose sample mean and (n - 1) covariance are exactly these."""
    x = normal(seed, n, len(mean))
    white = torch.linalg.solve_triangular(torch.linalg.cholesky(torch.cov(x.T)), (x - x.mean(0)).T, upper=False)
    return mean + (torch.linalg.cholesky(covariance) @ white).T


def covariance(seed: int, d: int) -> Tensor:
    a = normal(seed, d, d)
    return a @ a.T + 0.1 * torch.eye(d)


def test_frechet_of_diagonal_gaussians_is_their_closed_form():
    # commuting covariances: |mu - mu'|^2 + sum (s - s')^2
    s, t = torch.tensor([1.0, 2.0, 0.5]).double(), torch.tensor([2.0, 2.0, 3.0]).double()
    mean = torch.tensor([1.0, -2.0, 0.0]).double()
    a = with_moments(0, 50, torch.zeros(3).double(), torch.diag(s**2))
    b = with_moments(1, 70, mean, torch.diag(t**2))
    expected = 5 + float(((s - t) ** 2).sum())
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-9)


def test_frechet_of_any_gaussians_is_their_closed_form():
    # tr (S T)^(1/2) by the symmetric form of the square root
    from scipy.linalg import sqrtm

    s, t = covariance(2, 5), covariance(3, 5)
    mean = normal(4, 1, 5)[0]
    a, b = with_moments(5, 60, torch.zeros(5).double(), s), with_moments(6, 60, mean, t)
    root = torch.from_numpy(sqrtm(s.numpy()).real)
    cross = torch.from_numpy(sqrtm((root @ t @ root).numpy()).real)
    expected = float(mean @ mean + (s + t - 2 * cross).trace())
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-8)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 1000), st.floats(0.01, 100), st.floats(-1e4, 1e4))
def test_frechet_is_a_squared_distance(seed, scale, shift):
    a, b = normal(seed, 30, 4), normal(seed + 1, 40, 4) * 2
    d = frechet_distance(a, b)
    assert d == pytest.approx(frechet_distance(b, a), rel=1e-7)
    assert frechet_distance(a * scale + shift, b * scale + shift) == pytest.approx(d * scale**2, rel=1e-6)
    assert 0 <= frechet_distance(a, a.flip(0)) < 1e-5


def test_frechet_keeps_its_digits_far_from_the_origin_in_float32():
    a, b = normal(0, 500, 8).float(), normal(1, 500, 8).float()
    assert frechet_distance(a + 1024, b + 1024) == pytest.approx(frechet_distance(a, b), rel=1e-3)


def test_frechet_of_fewer_rows_than_columns_is_finite():
    assert 0 < frechet_distance(normal(0, 5, 20), normal(1, 5, 20)) < 200


def kernel_by_loops(a: Tensor, b: Tensor) -> float:
    def k(x, y):
        return (float(x @ y) / len(x) + 1) ** 3

    n = len(a)
    aa = sum(k(a[i], a[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    bb = sum(k(b[i], b[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    ab = sum(k(x, y) for x in a for y in b) / n**2
    return aa + bb - 2 * ab


def test_kernel_distance_by_loops():
    a, b = normal(0, 12, 3), normal(1, 12, 3) + 0.5
    mean, deviation = kernel_distance(a, b, subsets=3)  # subsets of all rows: the same each time
    assert mean == pytest.approx(kernel_by_loops(a, b), rel=1e-9)
    assert math.isnan(deviation)  # nobody knows it of one set


def test_kernel_distance_is_one_whether_subsets_share_their_kernels():
    a, b = normal(0, 300, 6), normal(1, 280, 6) * 1.3 + 0.2
    shared = kernel_distance(a, b, subsets=40, subset_size=100)
    apart = kernel_distance(a, b, subsets=10, subset_size=100)  # 40 x 100^2 pairs are more than 300^2 + ..., 10 x fewer
    drawn = torch.Generator().manual_seed(0)
    values = [
        float(poly_mmd(a[torch.randperm(300, generator=drawn)[:100]], b[torch.randperm(280, generator=drawn)[:100]]))
        for _ in range(40)
    ]
    assert shared == pytest.approx((statistics.mean(values), statistics.pstdev(values)), rel=1e-9)
    assert apart == pytest.approx((statistics.mean(values[:10]), statistics.pstdev(values[:10])), rel=1e-9)


def test_kernel_distance_is_unbiased():
    values = [kernel_distance(normal(2 * i, 20, 3), normal(2 * i + 1, 20, 3), subsets=1)[0] for i in range(200)]
    mean, error = torch.tensor(values).mean(), torch.tensor(values).std() / 200**0.5
    assert abs(float(mean)) < 3 * float(error)
    assert min(values) < 0  # a biased (V-)statistic never is


@pytest.mark.filterwarnings("ignore:Metric `Kernel Inception Distance` will save:UserWarning")
def test_kernel_distance_agrees_with_torchmetrics():
    from torchmetrics.image.kid import KernelInceptionDistance

    a, b = normal(0, 400, 6), normal(1, 400, 6) * 1.3 + 0.2
    reference = KernelInceptionDistance(feature=torch.nn.Identity(), subsets=50, subset_size=200)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        reference.update(a, real=True)
        reference.update(b, real=False)
        mean, deviation = (float(x) for x in reference.compute())
    ours, spread = kernel_distance(a, b, subsets=50, subset_size=200)
    assert ours == pytest.approx(mean, abs=4 * deviation / 50**0.5)
    assert spread == pytest.approx(deviation, rel=0.5)


def test_kernel_distance_is_a_function_of_its_seed_alone():
    a, b = normal(0, 100, 3), normal(1, 100, 3)
    before = torch.random.get_rng_state()
    first = kernel_distance(a, b, subsets=5, subset_size=20, seed=1)
    assert first == kernel_distance(a, b, subsets=5, subset_size=20, seed=1)
    assert first != kernel_distance(a, b, subsets=5, subset_size=20, seed=2)
    assert torch.equal(torch.random.get_rng_state(), before)


def overlap_by_loops(real: Tensor, fake: Tensor, k: int) -> tuple[float, float, float, float]:
    def radii(x):
        return [sorted(float((y - z).norm()) for z in x)[k] for y in x]  # [0] is y itself

    rr, rf, n, m = radii(real), radii(fake), len(real), len(fake)
    inside = [[float((x - y).norm()) <= r for x, r in zip(real, rr, strict=True)] for y in fake]
    made = [any(float((x - y).norm()) <= r for y, r in zip(fake, rf, strict=True)) for x in real]
    return (
        sum(any(row) for row in inside) / m,
        sum(made) / n,
        sum(map(sum, inside)) / (k * m),
        sum(any(column) for column in zip(*inside, strict=True)) / n,
    )


@pytest.mark.parametrize("k", [1, 3])
def test_precision_recall_by_loops(k, monkeypatch):
    monkeypatch.setattr(feature_distances, "ROWS", 7)  # so that blocks are put together
    real, fake = normal(0, 30, 3), normal(1, 25, 3) * 1.2 + 0.4
    assert tuple(precision_recall(real, fake, k)) == pytest.approx(overlap_by_loops(real, fake, k))


def test_precision_and_recall_of_tight_clusters_far_apart():
    """Their neighbours are far nearer than they are to each other: as products in float32, distances would be lost."""
    g = torch.Generator().manual_seed(0)
    places = torch.tensor([-300.0, 300.0]).repeat_interleave(60)[:, None]
    real, fake = (places + torch.randn(120, 64, generator=g) * 0.01 for _ in range(2))

    def apart(a: Tensor, b: Tensor) -> Tensor:
        return (a.double()[:, None] - b.double()).square().sum(2).sqrt()

    radii = apart(real, real).topk(4, largest=False).values[:, 3]
    within = apart(fake, real) <= radii
    found = precision_recall(real, fake)
    assert found.precision == pytest.approx(float(within.any(1).double().mean()))
    assert found.density == pytest.approx(float(within.sum()) / (3 * 120)) and found.density < 2
    assert found.coverage == pytest.approx(float(within.any(0).double().mean()))


def test_precision_and_recall_tell_collapse_from_blur():
    real = normal(0, 300, 2)
    collapsed = 0.05 * normal(1, 300, 2)  # one place, but a real one
    scattered = 6 * normal(2, 300, 2)  # everywhere, mostly unreal
    far = normal(3, 300, 2) + 100
    one_place, everywhere = precision_recall(real, collapsed), precision_recall(real, scattered)
    assert one_place.precision > 0.95
    assert one_place.recall < 0.1
    assert one_place.coverage < 0.3
    assert everywhere.precision < 0.4
    assert everywhere.recall > 0.9
    assert tuple(precision_recall(real, far)) == (0, 0, 0, 0)
    same = precision_recall(real, real.clone())
    assert (same.precision, same.recall, same.coverage) == (1, 1, 1)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 1000), st.integers(1, 4))
def test_precision_and_recall_swap_with_the_sets(seed, k):
    a, b = normal(seed, 20, 2), normal(seed + 1, 30, 2) + 1
    one, other = precision_recall(a, b, k), precision_recall(b, a, k)
    assert one.precision == pytest.approx(other.recall)
    assert all(0 <= value <= 1 for value in (one.precision, one.recall, one.coverage))
    assert one.density >= 0


@pytest.mark.parametrize("distance", [frechet_distance, kernel_distance, precision_recall])
@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (torch.zeros(1, 3), "has 1 rows"),
        (torch.full((9, 3), torch.nan), "NaN"),
        (torch.full((9, 3), torch.inf), "infinite"),
        (torch.zeros(9, 4), "equally wide"),
        (torch.zeros(9, 3, dtype=torch.uint8), "floating"),
        (torch.zeros(9), "floating"),
    ],
)
def test_arrays_that_are_no_features_are_refused(distance, bad, words):
    good = normal(0, 9, 3)
    with pytest.raises(UserError, match=words):
        distance(good, bad)
    with pytest.raises(UserError, match=words):
        distance(bad, good)


def test_impossible_settings_are_refused():
    x = normal(0, 9, 3)
    with pytest.raises(UserError, match="k >= 1"):
        precision_recall(x, x, k=0)
    with pytest.raises(UserError, match="at least 10"):
        precision_recall(x, x, k=9)
    with pytest.raises(UserError, match="subsets"):
        kernel_distance(x, x, subsets=0)
    with pytest.raises(UserError, match="subsets"):
        kernel_distance(x, x, subset_size=1)
