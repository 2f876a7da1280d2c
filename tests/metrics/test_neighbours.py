"""Nearest neighbours and Parzen windows, against brute force, closed forms and scikit-learn."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from energan.metrics import neighbours
from energan.metrics.neighbours import nearest_neighbours
from energan.metrics.parzen import SIGMAS, parzen, parzen_log_likelihood, parzen_sigma
from energan.utils.errors import UserError


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Blocks so small that every test puts several together."""
    monkeypatch.setattr(neighbours, "QUERIES", 7)
    monkeypatch.setattr(neighbours, "BLOCK_BYTES", 8 * 64 * 11)


def uniform(seed: int, *shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def pixels(seed: int, n: int) -> Tensor:
    g = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, 1, 8, 8), generator=g, dtype=torch.uint8)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1000), st.integers(1, 20), st.integers(1, 30))
def test_neighbours_are_those_of_brute_force(seed, n, m):
    k = min(m, 3)
    images, train = pixels(seed, n), pixels(seed + 1, m)
    found = nearest_neighbours(images, train, k)
    differences = images[:, None].long() - train[None].long()
    exact = differences.square().sum((2, 3, 4)).double().sqrt()
    distances, indices = exact.sort(dim=1, stable=True)
    assert torch.equal(found.distances, distances[:, :k])
    assert torch.equal(exact.gather(1, found.indices), distances[:, :k])  # ties may be told in any order
    assert found.indices.dtype == indices.dtype == torch.int64


def test_a_copy_is_found_at_distance_zero():
    train = pixels(0, 100)
    found = nearest_neighbours(train[[17, 99]], train, k=2)
    assert found.indices[:, 0].tolist() == [17, 99]
    assert found.distances[:, 0].tolist() == [0, 0]
    assert float(found.distances[:, 1].min()) > 0


def test_neighbours_in_feature_space():
    train = torch.tensor([[0.0, 0.0], [3.0, 4.0], [6.0, 8.0]])
    found = nearest_neighbours(torch.tensor([[0.0, 1.0]]), train, k=3)
    assert found.indices.tolist() == [[0, 1, 2]]
    torch.testing.assert_close(found.distances, torch.tensor([[1, 18**0.5, 85**0.5]]).double())


def test_neighbours_refuse_what_cannot_be_compared():
    images, train = pixels(0, 2), pixels(1, 5)
    with pytest.raises(UserError, match="must be alike"):
        nearest_neighbours(images, train[..., :4], 1)
    with pytest.raises(UserError, match="must be alike"):
        nearest_neighbours(images.float(), train, 1)
    for k in (0, 6):
        with pytest.raises(UserError, match="between 1 and the 5"):
            nearest_neighbours(images, train, k)
    with pytest.raises(UserError, match="no images"):
        nearest_neighbours(images[:0], train, 1)
    with pytest.raises(UserError, match="NaN"):
        nearest_neighbours(torch.full((1, 2), math.nan), torch.ones(3, 2), 1)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 1000), st.floats(0.05, 2))
def test_parzen_equals_scikit_learns_kernel_density(seed, sigma):
    from sklearn.neighbors import KernelDensity

    samples, test = uniform(seed, 40, 6), uniform(seed + 1, 25, 6)
    density = KernelDensity(bandwidth=sigma).fit(samples.numpy())
    reference = torch.from_numpy(density.score_samples(test.numpy()))
    mean, error = parzen_log_likelihood(samples, test, sigma)
    assert mean == pytest.approx(float(reference.mean()), rel=1e-9, abs=1e-9)
    assert error == pytest.approx(float(reference.std()) / 5, rel=1e-7)


def test_parzen_of_one_sample_is_a_gaussian():
    test = torch.tensor([[0.0, 0.0], [0.3, 0.4]])
    mean, _ = parzen_log_likelihood(torch.zeros(1, 2), test, sigma=0.5)
    assert mean == pytest.approx(-math.log(2 * math.pi * 0.25) - (0 + 0.25 / 0.5) / 2, rel=1e-6)


