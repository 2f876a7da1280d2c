"""A ladder on features of a frozen network: computed once, part of the model, refused where they cannot be."""

from pathlib import Path

import pytest
import tiny_encoder
import torch
from safetensors.torch import save_file
from small_runs import arguments, resumed, sentence, start, trained

import energan
from energan.cli import main
from energan.data import load
from energan.networks.pretrained import FeatureNet
from energan.recipes.build import build
from energan.recipes.semi_supervised import features
from energan.runs.folder import RunFolder
from energan.runs.rebuild import rebuild
from energan.utils.errors import UserError
from energan.utils.files import read_weights

RECIPE = "ladder-features"


def test_features_are_standardised_over_the_training_images_and_computed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, data = start(tmp_path / "run", RECIPE)
    F = run.game.players["F"].net
    assert isinstance(F, FeatureNet) and run.initialise is not None and run.coded is not None
    run.initialise(data)
    found = run.coded[1](data)
    raw = tiny_encoder.Net()(data.images.float() / 127.5 - 1).detach()
    deviation = raw.std(0, correction=0)
    assert torch.allclose(found, (raw - raw.mean(0)) / deviation, atol=1e-3)
    monkeypatch.setattr(FeatureNet, "raw", lambda *_: pytest.fail("they are in the cache"))
    assert torch.equal(run.coded[1](data), found)
    batch = run.batches(data)(0)
    assert batch["x"].shape == (8, 10) and batch["u"].shape == (8, 10)


def test_the_model_takes_images_and_agrees_with_the_features(tmp_path: Path) -> None:
    folder = trained(tmp_path / "run", RECIPE)
    model = energan.load(folder, trust=("tiny_encoder",))
    data = load("digits", "test", size=28, channels=1)
    record = RunFolder(folder).record
    run = rebuild(record)
    saved = read_weights(RunFolder(folder).checkpoint())[0]
    assert any(name.startswith("state/weights/F/") for name in saved)
    F = model.nets["F"]
    assert isinstance(F, FeatureNet)
    features_of = F(data.images.float() / 127.5 - 1).detach()
    assert torch.allclose(model.probabilities(data.images), model.logits(features_of).softmax(1), atol=1e-5)
    assert run.coded is not None and len(run.test_set().images) == 256


def test_a_run_resumes_to_the_same_weights(tmp_path: Path) -> None:
    trained(tmp_path / "whole", RECIPE, steps=8)
    trained(tmp_path / "parts", RECIPE, steps=4, decay=0)
    trained(tmp_path / "long", RECIPE, steps=8, decay=0)
    assert resumed(tmp_path / "parts", 8) == "finished"
    one, other = (read_weights(RunFolder(tmp_path / name).checkpoint())[0] for name in ("parts", "long"))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_weights_of_a_network_of_the_user_s_come_from_its_file(tmp_path: Path) -> None:
    net = tiny_encoder.Net()
    weights = {name: w + 1 for name, w in net.state_dict().items()}
    save_file(weights, tmp_path / "net.safetensors")
    run, data = start(tmp_path / "run", RECIPE, features_weights=str(tmp_path / "net.safetensors"))
    assert run.initialise is not None
    run.initialise(data)
    F = run.game.players["F"].net
    assert isinstance(F, FeatureNet)
    assert all(torch.equal(w, weights[name]) for name, w in F.net.state_dict().items())


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"features": "resnet"}, "there are no features 'resnet': give mobilenetv2, or my.module:Net"),
        ({"features": "tiny_encoder:Nothing"}, "tiny_encoder:Nothing cannot be used"),
        ({"features": "tiny_encoder:Net", "size": 8}, "does not take images of"),
        ({"features": "mobilenetv2", "size": 16}, "size must be 32 or more"),
        ({"features": "mobilenetv2", "size": 32, "features_weights": "x"}, "features_weights are those of a network"),
        ({"flip": True}, "leave out flip"),
        ({"sigma_x": -1}, "sigma_x must be 0 or above"),
    ],
)
def test_what_gives_no_features_is_refused(tmp_path: Path, changes: dict[str, object], expected: str) -> None:
    with pytest.raises(UserError, match=expected.replace("(", r"\(")):
        build(RECIPE, **arguments(RECIPE, tmp_path / "run", **changes))


def test_features_that_are_not_finite_are_refused() -> None:
    with pytest.raises(UserError, match="not all finite"):
        FeatureNet(torch.nn.Flatten(), 2).standardise(torch.tensor([[0.0, torch.inf]]))


def test_classify_learns_on_features_and_predict_and_export_take_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = str(tmp_path / "run")
    flags = ["--features", "tiny_encoder:Net", "--size", "28", "--channels", "1", "--steps", "4", "--precision", "fp32"]
    flags += ["--labels", "300", "--device", "cpu", "--quiet"]
    assert main(["classify", "--data", "digits", *flags, "--out", run]) == 0
    said = capsys.readouterr().out
    assert "calibrated on 60 held-out labels" in said and "labels: 0 24" in said
    assert {"label-next.csv", "calibration.json", "predictions.csv"} <= {p.name for p in Path(run).iterdir()}
    assert main(["predict", "digits", "--run", run, "--out", str(tmp_path / "p.csv")]) == 0
    assert main(["export", run, "--out", str(tmp_path / "export")]) == 0
    assert '"temperature": ' in (tmp_path / "export" / "model.json").read_text()
    capsys.readouterr()
    for more, expected in (
        (["--system", "aae"], "--features are for the ladder, and not for aae"),
        (["--augment", "cutout"], "--augment is for ladders on pixels"),
        (["--hold-out", "1"], "--hold-out must be 0 or above and below 1"),
    ):
        assert main(["classify", "--data", "digits", *flags, *more, "--out", str(tmp_path / "other")]) == 2
        assert expected in sentence(capsys) and not (tmp_path / "other").exists()
    assert main(["classify", "--data", "digits", "--features-weights", "x", "--out", str(tmp_path / "other")]) == 2
    assert "give --features my.module:Net" in sentence(capsys)


def test_mobilenetv2_starts_with_the_published_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    from energan.networks.conv import mobilenet_v2

    published = mobilenet_v2.MobileNetV2().eval()
    monkeypatch.setattr(mobilenet_v2, "mobilenet_v2", lambda: published)
    F = features.feature_net("mobilenetv2", (1, 32, 32))
    data = load("digits", "test", size=32, channels=1)
    data = data._replace(images=data.images[:4], labels=None)
    features.weights_of(F, "mobilenetv2", "")(data)
    plain = F.raw(data.images.float() / 127.5 - 1)
    resized = published.features((data.images.float() / 255 - torch.tensor([0.485, 0.456, 0.406])[:, None, None])
                                 / torch.tensor([0.229, 0.224, 0.225])[:, None, None]).mean((2, 3))  # fmt: skip
    assert F.width == 1280 and torch.allclose(plain, resized, atol=1e-4)
