"""Batches are a pure function of (seed, k), and the scaling to [-1, 1] loses nothing."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from energan.data import Batches, to_bytes, to_unit
from energan.data.batches.images import Coded
from energan.utils.errors import UserError


def numbered(n: int) -> torch.Tensor:
    """Images that tell their number."""
    return torch.arange(n, dtype=torch.uint8)[:, None, None, None].expand(n, 3, 4, 5).contiguous()


def drawn(batches: Batches, k: int) -> list[int]:
    return to_bytes(batches(k)["x"])[:, 0, 0, 0].tolist()


@given(n=st.integers(1, 40), batch=st.integers(1, 40), seed=st.integers(0, 2**32), data=st.data())
def test_random_access_gives_what_sequential_drawing_gives(n, batch, seed, data):
    batch = min(n, batch)
    k = data.draw(st.integers(0, 30))
    one, other = Batches(numbered(n), None, batch, seed), Batches(numbered(n), None, batch, seed)
    sequence = [drawn(one, i) for i in range(k + 1)]
    assert drawn(other, k) == sequence[k]
    assert other.epoch(k) == k // (n // batch)


def test_an_epoch_draws_each_image_once_and_the_next_in_another_order():
    batches = Batches(numbered(23), None, 5, seed=0)
    epochs = [[i for k in range(4 * e, 4 * e + 4) for i in drawn(batches, k)] for e in range(3)]
    assert all(len(set(epoch)) == 20 for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]
    assert [batches.epoch(k) for k in (0, 3, 4, 8)] == [0, 0, 1, 2]


def test_seeds_and_epochs_do_not_share_orders():
    first = {tuple(drawn(Batches(numbered(40), None, 40, seed), k)) for seed in range(5) for k in range(5)}
    assert len(first) == 25


def test_every_image_comes_as_often():
    counts = torch.zeros(10)
    batches = Batches(numbered(10), None, 3, seed=1)
    for k in range(1500):
        counts[drawn(batches, k)] += 1
    assert counts.min() > 400  # 450 expected, 7 standard deviations
    assert counts.max() < 500


def test_labels_stay_with_their_images():
    labels = torch.arange(20) * 7
    labels[4] = -1  # an image without one
    found = [Batches(numbered(20), labels, 5, seed=3)(k) for k in range(4)]
    x, y = (torch.cat([batch[key] for batch in found]) for key in "xy")
    assert y.dtype == torch.float32 and y.shape == (20, 134)
    number = to_bytes(x)[:, 0, 0, 0].long()
    assert torch.equal(y.sum(1), (number != 4).float())
    assert torch.equal(y.argmax(1)[number != 4], 7 * number[number != 4])


def test_classes_may_be_more_than_the_labels_say():
    y = Batches(numbered(6), torch.zeros(6, dtype=torch.int64), 3, seed=0, classes=4)(0)["y"]
    assert torch.equal(y, torch.tensor([[1.0, 0, 0, 0]]).expand(3, 4))


def test_rows_are_the_images_of_a_batch():
    batches = Batches(numbered(23), None, 5, seed=2)
    for k in (0, 3, 4, 11, 1):
        assert batches.rows(k).tolist() == drawn(batches, k)
    with pytest.raises(IndexError, match="from 0, not -1"):
        batches.rows(-1)


def test_codes_stay_with_their_images_and_are_asked_for_once():
    asked: list[int] = []

    def codes() -> torch.Tensor:
        asked.append(1)
        return torch.arange(20.0)[:, None] * torch.tensor([1.0, 10.0])

    coded = Coded(Batches(numbered(20), torch.arange(20) % 3, 5, seed=3), "h", codes)
    assert not asked  # nothing is worked out before a batch is drawn
    for k in (0, 5, 2):
        batch = coded(k)
        number = to_bytes(batch["x"])[:, 0, 0, 0].float()
        assert list(batch) == ["x", "y", "h"] and torch.equal(batch["h"], torch.stack([number, 10 * number], 1))
        assert torch.equal(batch["y"].argmax(1), number.long() % 3)
    assert len(asked) == 1


@pytest.mark.parametrize("channels", [1, 3])
def test_batches_are_float_in_channels_last_memory(channels):
    x = Batches(numbered(8)[:, :channels].contiguous(), None, 4, seed=0)(0)["x"]
    assert x.dtype == torch.float32
    assert x.stride() == (20 * channels, 1, 5 * channels, channels)


@pytest.mark.parametrize("batch", [0, 9])
def test_a_batch_that_cannot_be_filled(batch):
    with pytest.raises(UserError, match="batch"):
        Batches(numbered(8), None, batch, seed=0)


def test_scaling_is_exact_and_clamps():
    every = torch.arange(256, dtype=torch.uint8)
    unit = to_unit(every)
    assert (unit.min(), unit.max()) == (-1.0, 1.0)
    assert torch.allclose(unit.double(), every.double() / 127.5 - 1, atol=1e-7)
    assert torch.equal(to_bytes(unit), every)
    assert to_bytes(torch.tensor([-3.0, 3.0])).tolist() == [0, 255]
    assert to_bytes(torch.tensor([-1 + 1.1 / 255, 0.9999])).tolist() == [1, 255]


def test_scaling_leaves_its_input_alone():
    floats = torch.zeros(3)
    to_bytes(floats)
    assert floats.tolist() == [0, 0, 0]
