"""Calibration: the error by hand, the temperature by its definition, and what cannot be calibrated."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from energan.metrics.calibration import RANGE, calibration_error, cross_fitted, temperature
from energan.utils.errors import UserError


def drawn(n: int, scale: float, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits that are `scale` times as sure as they are right, and labels of what is right."""
    g = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(n, 3, generator=g, dtype=torch.float64)
    return scale * logits, torch.multinomial(logits.softmax(1), 1, generator=g).squeeze(1)


def test_the_error_is_the_mean_gap_of_bins_by_hand() -> None:
    probabilities = torch.tensor([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.5, 0.5]])
    # bins of 0.9 (right in 1 of 2), 0.6 (right) and 0.5 (the first class; wrong)
    expected = 2 / 4 * 0.4 + 1 / 4 * 0.4 + 1 / 4 * 0.5
    assert calibration_error(probabilities, torch.tensor([0, 1, 1, 1])) == pytest.approx(expected, abs=1e-6)
    assert calibration_error(torch.tensor([[1.0, 0.0]]), torch.tensor([0])) == 0
    assert calibration_error(torch.tensor([[1.0, 0.0]]), torch.tensor([1])) == 1


@pytest.mark.parametrize("scale", [0.3, 1.0, 4.0])
def test_the_temperature_undoes_a_scale_and_lowers_the_error(scale: float) -> None:
    logits, labels = drawn(4000, scale)
    t = temperature(logits, labels)
    assert t == pytest.approx(scale, rel=0.1)
    if scale != 1:
        assert calibration_error((logits / t).softmax(1), labels) < calibration_error(logits.softmax(1), labels)
    assert calibration_error(cross_fitted(logits, labels), labels) < 0.04


def test_images_that_are_all_right_do_not_make_it_sure_of_everything() -> None:
    logits = torch.eye(2).repeat(10, 1) * 3
    t = temperature(logits, torch.arange(20) % 2)
    # by hand: of two classes, the likelihood is greatest where p = 1 - 1 / (n + 2)
    assert float((logits / t).softmax(1).max()) == pytest.approx(21 / 22, abs=1e-4)


def test_logits_that_are_all_equal_have_no_temperature() -> None:
    assert temperature(torch.zeros(6, 3), torch.tensor([0, 1, 2, 0, 1, 1])) == 1


def test_the_error_is_of_probabilities_alone() -> None:
    with pytest.raises(UserError, match="sum to 1"):
        calibration_error(torch.tensor([[5.0, -3.0]] * 4), torch.zeros(4, dtype=torch.long))


@given(st.integers(0, 10_000), st.floats(0.05, 20))
def test_a_temperature_leaves_the_likeliest_class(seed: int, scale: float) -> None:
    logits, labels = drawn(30, scale, seed)
    t = temperature(logits, labels)
    assert RANGE[0] <= t <= RANGE[1] and torch.equal((logits / t).argmax(1), logits.argmax(1))
    assert 0 <= calibration_error((logits / t).softmax(1), labels) <= 1


@pytest.mark.parametrize(
    ("logits", "labels"),
    [
        (torch.zeros(0, 2), torch.zeros(0, dtype=torch.int64)),
        (torch.zeros(2, 1), torch.tensor([0, 0])),
        (torch.zeros(2, 2), torch.tensor([0])),
        (torch.zeros(2, 2), torch.tensor([0, 2])),
        (torch.zeros(2, 2), torch.tensor([0, -1])),
        (torch.full((2, 2), math.nan), torch.tensor([0, 1])),
    ],
)
def test_what_cannot_be_calibrated_is_refused(logits: torch.Tensor, labels: torch.Tensor) -> None:
    for measure in (temperature, calibration_error):
        with pytest.raises(UserError):
            measure(logits, labels)
