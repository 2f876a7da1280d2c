"""Feature networks by name, and `evaluate`, which puts the metrics together."""

import json
import subprocess
import sys

import pytest
import torch
from torch import Tensor

from energan.data import ImageSet
from energan.evaluation import samples_of
from energan.metrics import evaluate
from energan.metrics.features import catalog
from energan.metrics.features.catalog import NETWORKS, describe
from energan.networks.conv import mobilenet_v2 as mobilenet
from energan.networks.conv.mobilenet_v2 import MobileNetV2, mobilenet_v2, standardised
from energan.recipes.build import build
from energan.utils.errors import UserError

SAMPLED = ["FID", "KID", "precision", "recall", "density", "coverage"]


@pytest.fixture(scope="module")
def mnist():
    from energan.data import load

    try:
        return load("mnist", split="test")
    except UserError as error:
        pytest.skip(f"MNIST cannot be had here: {error}")


@pytest.fixture(scope="module")
def mobile():
    try:
        return mobilenet_v2()
    except UserError as error:
        pytest.skip(f"the MobileNetV2 weights cannot be had here: {error}")


@pytest.fixture
def untrained_mobilenet(monkeypatch):
    """MobileNetV2 as it is made, for what does not need its weights."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = MobileNetV2().eval()
    from energan.metrics.features import catalog

    catalog._mobilenetv2.cache_clear()
    monkeypatch.setattr(catalog, "mobilenet_v2", lambda: net)
    yield net
    catalog._mobilenetv2.cache_clear()


def noise(seed: int, n: int, *shape: int) -> Tensor:
    g = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, *shape), generator=g, dtype=torch.uint8)


def test_importing_the_metrics_leaves_torch_unloaded():
    code = "import sys, energan.metrics; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_real_digits_measure_well_and_noise_badly(mnist):
    real, held_out = mnist.images[:400], mnist.images[400:800]
    good = evaluate(held_out, real)
    bad = evaluate(noise(0, 400, 1, 28, 28), real)
    names = [f"MNIST-{name}" for name in (*SAMPLED, "IS", "I")]
    assert list(good) == [*names, "digits covered"]
    assert good["MNIST-IS"] > 9
    assert good["MNIST-I"] > 9
    assert good["digits covered"] == 10
    assert good["MNIST-precision"] > 0.7
    assert good["MNIST-recall"] > 0.7
    assert bad["MNIST-FID"] > 10 * good["MNIST-FID"]
    assert bad["MNIST-KID"] > 10 * abs(good["MNIST-KID"])
    assert bad["MNIST-precision"] < 0.1
    assert bad["MNIST-IS"] < 5
    assert json.loads(json.dumps(bad)) == bad  # plain floats


def test_the_share_of_a_dropped_mode_is_seen(mnist):
    kept = mnist.images[mnist.labels != 7][:400]
    result = evaluate(kept, mnist.images[-400:])
    assert result["digits covered"] == 9
    assert result["MNIST-IS"] < 9.3


def test_one_digit_alone_is_real_but_not_all_there_is(mnist):
    result = evaluate(mnist.images[mnist.labels == 1][:300], mnist.images[-1000:])
    assert result["MNIST-precision"] > 0.6
    assert result["MNIST-recall"] < 0.3


def test_padded_and_unpadded_digits_are_one(mnist):
    real, fake = mnist.images[:100], mnist.images[100:200]
    padded = torch.nn.functional.pad(fake, (2, 2, 2, 2))
    assert evaluate(padded, real) == pytest.approx(evaluate(fake, real))


def test_real_images_of_another_size_than_the_training_images_cost_no_number(mnist):
    padded = torch.nn.functional.pad(mnist.images[:64], (2, 2, 2, 2))
    found = evaluate(mnist.images[64:128], padded, train=mnist.images[:64])
    assert found["train distance"] >= 0 and "train distance of real" not in found


def test_copies_of_training_images_are_seen(mnist):
    train, real = mnist.images[:600], mnist.images[600:700]
    result = evaluate(train[:50], real, train=train)
    assert result["train distance"] == 0
    assert 2 < result["train distance of real"] < 15  # of sqrt(784) = 28 at most


def test_a_description_stands_for_its_images(mnist):
    real, fake = mnist.images[:100], mnist.images[100:200]
    assert evaluate(fake, describe(real)) == evaluate(fake, real)
    assert "train distance of real" not in evaluate(fake, describe(real), train=real)


def test_the_seed_draws_all_that_is_random(mnist, monkeypatch):
    given = []
    monkeypatch.setattr("energan.metrics.COMPARED", 5)
    monkeypatch.setattr(
        "energan.metrics.feature_distances.kernel_distance",
        lambda real, fake, *, seed: given.append(seed) or (0.0, 0.0),
    )
    train, fake = mnist.images[:300], mnist.images[300:340]
    one, again, other = (evaluate(fake, describe(fake), train=train, seed=seed) for seed in (1, 1, 2))
    assert one == again
    assert one["train distance"] != other["train distance"]
    assert given == [1, 1, 2]


def test_colour_images_are_named_after_their_network(untrained_mobilenet):
    result = evaluate(noise(0, 32, 3, 20, 24), noise(1, 33, 1, 16, 16), "mobilenetv2")
    assert list(result) == [f"{name}-MobileNetV2" for name in SAMPLED]
    assert result["FID-MobileNetV2"] >= 0


def test_bad_input_is_one_sentence():
    digits = noise(0, 40, 1, 28, 28)
    with pytest.raises(UserError, match="'inception': choose one of mnist, mobilenetv2"):
        evaluate(digits, digits, "inception")
    with pytest.raises(UserError, match="at least 32 generated images, not 31"):
        evaluate(digits[:31], digits)
    with pytest.raises(UserError, match="at least 32 real images, not 31"):
        evaluate(digits, digits[:31])
    with pytest.raises(UserError, match="takes uint8 images"):
        evaluate(digits.float(), digits)
    with pytest.raises(UserError, match="takes uint8 images"):
        evaluate(digits, noise(0, 40, 3, 28, 28))
    with pytest.raises(UserError, match="must be alike"):
        evaluate(digits, digits, train=noise(0, 40, 1, 32, 32))
    with pytest.raises(UserError, match="no images"):
        describe(digits[:0])
    assert set(NETWORKS) == {"mnist", "mobilenetv2"}


def test_of_four_channels_what_is_seen_is_described(monkeypatch):
    pixels = catalog.Network("{}", 2, 10, lambda device: lambda x: catalog.Description(x.flatten(1).float(), None))
    monkeypatch.setitem(NETWORKS, "pixels", pixels)
    images = noise(0, 5, 4, 3, 3)
    assert torch.equal(describe(images, "pixels").features, images[:, :3].flatten(1).float())


def test_mobilenet_takes_uint8_of_one_or_three_channels():
    for bad in (torch.zeros(1, 3, 8, 8), noise(0, 1, 2, 8, 8), noise(0, 1, 8, 8)):
        with pytest.raises(UserError, match="MobileNetV2 takes uint8"):
            standardised(bad)


def test_mobilenets_input_is_resized_and_standardised():
    grey = torch.full((1, 1, 500, 30), 51, dtype=torch.uint8)
    expected = (0.2 - torch.tensor(mobilenet.MEAN)) / torch.tensor(mobilenet.STD)
    result = standardised(grey)
    assert result.shape == (1, 3, 224, 224)
    torch.testing.assert_close(result, expected.view(1, 3, 1, 1).expand_as(result))
    # antialiased: of stripes four times too fine, each fourth white, every pixel sees its quarter
    stripes = ((torch.arange(896) % 4 == 0) * 255).to(torch.uint8).expand(1, 3, 896, 896)
    inner = standardised(stripes)[0, :, 8:-8, 8:-8]
    quarter = (0.25 - torch.tensor(mobilenet.MEAN)) / torch.tensor(mobilenet.STD)
    torch.testing.assert_close(inner.mean((1, 2)), quarter, atol=0.02, rtol=0)
    assert float(inner.std((1, 2)).max()) < 0.02


def test_mobilenet_has_the_published_shape():
    net = MobileNetV2()
    assert sum(p.numel() for p in net.parameters()) == 3_504_872
    assert sum(isinstance(module, torch.nn.Conv2d) for module in net.modules()) == 52
    assert net.features[18][0].weight.shape == (1280, 320, 1, 1)
    stem = net.eval().features[0]
    assert float(stem(1e4 * torch.randn(1, 3, 8, 8)).detach().max()) == 6  # ReLU6


def test_mobilenet_sees_what_is_in_a_photograph(mobile):
    # a Chinese temple: the weights alone would load into wrong strides or activations too
    from sklearn.datasets import load_sample_images

    photo = torch.from_numpy(load_sample_images().images[0].copy()).permute(2, 0, 1)[None]
    features = mobile(photo)
    likeliest = mobile.classifier(features)[0].topk(2).indices.tolist()
    assert sorted(likeliest) == [663, 698]  # ImageNet's "monastery" and "palace"
    assert features.shape == (1, 1280)
    assert 0 <= float(features.min()) < float(features.max()) <= 6
    assert not any(p.requires_grad for p in mobile.parameters())


def test_mobilenet_judges_each_image_alone(mobile):
    images = noise(0, 4, 3, 16, 16)
    torch.testing.assert_close(mobile(images)[3:], mobile(images[3:]), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("recipe", "there", "taken"), [
    ("gan-mnist", 200, 1000), ("gan-mnist", 1437, 1437), ("gan-mnist", 60_000, 10_000), ("dcgan-64", 60_000, 2_000),
])  # fmt: skip
def test_a_run_is_measured_by_as_many_samples_as_it_has_images(recipe, there, taken, monkeypatch):
    for name, most in (("mnist", 10_000), ("mobilenetv2", 2_000)):
        monkeypatch.setitem(NETWORKS, name, NETWORKS[name]._replace(samples=most))
    run = build(recipe, data="emoji-noto" if recipe == "dcgan-64" else "digits")
    assert (
        samples_of(run, ImageSet(torch.zeros(there, 1, 1, 1, dtype=torch.uint8), None, "mine", (), "", "", ())) == taken
    )
