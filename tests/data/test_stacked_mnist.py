"""Stacked MNIST: triples of real digits, the same for everyone."""

import hashlib

import numpy as np
import pytest
import torch

from energan.data import NAMED, Batches, download, image_set, load
from energan.data.named import catalog, readers
from energan.data.named.digits import stacked_mnist
from energan.data.named.digits.stacked_mnist import stack
from energan.data.named.published import Hashes
from energan.utils.errors import UserError


@pytest.fixture
def few(monkeypatch, tmp_path):
    """A stacked MNIST of 40 triples, of the published digits, in a cache of its own."""
    images, labels = stack(load("mnist", "test"), 40, seed=1)
    content = (images.tobytes(), labels.astype("<u2").tobytes())
    hashes = tuple(hashlib.sha256(part).hexdigest() for part in content)
    row = NAMED["stacked-mnist"]._replace(sha256={"test": Hashes(*hashes)})
    monkeypatch.setitem(NAMED, "stacked-mnist", row)
    monkeypatch.setitem(stacked_mnist.TRIPLES, "test", 40)
    mnist = load("mnist", "test")
    monkeypatch.setenv("ENERGAN_CACHE", str(tmp_path))
    monkeypatch.setattr(catalog, "load_named", lambda name, split: mnist)
    return tmp_path


def test_the_test_set_is_the_one_of_its_hash_and_its_channels_are_digits():
    data, digits = load("stacked-mnist", "test"), load("mnist", "test")
    assert data.images.shape == (26000, 3, 28, 28)
    assert data.images.dtype == torch.uint8 and data.labels.dtype == torch.int64
    chosen = torch.from_numpy(np.random.RandomState(1).randint(10000, size=(26000, 3)))
    for channel in range(3):
        assert torch.equal(data.images[:500, channel], digits.images[chosen[:500, channel], 0])
    places = torch.tensor([100, 10, 1])
    assert torch.equal(data.labels, (digits.labels[chosen] * places).sum(1))
    assert data.classes[7] == "007" and len(data.classes) == 1000
    counts = data.labels.bincount(minlength=1000)
    assert len(counts) == 1000 and int(counts.min()) > 0  # 26 of each on average


def test_both_splits_have_a_row():
    assert (
        set(NAMED["stacked-mnist"].sha256)
        == set(stacked_mnist.TRIPLES)
        == set(stacked_mnist.SEEDS)
        == {"train", "test"}
    )
    assert stacked_mnist.TRIPLES["train"] == 128_000  # its 301 MB are read by no test
    with pytest.raises(UserError, match="train, test"):
        load("stacked-mnist", "validation")


def test_a_triple_is_its_three_digits():
    digits = load("digits", "test")
    images, labels = stack(digits, 30, seed=3)
    assert images.shape == (30, 3, 8, 8) and images.dtype == np.uint8
    for triple, label in zip(images, labels, strict=True):
        found = 0
        for channel in triple:
            same = (digits.images[:, 0].numpy() == channel).all((1, 2))
            found = 10 * found + int(digits.labels[int(same.argmax())])
            assert same.any()
        assert found == label
    assert np.array_equal(stack(digits, 30, seed=3)[0], images)
    assert not np.array_equal(stack(digits, 30, seed=4)[0], images)


def test_it_is_read_back_from_the_cache(few):
    made = stacked_load()
    assert "triples of mnist" in made.source
    again = stacked_load()
    assert "cache" in again.source
    assert torch.equal(again.images, made.images) and torch.equal(again.labels, made.labels)
    assert int(made.labels.max()) > 255  # a label needs two bytes
    kept = few / "named" / "stacked-mnist-test.bin"
    assert kept.stat().st_size == 40 * (3 * 28 * 28 + 2)
    kept.write_bytes(kept.read_bytes()[:-1])
    assert torch.equal(stacked_load().images, made.images)


def stacked_load(**how: int) -> image_set.ImageSet:
    """As `load` does, whose `load_named` the fixture does not replace."""
    from energan import data

    return data.load("stacked-mnist", "test", progress=False, **how)


def test_size_channels_and_batches(few):
    data = stacked_load(size=32, channels=3)
    assert data.images.shape == (40, 3, 32, 32)
    drawn = Batches(data.images, data.labels, batch=8, seed=0, classes=1000)(2)
    assert drawn["x"].shape == (8, 3, 32, 32) and drawn["y"].shape == (8, 1000)
    assert -1 <= float(drawn["x"].min()) < float(drawn["x"].max()) <= 1


def test_without_mnist_it_says_so(monkeypatch, tmp_path):
    def unreachable(*_: object) -> bytes:
        raise UserError("no network")

    monkeypatch.setenv("ENERGAN_CACHE", str(tmp_path))
    monkeypatch.delenv("ENERGAN_DATA", raising=False)
    monkeypatch.setattr(download, "client", unreachable)
    monkeypatch.setattr(readers, "fetch_hub_file", unreachable)
    with pytest.raises(UserError, match=r"stacked-mnist \(test\) could not be had.*mnist \(test\) could not be had"):
        load("stacked-mnist", "test")


def test_what_cannot_be_stacked_is_refused():
    digits = load("digits", "test")
    for bad in (digits._replace(labels=None), digits._replace(images=digits.images.repeat(1, 3, 1, 1))):
        with pytest.raises(UserError, match="cannot be stacked"):
            stack(bad, 5, 0)
