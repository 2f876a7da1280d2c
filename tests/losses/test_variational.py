"""The terms of the variational bound against torch's distributions, and by hand."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from shape_checks import untyped
from torch.distributions import Bernoulli, Normal, kl_divergence

from energan.losses.variational import bernoulli, gaussian, kl_to_normal


def test_by_hand():
    assert kl_to_normal(torch.tensor([[1.0, 2.0], [0.0, 0.0]]), torch.zeros(2, 2)).tolist() == [2.5, 0.0]
    assert kl_to_normal(torch.zeros(1, 1), torch.tensor([[math.log(4)]])).item() == pytest.approx(1.5 - math.log(2))
    assert bernoulli(torch.tensor([[-1.0, 1.0]]), torch.tensor([[0.0, math.log(3)]])).item() == pytest.approx(
        math.log(2) + math.log(4 / 3)
    )
    assert gaussian(torch.tensor([[0.0, 3.0]]), torch.tensor([[1.0, 1.0]]), 0.5).item() == pytest.approx(
        10 + 2 * math.log(0.5 * math.sqrt(2 * math.pi))
    )


@given(seed=st.integers(0, 99))
def test_as_torchs_distributions(seed: int):
    g = torch.Generator().manual_seed(seed)
    mean, log_variance, x = (torch.randn(3, 2, 2, generator=g, dtype=torch.float64) for _ in range(3))
    q, sigma = Normal(mean, (log_variance / 2).exp()), torch.tensor(0.3, dtype=torch.float64)
    expected = kl_divergence(q, Normal(0.0, 1.0)).flatten(1).sum(1)
    torch.testing.assert_close(kl_to_normal(mean, log_variance), expected)
    assert bool((kl_to_normal(mean, log_variance) > 0).all())
    torch.testing.assert_close(gaussian(x, mean, sigma), -Normal(mean, sigma).log_prob(x).flatten(1).sum(1))
    black_or_white = x.sign()
    expected = -Bernoulli(logits=mean).log_prob((black_or_white + 1) / 2).flatten(1).sum(1)
    torch.testing.assert_close(bernoulli(black_or_white, mean), expected)


def test_grey_pixels_are_the_mean_over_their_roundings():
    x, logits = torch.tensor([[-0.5, 0.2]]), torch.tensor([[0.3, -1.0]])
    total = torch.zeros(())
    for a in (-1.0, 1.0):
        for b in (-1.0, 1.0):
            weight = (1 + a * -0.5) / 2 * (1 + b * 0.2) / 2
            total += weight * bernoulli(torch.tensor([[a, b]]), logits)[0]
    torch.testing.assert_close(bernoulli(x, logits)[0], total)


def test_shapes_that_differ_are_refused():
    x, other = torch.zeros(2, 3), torch.zeros(2, 1)
    with untyped():
        for refused in (kl_to_normal, bernoulli, lambda a, b: gaussian(a, b, 1.0)):
            with pytest.raises(ValueError, match="cannot"):
                refused(x, other)
