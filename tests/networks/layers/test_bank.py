"""The bank of training conditions: what it draws, what it keeps, and what it refuses."""

import pytest
import torch

from energan.networks.layers.bank import Bank
from energan.utils.errors import UserError


def test_every_row_is_drawn_as_often_as_any_other():
    bank = Bank(width=1, rows=50)
    bank.fill(torch.arange(8.0)[:, None])
    drawn = bank(torch.arange(800) / 800)
    assert drawn.flatten().long().bincount().tolist() == [100] * 8


def test_of_more_rows_than_fit_it_keeps_some_from_end_to_end():
    bank = Bank(width=1, rows=5)
    bank.fill(torch.arange(101.0)[:, None])
    assert bank.codes.flatten().tolist() == [0, 25, 50, 75, 100] and bank.count == 5
    bank.fill(torch.tensor([[7.0]]))  # nothing is left of the rows before
    assert set(bank(torch.rand(20)).flatten().tolist()) == {7.0} and bank.codes.sum() == 7


def test_with_noise_it_draws_from_the_density_estimate_of_its_rows():
    bank = Bank(width=2, rows=4)
    bank.fill(torch.tensor([[0.0, 10.0], [4.0, 10.0]]), bandwidth=0.5)
    generator = torch.Generator().manual_seed(0)
    u, e = torch.rand(20_000, generator=generator), torch.randn(20_000, 2, generator=generator)
    drawn = bank(u, e)
    torch.testing.assert_close(drawn, bank(u) + 0.5 * e)
    torch.testing.assert_close(drawn.mean(0), torch.tensor([2.0, 10.0]), rtol=0, atol=0.1)
    torch.testing.assert_close(drawn.var(0), torch.tensor([4.25, 0.25]), rtol=0.1, atol=0)
    assert not (drawn[:, None] == bank.codes).all(2).any()  # none is copied


def test_its_rows_are_in_the_checkpoint_and_learn_nothing():
    bank, other = Bank(width=1, rows=3), Bank(width=1, rows=3)
    bank.fill(torch.tensor([[1.0], [2.0]]), bandwidth=0.1)
    other.load_state_dict(bank.state_dict())
    u, e = torch.rand(9), torch.randn(9, 1)
    torch.testing.assert_close(other(u, e), bank(u, e))
    assert not list(bank.parameters())


@pytest.mark.parametrize(
    ("codes", "bandwidth", "message"),
    [
        (torch.zeros(0, 2), 0.0, "0 x 2"),
        (torch.zeros(3, 4), 0.0, "3 x 4"),
        (torch.zeros(3), 0.0, "cannot be filled with 3"),
        (torch.full((1, 2), torch.nan), 0.0, "finite"),
        (torch.zeros(1, 2), -0.1, "-0.1"),
        (torch.zeros(1, 2), float("nan"), "nan"),
    ],
)
def test_what_it_cannot_keep_is_refused(codes: torch.Tensor, bandwidth: float, message: str):
    with pytest.raises(UserError, match=message):
        Bank(width=2, rows=5).fill(codes, bandwidth)
