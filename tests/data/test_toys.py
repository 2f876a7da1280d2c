"""Toy distributions: their moments and densities by closed form, and batches as a pure function of (seed, k)."""

import math

import numpy as np
import pytest
import torch
from close import assert_close_to_scale
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from energan.data.toys import (
    TOYS,
    Draws,
    Mixture,
    grid,
    grid_wgan_gp,
    mixture,
    ring,
    ring_unrolled_notebook,
    ring_unrolled_paper,
    ring_wgan_gp,
    source,
    swiss_roll,
    two_gaussians,
)
from energan.utils.errors import UserError

MIXTURES = [name for name, make in TOYS.items() if isinstance(make(), Mixture)]


def test_the_ring_is_eight_points_on_a_circle():
    means = ring().means
    half = math.sqrt(0.5)
    expected = [[1, 0], [half, half], [0, 1], [-half, half], [-1, 0], [-half, -half], [0, -1], [half, -half]]
    assert_close_to_scale(means, torch.tensor(expected, dtype=torch.float64), rtol=1e-12)
    assert ring().stds.tolist() == [0.01] * 8
    torch.testing.assert_close(ring_unrolled_paper().means, 2 * means)
    assert ring_unrolled_paper().stds.tolist() == [0.02] * 8


def test_the_notebooks_ring_is_the_mixture_over_both_0_and_2_pi():
    angle = torch.from_numpy(np.linspace(0, 2 * np.pi, 8))
    published = mixture(torch.stack([angle.cos(), angle.sin()], 1), 0.01)
    merged = ring_unrolled_notebook()
    assert merged.means.shape == (7, 2)
    assert merged.weights.tolist() == [0.25, *[0.125] * 6]
    x = merged.sample(torch.Generator().manual_seed(0), 100)
    assert_close_to_scale(merged.log_density(x), published.log_density(x), rtol=1e-9)


def test_the_grid_is_centred():
    means = grid().means
    assert {tuple(mean) for mean in means.tolist()} == {(a, b) for a in (-4, -2, 0, 2, 4) for b in (-4, -2, 0, 2, 4)}
    assert grid().stds.tolist() == [0.05] * 25
    assert grid(side=2, spacing=1).means.tolist() == [[-0.5, -0.5], [-0.5, 0.5], [0.5, -0.5], [0.5, 0.5]]


def test_wgan_gps_toys_are_divided_as_in_its_code():
    assert float(ring_wgan_gp().means[0, 0]) == pytest.approx(2 / 1.414)
    assert float(ring_wgan_gp().stds[0]) == pytest.approx(0.02 / 1.414)
    assert float(grid_wgan_gp().means.max()) == pytest.approx(4 / 2.828)
    assert float(grid_wgan_gp().stds[0]) == pytest.approx(0.05 / 2.828)
    for toy in (ring_wgan_gp(), grid_wgan_gp()):  # the divisors are the sets' standard deviations
        assert toy.sample(torch.Generator().manual_seed(0), 10000).std(0).tolist() == pytest.approx([1, 1], rel=0.02)


def test_two_gaussians_has_the_moments_of_its_best_fit_by_kl():
    """The sheet's KL optimum: a Gaussian of mean 1.0100 and deviation 1.8307."""
    toy = two_gaussians()
    mean = float(toy.weights @ toy.means[:, 0])
    second = float(toy.weights @ (toy.stds.square() + toy.means[:, 0].square()))
    assert (mean, math.sqrt(second - mean**2)) == (pytest.approx(1.01, abs=5e-5), pytest.approx(1.8307, abs=5e-5))


@pytest.mark.parametrize("name", MIXTURES)
def test_samples_have_the_weights_means_and_deviations_of_the_mixture(name, generator):
    toy = TOYS[name]()
    n = 40000
    x = toy.sample(generator, n)
    assert x.shape == (n, toy.means.shape[1])
    assert x.dtype == torch.float32
    if name != "two-gaussians":  # whose modes overlap
        mode = torch.cdist(x.double(), toy.means).argmin(1)
        shares = mode.bincount(minlength=len(toy.means)) / n
        torch.testing.assert_close(shares.double(), toy.weights, rtol=0, atol=4 * 0.5 / math.sqrt(n))
        off = x.double() - toy.means[mode]
        assert float(off.std() / toy.stds[0]) == pytest.approx(1, rel=0.02)
    mean = toy.weights @ toy.means
    spread = (toy.weights @ (toy.means.square() + toy.stds.square()[:, None]) - mean.square()).sqrt()
    torch.testing.assert_close(x.double().mean(0), mean, rtol=0, atol=5 * float(spread.max()) / math.sqrt(n))
    torch.testing.assert_close(x.double().std(0), spread, rtol=0.02, atol=0)


