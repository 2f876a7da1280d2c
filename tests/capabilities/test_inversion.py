"""What is measured of a system that draws by chains, against values worked out by hand."""

import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from PIL import Image
from small_runs import trained
from torch import Tensor

import energan
from energan import evaluation, metrics
from energan.capabilities import Measurement
from energan.capabilities.inversion import measure as inversion
from energan.capabilities.inversion.measure import (
    accuracies,
    chains,
    classes_of,
    diversity,
    mean_square,
    measure,
    mixing,
    reconstruction,
)
from energan.data import ImageSet
from energan.inference.guided import final_images, reconstruct, sample_guided
from energan.inference.model import Model
from energan.metrics.features.catalog import describe
from energan.samplers.chains import Trace

STEPS = 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("energan.capabilities.reference.usable_network", lambda run, real, least=0: "")
        changes = {"steps": 2, "chain_steps": STEPS}
        return trained(tmp_path_factory.mktemp("runs") / "run", "latent-discriminators-mnist", **changes)


@pytest.fixture(scope="module")
def model(folder: Path) -> Model:
    return energan.load(folder)


def grey(*bytes_: int) -> Tensor:
    """One image of 2 x 2 equal pixels each."""
    return torch.tensor(bytes_, dtype=torch.uint8)[:, None, None, None].expand(-1, 1, 2, 2).contiguous()


