"""Thresholds by a rate of false alarms, against the definition and against fresh data."""

from fractions import Fraction
from math import ceil

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from energan.inference.calibration import calibration, percent, rate_of
from energan.utils.errors import UserError


def test_threshold_and_scores_by_hand() -> None:
    normal = calibration(torch.tensor([5.0, 1.0, 4.0, 2.0, 3.0, 6.0, 7.0, 8.0, 9.0]))
    assert normal.threshold("10%") == 9.0  # ceil(10 x 0.9) = 9th smallest
    assert normal.threshold(0.2) == 8.0 and normal.threshold("0.25") == 8.0 and normal.threshold(0.9) == 1.0
    assert normal.scores(torch.tensor([0.5, 1.0, 3.5, 99.0])).tolist() == [0.0, 0.0, 0.3, 0.9]
    assert normal.outliers(torch.tensor([9.0, 9.01]), "10%").tolist() == [False, True]


@given(
    st.lists(st.integers(0, 12), min_size=1, max_size=60),
    st.integers(-1, 13),
    st.integers(1, 99),
)
def test_an_outlier_is_what_has_a_p_value_of_the_rate_or_less(energies: list[int], x: int, hundredths: int) -> None:
    normal, rate, n = calibration(torch.tensor(energies).float()), Fraction(hundredths, 100), len(energies)
    if (n + 1) * rate < 1:
        with pytest.raises(UserError, match=f"needs at least {ceil(1 / rate) - 1} normal images"):
            normal.threshold(rate)
        return
    p = Fraction(1 + sum(e >= x for e in energies), n + 1)
    assert normal.threshold(rate) == sorted(energies)[ceil((n + 1) * (1 - rate)) - 1]
    value = torch.tensor([float(x)])
    assert bool(normal.outliers(value, rate)) == (p <= rate)
    assert float(normal.scores(value)) == pytest.approx(float(1 - p))


def test_false_alarms_of_fresh_images_are_at_most_the_rate_on_average() -> None:
    generator = torch.Generator().manual_seed(0)
    rates = []
    for _ in range(400):
        normal = calibration(torch.randn(199, generator=generator).exp())
        rates.append(normal.outliers(torch.randn(200, generator=generator).exp(), "5%").double().mean())
    mean = float(torch.stack(rates).mean())  # exactly 0.05 in expectation, of 400 x 200 with ties of choice
    assert 0.04 < mean < 0.06


@pytest.mark.parametrize(
    "text", ["0", "1", "-1%", "100%", "a lot", "", "nan", "inf", "1e999999999", "1e-999999999", "3/1", "1/0", "0/9"]
)
def test_what_is_no_rate_is_one_sentence(text: str) -> None:
    with pytest.raises(UserError, match="false_alarms must be above 0 and below 1"):
        rate_of(text)


@pytest.mark.parametrize("rate", [Fraction(0), Fraction(1), Fraction(3), Fraction(-1, 2)])
def test_a_fraction_that_is_no_rate_is_one_sentence(rate: Fraction) -> None:
    with pytest.raises(UserError, match="false_alarms must be above 0 and below 1"):
        calibration(torch.arange(9.0)).threshold(rate)


def test_an_energy_that_is_no_number_is_an_outlier() -> None:
    normal = calibration(torch.arange(9.0))
    odd = torch.tensor([float("nan"), float("inf"), 0.0, 8.0])
    assert normal.outliers(odd, 0.2).tolist() == [True, True, False, True]


def test_rates_are_as_written() -> None:
    assert rate_of("1%") == rate_of("0.01") == rate_of(0.01) == Fraction(1, 100) == rate_of(" 1 % ")
    assert percent(Fraction(1, 200)) == "0.5 %"


@given(st.integers(1, 10_000))
def test_what_is_advised_is_enough(n: int) -> None:
    normal = calibration(torch.arange(float(n)))
    with pytest.raises(UserError, match=r"or allow .* or more") as refused:
        normal.threshold(Fraction(1, n + 2))
    advised = refused.value.message.rpartition("allow ")[2].removesuffix(" or more")
    assert normal.threshold(advised) == n - 1


@pytest.mark.parametrize("energies", [torch.tensor([]), torch.tensor([1.0, float("nan")])])
def test_a_calibration_needs_energies(energies: torch.Tensor) -> None:
    with pytest.raises(UserError, match="finite energies"):
        calibration(energies)