@pytest.mark.parametrize("name", MIXTURES)
def test_the_density_is_scipys(name, generator):
    toy = TOYS[name]()
    x = toy.sample(generator, 50).double() + 0.1 * torch.randn(50, toy.means.shape[1], generator=generator)
    parts = zip(toy.means.numpy(), toy.stds.numpy(), toy.weights.numpy(), strict=True)
    density = sum(w * multivariate_normal(mean, std**2).pdf(x.numpy()) for mean, std, w in parts)
    sure = density > 1e-250
    assert sure.any()
    np.testing.assert_allclose(toy.log_density(x).numpy()[sure], np.log(density[sure]), rtol=1e-9)


def test_the_density_integrates_to_one_and_stays_finite():
    x = torch.linspace(-15, 17, 8001, dtype=torch.float64)
    assert float(torch.trapezoid(two_gaussians().log_density(x[:, None]).exp(), x)) == pytest.approx(1, abs=1e-9)
    far = ring().log_density(torch.tensor([[1e6, -1e6]]))
    assert bool(far.isfinite().all()) and float(far) < -1e15


@given(st.floats(0.1, 10), st.integers(0, 100))
def test_rescaling_is_a_change_of_variables(factor, seed):
    toy = grid(3)
    x = toy.sample(torch.Generator().manual_seed(seed), 20).double()
    expected = toy.log_density(x) - 2 * math.log(factor)
    torch.testing.assert_close(toy.rescaled(factor).log_density(factor * x), expected, rtol=1e-7, atol=1e-7)
    stretched = toy.rescaled(factor).sample(torch.Generator().manual_seed(seed), 20)
    torch.testing.assert_close(stretched.double(), factor * x, rtol=1e-5, atol=1e-5)


def test_the_swiss_roll_is_scikit_learns():
    from sklearn.datasets import make_swiss_roll

    reference = make_swiss_roll(20000, noise=0.25, random_state=0)[0][:, [0, 2]] / 7.5
    x = swiss_roll().sample(torch.Generator().manual_seed(0), 20000).numpy()
    np.testing.assert_allclose(x.mean(0), reference.mean(0), atol=0.03)
    np.testing.assert_allclose(np.cov(x.T), np.cov(reference.T), atol=0.03)
    radii, expected = (np.quantile(np.hypot(*rows.T), [0.01, 0.25, 0.5, 0.75, 0.99]) for rows in (x, reference))
    np.testing.assert_allclose(radii, expected, atol=0.02)


def test_the_swiss_roll_without_noise_is_a_spiral():
    x = swiss_roll(noise=0, divisor=2).rescaled(2).sample(torch.Generator().manual_seed(0), 100)
    t = x.norm(dim=1)
    assert float(t.min()) >= 1.5 * math.pi - 1e-4 and float(t.max()) <= 4.5 * math.pi + 1e-4
    torch.testing.assert_close(x, torch.stack([t * t.cos(), t * t.sin()], 1), rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", TOYS)
def test_batches_are_a_pure_function_of_seed_and_k(name):
    draws = source(TOYS[name](), batch=16, seed=3)
    first = draws(7)["x"]
    assert first.shape == (16, 1 if name == "two-gaussians" else 2)
    assert first.dtype == torch.float32 and bool(first.isfinite().all())
    torch.randn(5)
    draws(8)
    assert torch.equal(draws(7)["x"], first)
    assert torch.equal(Draws(TOYS[name](), 16, 3)(7)["x"], first)
    for other in (draws(8), source(TOYS[name](), 16, 7)(3), source(TOYS[name](), 16, 4)(7)):
        assert not torch.equal(other["x"], first)


def test_many_batches_of_many_seeds_are_all_different():
    first = {float(source(two_gaussians(), 1, seed)(k)["x"]) for seed in range(30) for k in range(100)}
    assert len(first) > 2990  # 24 bits a number: a few may be equal


def test_a_game_plays_with_a_toy():
    from torch import nn

    from energan.engine.noise import normal
    from energan.engine.optimizers import Adam
    from energan.engine.trainer import Trainer
    from energan.games.catalog import GAMES

    G, D = nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 1), nn.Flatten(0))
    game = GAMES["gan"](G, D, normal(2), optimizer_G=Adam(1e-3), optimizer_D=Adam(1e-3))
    one = Trainer(game, source(ring(), 8, 0), seed=0)
    assert all(bool(value.isfinite()) for value in one.step().values())


def test_values_that_are_no_distribution_are_refused():
    with pytest.raises(UserError, match="needs finite means"):
        ring(modes=0)
    with pytest.raises(UserError, match="needs finite means"):
        mixture(torch.tensor([[math.nan, 0]]), 1.0)
    with pytest.raises(UserError, match="k weights"):
        mixture(torch.zeros(2, 2), 1.0, torch.ones(3))
    for std, weight in ((0.0, 1.0), (math.inf, 1.0), (1.0, -1.0), (1.0, math.nan)):
        with pytest.raises(UserError, match="positive numbers"):
            mixture(torch.zeros(2, 2), std, torch.tensor([1.0, weight]))
    with pytest.raises(UserError, match="swiss roll needs"):
        swiss_roll(noise=-1)
    with pytest.raises(UserError, match="batch must be 1 or more"):
        source(ring(), 0, 0)
    with pytest.raises(IndexError, match="from 0"):
        source(ring(), 4, 0)(-1)
