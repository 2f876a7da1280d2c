"""The shipped MNIST classifier and the command that makes it anew."""

import json
from hashlib import sha256
from types import SimpleNamespace

import pytest
import torch

from energan.metrics.features import mnist_classifier as module
from energan.metrics.features import train_mnist_classifier
from energan.metrics.features.catalog import describe
from energan.metrics.features.mnist_classifier import FACTS, WEIGHTS, MnistClassifier, mnist_classifier
from energan.metrics.features.train_mnist_classifier import accuracy, save
from energan.utils.errors import UserError


@pytest.fixture(scope="module")
def mnist():
    from energan.data import load

    try:
        return load("mnist", split="test")
    except UserError as error:
        pytest.skip(f"MNIST cannot be had here: {error}")


@pytest.fixture(scope="module")
def net():
    return mnist_classifier()


def test_shipped_weights_are_small_and_as_their_json_says():
    facts = json.loads(FACTS.read_text())
    data = WEIGHTS.read_bytes()
    assert len(data) < 1_500_000
    assert sha256(data).hexdigest() == facts["sha256"]
    assert facts["accuracy"] >= 0.992
    assert facts["command"] == "python -m energan.metrics.features.train_mnist_classifier --seed 0 --epochs 12"


def test_reaches_its_stated_accuracy(mnist, net):
    # two images of slack for other processors' rounding
    stated = json.loads(FACTS.read_text())["accuracy"]
    assert accuracy(net, mnist.images, mnist.labels) == pytest.approx(stated, abs=0.0002)


def test_is_frozen_and_judges_each_image_alone(net):
    images = torch.randint(0, 256, (5, 1, 28, 28), dtype=torch.uint8)
    assert not net.training
    assert not any(p.requires_grad for p in net.parameters())
    together = net(images)
    assert together.shape == (5, 10)
    assert net.features(images).shape == (5, 128)
    torch.testing.assert_close(net(images[2:3]), together[2:3], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(net.output(net.features(images)), together)


def test_padding_to_32_changes_nothing(net):
    images = torch.randint(0, 256, (3, 1, 28, 28), dtype=torch.uint8)
    padded = torch.nn.functional.pad(images, (2, 2, 2, 2))
    assert torch.equal(net(padded), net(images))


@pytest.mark.parametrize(
    "images",
    [
        torch.zeros(2, 1, 28, 28),  # not uint8
        torch.zeros(2, 3, 28, 28, dtype=torch.uint8),
        torch.zeros(2, 1, 30, 30, dtype=torch.uint8),
        torch.zeros(1, 28, 28, dtype=torch.uint8),
    ],
)
def test_other_images_are_refused(net, images):
    with pytest.raises(UserError, match="takes uint8 images"):
        net(images)


def test_jitter_keeps_the_digit_in_place():
    torch.manual_seed(0)
    images = torch.zeros(200, 1, 28, 28, dtype=torch.uint8)
    images[:, :, 12:16, 12:16] = 255
    jittered = train_mnist_classifier._jittered(images).double()
    mass = jittered.sum((1, 2, 3)) / images.double().sum((1, 2, 3))
    assert 0.7 < float(mass.min()) < float(mass.max()) < 1.35  # scale 0.9 to 1.1, squared
    places = torch.arange(28).double()
    column = (jittered.sum((1, 2)) * places).sum(1) / jittered.sum((1, 2, 3))
    shift = (column - 13.5).abs()
    assert 1.5 < float(shift.max()) < 2.5  # up to 2 pixels


def test_a_poor_classifier_is_not_written(tmp_path):
    with pytest.raises(UserError, match=r"99\.19%, below 99\.2%"):
        save(MnistClassifier(), tmp_path, correct=0.9919, seed=0, epochs=1)
    assert list(tmp_path.iterdir()) == []


def test_a_good_one_is_written_and_loaded(tmp_path, monkeypatch):
    made = MnistClassifier().eval()
    save(made, tmp_path, correct=0.994, seed=3, epochs=2)
    facts = json.loads((tmp_path / FACTS.name).read_text())
    assert facts["accuracy"] == 0.994
    assert facts["command"].endswith("--seed 3 --epochs 2")
    monkeypatch.setattr(module, "WEIGHTS", tmp_path / WEIGHTS.name)
    images = torch.randint(0, 256, (4, 1, 28, 28), dtype=torch.uint8)
    torch.testing.assert_close(mnist_classifier()(images), made(images), rtol=0.01, atol=0.01)  # float16


def test_damaged_or_missing_weights_are_said(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "WEIGHTS", tmp_path / "none.safetensors")
    with pytest.raises(UserError, match="is missing"):
        mnist_classifier()
    (tmp_path / "none.safetensors").write_bytes(WEIGHTS.read_bytes()[:5000])
    with pytest.raises(UserError, match="does not hold"):
        mnist_classifier()


def test_training_learns_and_is_a_function_of_the_seed(monkeypatch):
    # two "digits": a bright upper or lower half
    labels = torch.arange(256) % 2
    images = torch.zeros(256, 1, 28, 28, dtype=torch.uint8)
    images[labels == 0, :, :14] = 200
    images[labels == 1, :, 14:] = 200
    halves = SimpleNamespace(images=images, labels=labels)
    monkeypatch.setattr("energan.data.load", lambda name, split: halves)
    before = torch.random.get_rng_state()
    first, correct = train_mnist_classifier.train_mnist_classifier(seed=1, epochs=4, batch=32)
    assert torch.equal(torch.random.get_rng_state(), before)
    again, _ = train_mnist_classifier.train_mnist_classifier(seed=1, epochs=4, batch=32)
    assert correct == 1.0
    assert torch.equal(first.output.weight, again.output.weight)
    with pytest.raises(UserError, match="at least 1 epoch"):
        train_mnist_classifier.train_mnist_classifier(epochs=0)


def test_distances_see_the_features_of_the_trained_net() -> None:
    """Folding batch norms into convolutions changes nothing but rounding."""
    images = torch.randint(0, 256, (64, 1, 28, 28), dtype=torch.uint8)
    net, described = mnist_classifier(), describe(images, "mnist")
    torch.testing.assert_close(described.features, net.features(images), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(described.logits, net(images), rtol=1e-4, atol=1e-4)