def noise(n: int, classes: int = 10) -> ImageSet:
    images = torch.randint(0, 256, (n, 1, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(n))
    return ImageSet(images, torch.arange(n) % classes, "noise", tuple(map(str, range(classes))), "", "", ())


def test_mean_square_is_per_pixel_of_pixels_in_0_to_1() -> None:
    assert mean_square(grey(0, 255), grey(255, 255)) == 0.5
    assert mean_square(grey(10), grey(61)) == pytest.approx(0.04)  # 51 / 255 = .2
    assert mean_square(grey(3, 200), grey(3, 200)) == 0


def test_diversity_is_the_mean_distance_of_two_images_of_a_class() -> None:
    """2 x 2 pixels that differ by d are 2 d apart. Classes count alike, whatever their number of images."""
    images, classes = grey(0, 51, 255, 7, 0, 102), torch.tensor([4, 4, 4, 9, 2, 2])
    of_4, of_2 = 2 * (0.2 + 0.8 + 1.0) / 3, 2 * 0.4  # 9 has no two
    assert diversity(images, classes) == pytest.approx((of_4 + of_2) / 2)
    assert diversity(grey(9, 9, 9, 80, 80), torch.tensor([0, 0, 0, 1, 1])) == 0


def test_mixing_is_of_the_second_half_of_each_chain() -> None:
    """2 x 2 pixels in [-1, 1] that differ by d are d apart in [0, 1]."""
    frames = torch.tensor([[-1.0, 1.0], [0.5, 1.0], [-1.0, 1.0], [1.0, 1.0]])[..., None, None, None].expand(
        4, 2, 1, 2, 2
    )
    trace = Trace(torch.tensor([0, 3, 4, 8]), torch.zeros(4, 2, 3), frames)
    assert mixing(trace) == pytest.approx((2 + 0) / 2)  # the first chain goes from black to white, the other stands
    alone = Trace(torch.tensor([8]), torch.zeros(1, 2, 3), frames[:1])
    assert math.isnan(mixing(alone))


def test_reconstructions_are_compared_with_their_images(model: Model) -> None:
    data = noise(40)
    made, values = reconstruction(model, data.images, None, "")
    assert torch.equal(made, reconstruct(model, data.images))
    expected = ((made.double() - data.images.double()) / 255).square().mean().item()
    assert values == {"reconstruction MSE": pytest.approx(expected, rel=1e-5)}
    real = describe(data.images, "mnist")
    _, values = reconstruction(model, data.images, real, "mnist")
    found = metrics.evaluate(made, real, "mnist")
    assert set(values) == {"reconstruction MSE", "reconstruction MNIST-FID", "reconstruction MNIST-KID"}
    assert values["reconstruction MNIST-FID"] == pytest.approx(found["MNIST-FID"], rel=1e-6)


def test_chains_towards_each_class(model: Model) -> None:
    asked, trace = chains(model, torch.arange(3), 2, seed=4, precision="fp32", show=False, frames=3)
    assert asked.tolist() == [0, 0, 1, 1, 2, 2] and trace.steps.tolist() == [0, 2, 4]
    torch.testing.assert_close(trace.codes[-1], sample_guided(model, asked, seed=4).codes[-1])
    assert chains(model, torch.arange(2), 1, seed=4, precision="fp32", show=False)[1].steps.tolist() == [
        0,
        1,
        2,
        3,
        4,
    ]  # all of few


def test_what_chains_ended_at_in_bytes() -> None:
    images = torch.stack([torch.zeros(2, 1, 1, 1), torch.tensor([-3.0, 0.2]).view(2, 1, 1, 1)])
    trace = Trace(torch.tensor([0, 5]), torch.zeros(2, 2, 3), images)
    assert final_images(trace).flatten().tolist() == [0, 153]


def test_accuracies_are_of_two_classifiers(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    data = noise(8)
    own = classes_of(model, data.images)
    assert torch.equal(own, model.nets["E"].module(data.images.float() / 127.5 - 1).argmax(1))
    asked = own.clone()
    asked[:3] = (asked[:3] + 1) % 10
    monkeypatch.setattr(
        inversion, "mnist_classifier", lambda: lambda x: torch.eye(10)[(asked + torch.arange(8) // 6) % 10]
    )
    assert accuracies(model, data.images, asked, "mnist") == {
        "conditional accuracy, own": 5 / 8,
        "conditional accuracy": 6 / 8,
    }
    assert accuracies(model, data.images, asked, "") == {"conditional accuracy, own": 5 / 8}


def measured(
    model: Model, test: ImageSet, folder: Path, network: str, seed: int = 0
) -> tuple[torch.Tensor, dict[str, float]]:
    """The images that the chains ended in, and the metrics of a run with these test images."""
    experiment: Any = SimpleNamespace(test_set=lambda: test, network=network, source="digits", precision="fp32")
    ends = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inversion, "final_images", lambda trace: ends.append(final_images(trace)) or ends[-1])
        result = measure(Measurement(folder, experiment, model, test, 10_000, seed))
    assert result["samples"] == len(ends[0])
    return ends[0], result["metrics"]


def test_measuring_a_run_writes_what_its_page_shows(model: Model, tmp_path: Path) -> None:
    test = noise(60)
    images, values = measured(model, test, tmp_path, "mnist", seed=1)
    assert images.shape == (100, 1, 28, 28)
    asked = torch.arange(10).repeat_interleave(10)
    assert values["diversity in a class"] == pytest.approx(diversity(images, asked))
    assert values["diversity in a class of real"] == pytest.approx(diversity(test.images, test.labels))
    assert values["conditional accuracy, own"] == float((classes_of(model, images) == asked).float().mean())
    named = ("reconstruction MSE", "reconstruction MNIST-FID", "conditional accuracy")
    assert all(math.isfinite(values[name]) for name in named)
    for name, columns, rows in (("reconstructions", 10, 4), ("classes", 10, 10), ("path", 5, 10)):
        with Image.open(tmp_path / f"{name}.png") as sheet:
            assert sheet.size == (columns * 29 - 1, rows * 29 - 1), name


@pytest.mark.parametrize("test", [noise(30, classes=3), noise(30)._replace(labels=None, classes=())])
def test_other_classes_are_not_compared_with_digits(test: ImageSet, tmp_path: Path, model: Model) -> None:
    """An encoder of two merged classes on MNIST: neither the digits' classifier nor digits' diversity say a thing."""
    codes = model.game.codes
    two = Model(model.game._replace(codes=codes._replace(logits=lambda p, b: p.E(b.x).output[:, :2])), model.nets)
    _, values = measured(two, test, tmp_path, "")
    assert set(values) == {
        "reconstruction MSE",
        "conditional accuracy, own",
        "diversity in a class",
        "diversity along a chain",
    }


def test_of_many_classes_some_are_asked_for(model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inversion, "MOST", 4)
    test = noise(60)
    images, values = measured(model, test, tmp_path, "", seed=1)
    asked = torch.tensor([0, 3, 6, 9]).repeat_interleave(10)
    assert len(images) == 40
    assert values["conditional accuracy, own"] == float((classes_of(model, images) == asked).float().mean())
    assert json.loads((tmp_path / "chains.json").read_text())["classes"] == [test.classes[c] for c in (0, 3, 6, 9)]


def test_a_run_is_evaluated(folder: Path) -> None:
    result = evaluation.evaluate(folder, n=40)
    summary = result.pop("summary")
    assert summary == ["reconstructions of digits, 40 images (held out) and 100 images drawn by chains"]
    assert result == json.loads((folder / "evaluation.json").read_text())
    assert result["samples"] == 100 and result["reference"] == "digits, 40 images (held out)"
    assert result["network"] == "mnist" and {"reconstruction MSE", "conditional accuracy"} <= set(result["metrics"])
    for name in ("reconstructions.png", "classes.png", "path.png", "neighbours.png"):
        assert (folder / name).stat().st_size > 0
    again = evaluation.evaluate(folder, n=40)
    assert again["metrics"] == result["metrics"]


def test_reconstructions_are_measured_while_a_run_trains(tmp_path: Path) -> None:
    folder = trained(tmp_path / "run", "latent-discriminators-mnist", steps=3)
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    (last,) = [line["metrics"] for line in lines if "metrics" in line]
    assert {"reconstruction MSE", "reconstruction MNIST-FID"} <= set(last)
    assert (folder / "samples" / "000003.png").is_file() and not (folder / "classes.png").exists()
