"""Two sets of features compared: the bias of FID, equal numbers, and networks beyond the catalogue."""

import hashlib
import importlib
import linecache
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from energan.data import ImageSet, load
from energan.metrics.comparison import compared, extrapolated, scores, sets
from energan.metrics.feature_distances import frechet_distance
from energan.metrics.features import own
from energan.metrics.features.catalog import NETWORKS, Description, describe
from energan.metrics.features.kept import kept
from energan.metrics.features.own import chosen
from energan.utils.errors import UserError
from energan.utils.files import write_weights


def rows(n: int, d: int, seed: int) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def bytes_(n: int, c: int = 3, side: int = 8) -> Tensor:
    return torch.randint(0, 256, (n, c, side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_the_fid_of_rows_on_a_line() -> None:
    """Of one feature: the squares of the differences of the means and of the deviations."""
    a, b = torch.tensor([[0.0], [2.0]]), torch.tensor([[3.0], [3.0], [9.0]])  # deviations 2^(1/2), 12^(1/2)
    assert frechet_distance(a, b) == pytest.approx((1 - 5) ** 2 + (2**0.5 - 12**0.5) ** 2)


@pytest.mark.parametrize(("n", "m"), [(5, 7), (5, 60), (60, 5), (60, 70)])
def test_the_fid_of_few_and_of_many_rows_is_that_of_the_covariances(n: int, m: int) -> None:
    from scipy.linalg import sqrtm

    a, b = rows(n, 12, 0).double(), 2 * rows(m, 12, 1).double() + 1
    of_a, of_b = torch.cov(a.T), torch.cov(b.T)
    root = sqrtm((of_a @ of_b).numpy() + 0j).real
    expected = (a.mean(0) - b.mean(0)).square().sum() + (of_a + of_b).trace() - 2 * root.trace()
    assert frechet_distance(a, b) == pytest.approx(float(expected), rel=1e-4)


def test_the_line_through_sub_samples_leads_to_the_distance_of_the_distributions() -> None:
    a, b = rows(4000, 16, 0), rows(4000, 16, 1) + 0.5  # 16 / 4 = 4
    limit, bias = extrapolated(a, b)
    assert limit == pytest.approx(4.0, abs=0.15) and 0 < bias < 0.1
    assert limit + bias == pytest.approx(frechet_distance(a, b), abs=0.1)


def test_fewer_images_have_more_bias() -> None:
    whole = rows(2000, 16, 0)
    assert extrapolated(whole[:100], whole[100:200])[1] > 3 * abs(extrapolated(whole[:1000], whole[1000:])[1])


def test_equal_numbers_and_a_floor() -> None:
    real, fake = rows(300, 4, 0), rows(90, 4, 1) + 2
    found = compared(real, fake)
    assert found["equal"]["n"] == 90 and found["scores"] == scores(real, fake)
    assert found["equal"]["real"]["FID"] < 0.5 < found["equal"]["fake"]["FID"]
    assert compared(real, fake) == found
    assert compared(real[:100], fake)["equal"]["n"] == 50


class Thumbnail(nn.Module):
    """Features: the image, 2 x 2."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        return self.gain * nn.functional.adaptive_avg_pool2d(x, 2).flatten(1)


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> str:
    made = types.ModuleType("someones_net")
    made.Thumbnail, made.Scalar, made.Text = Thumbnail, nn.Flatten, str  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "someones_net", made)
    return "someones_net"


def test_a_network_of_ones_own(module: str) -> None:
    images = bytes_(3, side=2)
    found = describe(images, chosen(f"{module}:Thumbnail").network)
    assert torch.allclose(found.features, images.flatten(1) / 127.5 - 1, atol=1e-6) and found.logits is None
    grey = describe(images[:, :1], chosen(f"{module}:Thumbnail").network).features
    assert torch.equal(grey[:, :4], grey[:, 4:8])
    assert chosen(f"{module}:Thumbnail").network.label == "{}-Thumbnail"


def test_its_weights_and_its_identity(module: str, tmp_path: Path) -> None:
    write_weights(tmp_path / "net.safetensors", {"gain": torch.full((1,), 2.0)}, {})
    plain, doubled = chosen(f"{module}:Thumbnail"), chosen(f"{module}:Thumbnail", str(tmp_path / "net.safetensors"))
    assert plain.identity == chosen(f"{module}:Thumbnail").identity != doubled.identity
    images = bytes_(2)
    assert torch.equal(2 * describe(images, plain.network).features, describe(images, doubled.network).features)


def test_other_weights_of_a_named_network_have_another_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    before = chosen("mnist").identity
    assert before == chosen("mnist").identity != chosen("mobilenetv2").identity
    other = NETWORKS["mnist"]._replace(weights=lambda: "others")
    monkeypatch.setitem(NETWORKS, "mnist", other)
    assert chosen("mnist").identity != before


def test_a_function_beside_the_network_is_a_part_of_its_identity(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (
        "from torch import nn\nGAIN = {}\n\n"
        "class Net(nn.Module):\n    def forward(self, x):\n        return GAIN * x.flatten(1)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    found = []
    for gain in (1.0, 100.0):
        (tmp_path / "with_a_gain.py").write_text(text.format(gain))
        linecache.clearcache()
        sys.modules.pop("with_a_gain", None)
        importlib.invalidate_caches()
        found.append(chosen("with_a_gain:Net").identity)
    sys.modules.pop("with_a_gain", None)
    assert found[0] != found[1]


def test_digits_of_both_sizes_are_compared_as_the_network_sees_them(tmp_path: Path) -> None:
    digits = load("mnist", "test").images[:64]
    for side, images in ((28, digits), (32, torch.nn.functional.pad(digits, (2, 2, 2, 2)))):
        np.savez(tmp_path / f"{side}.npz", images=images.numpy())
    asked = sets.Asked(network="mnist", device="cpu")
    found = sets.compared_images(str(tmp_path / "28.npz"), str(tmp_path / "32.npz"), asked)
    assert {tuple(data.images.shape[1:]) for data in found.sides} == {(1, 28, 28)}
    assert torch.equal(*found.features) and "28 x 28: of those of 32 x 32 the border" in str(found.result["size"])


def test_networks_that_cannot_be_used(module: str) -> None:
    for name, told in (
        ("vgg", "unknown feature network 'vgg'"), (f"{module}:Nothing", "cannot be used"),
        (f"{module}:Text", "no class of torch.nn.Module"), ("nowhere_at_all:Net", "cannot be used"),
    ):  # fmt: skip
        with pytest.raises(UserError, match=told):
            chosen(name)
    with pytest.raises(UserError, match="weights are of a network of your own"):
        chosen("mnist", "a.safetensors")
    with pytest.raises(UserError, match="unknown feature network"):  # what run.json names never imports
        describe(bytes_(2), f"{module}:Thumbnail")


def test_features_are_kept_by_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    monkeypatch.setenv("ENERGAN_CACHE", str(tmp_path))
    images, network = bytes_(4), chosen(f"{module}:Thumbnail")
    first, there = kept(images, network)
    again, found = kept(images.clone(), network)
    assert (there, found) == (False, True) and torch.equal(first.features, again.features)
    images[0, 0, 0, 0] ^= 1
    assert not kept(images, network)[1]
    for path in (tmp_path / "features").iterdir():
        path.write_bytes(b"damaged")
    assert torch.equal(kept(images, network)[0].features, describe(images, network.network).features)


def test_inception_without_the_extra_and_without_its_weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "torch_fidelity.feature_extractor_inceptionv3", None)
    with pytest.raises(UserError, match=r"pip install 'energan\[inception\]'"):
        describe(bytes_(2), chosen("inception").network)

    class Extractor(nn.Module):
        def __init__(self, name: str, features: list[str]) -> None:
            super().__init__()
            assert (name, features) == ("inception-v3-compat", ["2048"])

        def forward(self, x: Tensor) -> tuple[Tensor]:
            assert x.dtype == torch.uint8 and x.shape[1] == 3
            return (x.float().mean((2, 3)),)

    fake = types.ModuleType("torch_fidelity.feature_extractor_inceptionv3")
    fake.URL_INCEPTION_V3, fake.FeatureExtractorInceptionV3 = "file:///nowhere", Extractor  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch_fidelity", types.ModuleType("torch_fidelity"))
    monkeypatch.setitem(sys.modules, fake.__name__, fake)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(UserError, match="weights cannot be had"):
        describe(bytes_(2), chosen("inception").network)
    (tmp_path / "checkpoints").mkdir(exist_ok=True)
    (tmp_path / "checkpoints" / own.INCEPTION_FILE).write_bytes(b"others")
    with pytest.raises(UserError, match="not the file of Inception's weights"):
        describe(bytes_(2), chosen("inception").network)
    name = f"weights-{hashlib.sha256(b'others').hexdigest()[:8]}.pth"
    (tmp_path / "checkpoints" / name).write_bytes(b"others")
    monkeypatch.setattr(own, "INCEPTION_FILE", name)
    found: Description = describe(bytes_(2, c=1), chosen("inception").network)
    assert found.features.shape == (2, 3)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("another part", False),
        ("one kind", True),  # all of FAKE beside one image of REAL
        ("stray images", True),  # FAKE is noise, and so are a few images of REAL
        ("noise that is far", False),  # its precision is 0, which flatters nobody
    ],
)
def test_a_high_precision_that_flatters_is_said(name: str, said: bool) -> None:
    real, noise = rows(400, 2, 0), rows(400, 2, 1) * 0.1 + 50
    fake = {
        "another part": rows(400, 2, 2), "one kind": real[:1] + rows(400, 2, 3) * 1e-4,
        "stray images": noise, "noise that is far": noise,
    }[name]  # fmt: skip
    if name == "stray images":
        real = torch.cat([real[:380], rows(20, 2, 4) * 0.1 + 50])
    found = sets._flattered(compared(real, fake))
    assert bool(found) == said
    if said:
        assert "does not say that FAKE is like REAL" in found[0] and "coverage" in found[0]


@pytest.mark.parametrize(("precision", "said"), [(0.45, True), (0.40, False)])
def test_a_precision_is_high_that_real_images_have_themselves(precision: float, said: bool) -> None:
    floor = {"precision": 0.5, "recall": 0.5, "coverage": 0.6}  # such as many kinds of coloured pictures have
    judged = {"precision": precision, "recall": 0.5, "coverage": 0.2}
    found = sets._flattered({"equal": {"fake": judged, "real": floor, "n": 300}})
    assert bool(found) == said
    if said:
        assert found[0].startswith("precision 0.45 (another part of REAL: 0.5) at 300 images does not say")


def test_copies_are_said() -> None:
    images = bytes_(40)
    different = ImageSet(images, None, "a", (), "", "", ())
    copies = different._replace(images=images[:3].repeat(14, 1, 1, 1))
    assert sets._repeated([different, different]) == []
    (sentence,) = sets._repeated([different, copies])
    assert sentence.startswith("of FAKE's 42 images only 3 differ")
