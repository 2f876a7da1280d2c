"""L_I against hand-computed values, and its bound."""

from math import exp, log, pi

import pytest
import torch

from energan.losses.mutual_information import of_category, of_numbers


def test_of_a_category_by_hand():
    logits = torch.tensor([[0.0, log(3.0)], [log(4.0), 0.0]])
    c = torch.tensor([[0.0, 1.0], [0.0, 1.0]])
    expected = (log(3 / 4) + log(1 / 5)) / 2 + log(2)
    assert float(of_category(logits, c)) == pytest.approx(expected, rel=1e-5)


def test_of_a_category_is_at_most_its_entropy():
    c = torch.eye(10)
    assert float(of_category(1000 * c, c)) == pytest.approx(log(10), rel=1e-6)
    assert float(of_category(torch.randn(10, 10, generator=torch.Generator().manual_seed(0)), c)) < log(10)
    assert float(of_category(-1000 * c, c)) < -100


def test_of_numbers_by_hand():
    mean, log_sigma = torch.tensor([[0.5, 0.0]]), torch.tensor([[log(2.0), 0.0]])
    c = torch.tensor([[-0.5, 1.0]])
    densities = exp(-1 / 8) / (2 * (2 * pi) ** 0.5) * exp(-1 / 2) / (2 * pi) ** 0.5
    assert float(of_numbers(mean, log_sigma, c)) == pytest.approx(log(densities) + 2 * log(2), rel=1e-5)


def test_of_numbers_grows_as_a_right_q_becomes_surer():
    c = torch.rand(8, 2) * 2 - 1
    values = [float(of_numbers(c, torch.full_like(c, s), c)) for s in (0.0, -1.0, -2.0)]
    assert values == sorted(values) and values[0] == pytest.approx(2 * (log(2) - log(2 * pi) / 2), rel=1e-5)
    assert float(of_numbers(-c, torch.full_like(c, -2.0), c)) < values[0]


def test_both_are_float32_of_bfloat16():
    b = torch.bfloat16
    assert of_category(torch.zeros(2, 3, dtype=b), torch.eye(3)[:2]).dtype == torch.float32
    assert of_numbers(torch.zeros(2, 3, dtype=b), torch.zeros(2, 3, dtype=b), torch.zeros(2, 3)).dtype == torch.float32