def test_parzen_stays_finite_far_from_every_sample():
    mean, _ = parzen_log_likelihood(torch.zeros(3, 784), torch.ones(2, 784), sigma=0.1)
    assert mean == pytest.approx(-784 / 0.02 - 784 * math.log(0.1 * math.sqrt(2 * math.pi)), rel=1e-9)


def test_parzen_falls_by_d_ln_2_when_pixels_go_from_01_to_11():
    samples, test = uniform(0, 30, 784), uniform(1, 10, 784)
    mean, _ = parzen_log_likelihood(samples, test, 0.2)
    stretched, _ = parzen_log_likelihood(2 * samples - 1, 2 * test - 1, 0.4)
    assert mean - stretched == pytest.approx(784 * math.log(2), rel=1e-9)  # 543 nats


def test_sigma_is_the_likeliest_of_those_offered():
    samples, validation = uniform(0, 200, 3), uniform(1, 50, 3)
    likelihoods = [parzen_log_likelihood(samples, validation, sigma)[0] for sigma in SIGMAS]
    best = SIGMAS[likelihoods.index(max(likelihoods))]
    assert parzen_sigma(samples, validation) == best
    with pytest.raises(UserError, match="not inf"):
        parzen_sigma(samples, validation, [0.1, float("inf")])
    assert parzen_sigma(samples, samples, [0.001, 1.0]) == 0.001  # why it is not chosen on the samples
    assert (len(SIGMAS), SIGMAS[0]) == (10, pytest.approx(0.1))
    assert SIGMAS[-1] == pytest.approx(1)


def test_parzen_runs_the_published_procedure(monkeypatch):
    from sklearn.neighbors import KernelDensity

    monkeypatch.setattr("energan.metrics.parzen.VALIDATION", 20)
    samples, validation, test = (uniform(seed, n, 1, 2, 3) for seed, n in ((0, 60), (1, 50), (2, 30)))
    validation[20:] = samples[:30]  # what is after the first few does not count: it would favour a narrow window
    mean, error, sigma = parzen(samples, validation, test)
    rows = [part.flatten(1).numpy() for part in (samples, validation[:20], test)]
    fits = [KernelDensity(bandwidth=10 ** (-1 + i / 9)).fit(rows[0]) for i in range(10)]
    best = max(fits, key=lambda fit: fit.score(rows[1]))
    assert sigma == pytest.approx(best.bandwidth)
    assert sigma > parzen_sigma(samples.flatten(1), validation.flatten(1))
    scores = best.score_samples(rows[2])
    assert (mean, error) == (pytest.approx(scores.mean()), pytest.approx(scores.std(ddof=1) / math.sqrt(30)))


def test_parzen_refuses_pixels_of_another_scale():
    good = uniform(0, 5, 4)
    for place, what in enumerate(("samples", "validation set", "test set")):
        for bad in (2 * good - 1, 255 * good, (255 * good).byte(), good * math.nan):
            sets = [good, good, good]
            sets[place] = bad
            with pytest.raises(UserError, match=rf"the {what} must have float pixels in \[0, 1\]"):
                parzen(*sets)
    with pytest.raises(UserError, match="has 0 rows"):
        parzen(good, good[:0], good)
    with pytest.raises(UserError, match="equally wide"):
        parzen(good, good, good[:, :3])


def test_parzen_refuses_what_has_no_density():
    good = torch.ones(3, 2)
    for sigma in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(UserError, match="positive number"):
            parzen_log_likelihood(good, good, sigma)
    with pytest.raises(UserError, match="at least 2 rows"):
        parzen_log_likelihood(good, good[:1], 1.0)
    with pytest.raises(UserError, match="has 0 rows"):
        parzen_log_likelihood(good[:0], good, 1.0)
    with pytest.raises(UserError, match="equally wide"):
        parzen_log_likelihood(torch.ones(3, 4), good, 1.0)
    with pytest.raises(UserError, match="NaN"):
        parzen_sigma(good, torch.full((2, 2), math.nan))
    with pytest.raises(UserError, match="at least one"):
        parzen_sigma(good, good, [])
