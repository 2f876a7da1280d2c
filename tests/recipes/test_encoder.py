"""Encoders: the house's own, kept in the cache; a run's, or anyone's; what they say of images; merged classes."""

import hashlib
import re
import signal
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import tiny_encoder
import torch
from small_runs import fingerprint, log, resumed, sentence, start, trained
from torch import Tensor, nn

import energan
from energan.cli import main
from energan.data import ImageSet, load, to_unit
from energan.data.labels import merged
from energan.engine import Trainer
from energan.networks.layers import FeatureExtractor
from energan.networks.pretrained import ENCODERS, extract_features
from energan.recipes.build import build
from energan.recipes.plug_and_play import encoder as encoder_module
from energan.recipes.plug_and_play.encoder import encode_images, initialiser, of_run, open_classifier
from energan.recipes.plug_and_play.encoder import (
    trained_classifier as trained_once,  # before the tests' stand-in takes its place
)
from energan.runs.checkpoints import read_checkpoint
from energan.runs.folder import RunFolder
from energan.training import loop
from energan.utils.arguments import call
from energan.utils.errors import UserError
from energan.utils.files import write_weights
from energan.utils.specification import remember

TINY = "tiny_encoder:Net"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No metrics, a cache of the test's own, and one thread: sums over more of them may round differently."""
    monkeypatch.setattr("energan.capabilities.reference.usable_network", lambda run, real, least=0: "")
    monkeypatch.setenv("ENERGAN_CACHE", str(tmp_path / "cache"))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("runs") / "encoder", "encoder-mnist", steps=4)


def same(a: nn.Module | dict[str, Tensor], b: nn.Module | dict[str, Tensor]) -> bool:
    a, b = (x if isinstance(x, dict) else x.state_dict() for x in (a, b))
    return a.keys() == b.keys() and all(torch.equal(w, b[k]) for k, w in a.items())


def digits(n: int = 40, size: int = 28) -> ImageSet:
    images = torch.randint(0, 256, (n, 1, size, size), dtype=torch.uint8, generator=torch.Generator().manual_seed(n))
    return ImageSet(images, torch.arange(n) % 3, "noise", ("1", "2", "3"), "a test", "0123", ())


# ---- built of ----


def test_a_run_s_classifier_is_its_net_frozen_as_it_was_trained(encoder: Path) -> None:
    E = open_classifier(str(encoder), "", classes=3)  # which are the run's
    assert type(E) is type(ENCODERS["sgan"](10)) and not E.training and not any(w.requires_grad for w in E.parameters())
    state = read_checkpoint(RunFolder(encoder).checkpoint()).state
    assert same(E, state["weights"]["E"]) and not same(E, ENCODERS["sgan"](10))
    x = torch.rand(3, 1, 28, 28)
    torch.testing.assert_close(E(x), energan.load(encoder).classifier(x))


def test_a_classifier_beside_other_players_is_read_as_it_is_used(tmp_path: Path) -> None:
    folder = trained(tmp_path / "run", "improved-gan-mnist", steps=1)
    E, x = of_run(folder), torch.rand(3, 1, 8, 8)
    torch.testing.assert_close(E(x), energan.load(folder).classifier(x))
    assert extract_features(E, ("nets.D.hidden",), (1, 8, 8))[0](x).output.shape == (3, 10)


def test_anyone_s_module_with_and_without_weights(tmp_path: Path) -> None:
    E = open_classifier("", TINY, classes=10)
    assert isinstance(E, tiny_encoder.Net) and not E.training and not any(w.requires_grad for w in E.parameters())
    assert same(E, tiny_encoder.Net())
    weights = {k: w + 1 for k, w in E.state_dict().items()}
    path = write_weights(tmp_path / "w.safetensors", weights, {})
    assert same(open_classifier(str(path), TINY, classes=10), weights)


def test_a_module_in_the_folder_that_one_is_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "of_this_folder.py").write_text("import torch.nn as nn\ndef make():\n    return nn.Flatten()\n")
    monkeypatch.chdir(tmp_path)
    assert isinstance(open_classifier("", "of_this_folder:make", classes=2), nn.Flatten)
    assert str(tmp_path) not in sys.path


def test_neither_is_the_house_s_own() -> None:
    for name, make in ENCODERS.items():
        E = open_classifier("", "", classes=3, net=name)
        assert type(E) is type(make(3)) and E(torch.rand(2, 1, 28, 28)).shape == (2, 3) and not E.training
        assert initialiser(E, "", "", "digits", 3, name) is not None
    assert initialiser(E, "", TINY, "digits", 3) is None
    for source, module in (("a run", ""), ("w.safetensors", TINY)):  # a checkpoint may not be there yet
        assert initialiser(E, source, module, "digits", 3) is not None


UNUSABLE = {
    "no_such_module_anywhere:Net": "cannot be used",
    "tiny_encoder": "cannot be used",
    "tiny_encoder:Nothing": "has no attribute 'Nothing'",
    "torch.nn:Linear": "made without arguments",
    "pathlib:Path": r"gives a \w+, not a torch.nn.Module",
    ":": "cannot be used",
}


@pytest.mark.parametrize("module", UNUSABLE)
def test_modules_that_cannot_be_used(module: str) -> None:
    with pytest.raises(UserError, match=UNUSABLE[module]) as refused:
        open_classifier("", module, classes=10)
    assert module in str(refused.value) and "\n" not in str(refused.value)


def test_sources_that_cannot_be_used(tmp_path: Path) -> None:
    weights = write_weights(tmp_path / "w.safetensors", {"net.weight": torch.ones(2)}, {})
    with pytest.raises(UserError, match=r"w.safetensors holds weights; module my.module:Net"):
        open_classifier(str(weights), "", classes=10)
    with pytest.raises(UserError, match=r"w.safetensors does not hold the weights of Net: .*h\.1\.weight"):
        open_classifier(str(weights), TINY, classes=10)
    (tmp_path / "torn.safetensors").write_bytes(weights.read_bytes()[:20])
    with pytest.raises(UserError, match=r"torn\.safetensors"):
        open_classifier(str(tmp_path / "torn.safetensors"), TINY, classes=10)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="not a run folder"):
        open_classifier(str(tmp_path / "empty"), "", classes=10)
    folder = trained(tmp_path / "gan", "lsgan-mnist", steps=1)
    with pytest.raises(UserError, match="has no classifier"):
        open_classifier(str(folder), "", classes=10)
    folder = trained(tmp_path / "codes", "latent-discriminators-mnist", steps=1)
    with pytest.raises(UserError, match="generates images; name the run of a classifier"):
        open_classifier(str(folder), "", classes=10)


# ---- the house's own, trained once ----


@pytest.fixture
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    short = partial(call, steps=6, save_every=3, batch=8, precision="fp32")
    monkeypatch.setattr(encoder_module, "call", short)


def test_it_is_trained_once_and_kept(
    few_steps: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first = trained_once("digits", 10, "sgan")
    assert "training the encoder of digits first" in capsys.readouterr().err
    (folder,) = (tmp_path / "cache" / "encoders").iterdir()
    assert same(first, read_checkpoint(RunFolder(folder).checkpoint()).state["weights"]["E"])
    assert RunFolder(folder).record["status"] == {**RunFolder(folder).record["status"], "state": "finished", "step": 6}
    with monkeypatch.context() as patch:
        patch.setattr(loop, "train", lambda *_: pytest.fail("it is there already"))
        assert same(trained_once("digits", 10, "sgan"), first)
    assert "training" not in capsys.readouterr().err
    E = open_classifier("", "", 10, "sgan")
    monkeypatch.setattr(encoder_module, "trained_classifier", trained_once)
    initialise = initialiser(E, "", "", "digits", 10, "sgan")
    assert initialise is not None and not same(E, first)
    initialise(load("digits"))
    assert same(E, first)


def test_stopped_it_goes_on_where_it_was(few_steps: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = trained_once("digits", 10, "sgan")
    monkeypatch.setenv("ENERGAN_CACHE", str(tmp_path / "another"))
    step = Trainer.step

    def stopping(self: Trainer) -> dict[str, Tensor]:
        found = step(self)
        if self.t == 4:
            signal.raise_signal(signal.SIGINT)
        return found

    with monkeypatch.context() as patch, pytest.raises(UserError, match="stopped and saved; `energan resume`"):
        patch.setattr(Trainer, "step", stopping)
        trained_once("digits", 10, "sgan")
    (folder,) = (tmp_path / "another" / "encoders").iterdir()
    assert RunFolder(folder).record["status"]["state"] == "stopped"
    assert same(trained_once("digits", 10, "sgan"), whole)
    assert [line["step"] for line in log(folder) if "logs" in line] == list(range(1, 7))


# ---- layers and codes ----


def test_layers_have_names_and_shapes() -> None:
    E, shapes = extract_features(tiny_encoder.Net(), ("logits", "h", "h.1"), (1, 28, 28))
    assert isinstance(E, FeatureExtractor) and shapes == {"logits": (10,), "h": (6,), "h.1": (6,)}
    assert list(extract_features(ENCODERS["thesis"](4), ("conv2", "x"), (1, 28, 28))[1].values()) == [
        (128, 8, 8),
        (1, 28, 28),
    ]
    with pytest.raises(UserError, match="Net has no layer 'fc1'; it has h"):
        extract_features(tiny_encoder.Net(), ("fc1",), (1, 28, 28))
    with pytest.raises(UserError, match=r"does not take images of \(3, 8, 8\)"):
        extract_features(tiny_encoder.Net(), ("h",), (3, 8, 8))
    for net in (nn.Sequential(nn.Flatten(0)), nn.Sequential(nn.Conv2d(1, 2, 3)), nn.Sequential(nn.LSTM(28, 3))):
        with pytest.raises(UserError, match=r"must give logits, \(n, classes\)|give a tensor|does not take images"):
            extract_features(net, ("0",), (1, 28, 28))


def test_codes_are_what_the_layer_says_and_are_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    data, E = digits(), FeatureExtractor(tiny_encoder.Net().eval(), ["h"])
    monkeypatch.setattr(encoder_module, "CHUNK", 16)
    found = encode_images(data, E, "h", "fp32")
    assert found.dtype == torch.float32 and found.shape == (40, 6)
    torch.testing.assert_close(found, E.module.h(to_unit(data.images)).detach())
    calls: list[int] = []
    E.module.register_forward_pre_hook(lambda net, inputs: calls.append(1))
    assert torch.equal(encode_images(data, E, "h", "fp32"), found) and not calls
    rounded = encode_images(data, E, "h", "bf16")
    assert len(calls) == 3 and rounded.dtype == torch.float32 and 0 < float((rounded - found).abs().max()) < 0.05
    with torch.no_grad():
        E.module.h[1].bias.add_(1)
    assert not torch.equal(encode_images(data, E, "h", "fp32"), found)
    assert len(list((tmp_path / "cache" / "codes").iterdir())) == 3


def test_codes_of_the_same_images_in_another_size_are_others() -> None:
    """A named set has one sha256, in whatever size its images are asked for."""
    E = FeatureExtractor(nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4, 3)), ["2"])
    small, large = (encode_images(data, E, "2", "fp32") for data in (digits(4, 6), digits(4, 28)))
    assert not torch.equal(small, large)


# ---- in a run ----


@pytest.mark.parametrize("variant", ["combined", "random"])
def test_the_encoder_of_a_run_is_bit_identical_to_the_run_it_is_of(encoder: Path, tmp_path: Path, variant: str) -> None:
    changes = {"module": "", "encoder": str(encoder), "code": "E_0", "variant": variant, "ema": 0.0}
    folder = trained(tmp_path / "run", "latent-discriminators-mnist", steps=3, critics="x,E_0", **changes)
    kept = read_checkpoint(RunFolder(folder).checkpoint()).state
    before = read_checkpoint(RunFolder(encoder).checkpoint()).state
    assert same({f"module.{k}": w for k, w in before["weights"]["E"].items()}, kept["weights"]["E"])
    assert set(kept["moments"]) == {"G", "D_x", "D_E_0"}  # no optimizer knows E
    assert same(energan.load(folder).nets["E"].module, open_classifier(str(encoder), "", 10))


def test_a_run_brings_the_trained_encoder_in_before_its_first_step_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What resumes has E in its checkpoint, and goes on with the codes of that."""
    asked: list[str] = []

    def untrained(classes: int) -> nn.Module:
        net = tiny_encoder.Net()
        net.h[1].weight.data.zero_()
        remember(net, TINY, {})
        return net

    monkeypatch.setitem(ENCODERS, "thesis", untrained)
    monkeypatch.setattr(encoder_module, "trained_classifier", lambda data, *_: asked.append(data) or tiny_encoder.Net())
    settings: dict[str, Any] = {"recipe": "latent-discriminators-mnist", "module": "", "steps": 6}
    whole = trained(tmp_path / "whole", **settings)
    assert asked == ["digits"] and same(energan.load(whole).nets["E"].module, tiny_encoder.Net())
    cut = trained(tmp_path / "cut", **{**settings, "steps": 3})
    monkeypatch.setattr(encoder_module, "trained_classifier", lambda *_: pytest.fail("E is in the checkpoint"))
    assert resumed(cut, steps=6) == "finished"
    assert fingerprint(RunFolder(cut).checkpoint()) == fingerprint(RunFolder(whole).checkpoint())


# ---- classes put together ----


def test_merged_classes() -> None:
    data = digits(9)._replace(labels=torch.tensor([0, 1, 2, -1, 0, 1, 2, 2, -1]))
    found = merged(data, {"b": ["2"], "a": ["3", "1"]})
    assert found.classes == ("b", "a") and found.labels is not None
    assert found.labels.tolist() == [1, 0, 1, -1, 1, 0, 1, 1, -1]
    assert merged(data, {"b": ["2"], "c": ["3"]}).labels.tolist() == [-1, 0, 1, -1, -1, 0, 1, 1, -1]
    assert torch.equal(found.images, data.images) and "b: 2; a: 3, 1" in found.source
    keys = {merged(data, groups).sha256 for groups in ({"b": ["2"], "a": ["3", "1"]}, {"b": ["2", "1"], "a": ["3"]})}
    assert len(keys | {data.sha256}) == 3 and all(len(key) == len(hashlib.sha256().hexdigest()) for key in keys)
    with pytest.raises(UserError, match="has no class '4' to merge; it has 1, 2, 3"):
        merged(data, {"a": ["1", "4"], "b": ["2"]})
    with pytest.raises(UserError, match="has no labels to merge"):
        merged(data._replace(labels=None, classes=()), {"a": ["1"]})


def test_a_classifier_of_merged_classes(tmp_path: Path) -> None:
    run, data = start(tmp_path / "run", "encoder-mnist", merge="odd=1+3+5+7+9, even=0+2+4+6+8", steps=2, save_every=1)
    digits_ = build("encoder-mnist", data="digits").training_set()
    assert data.classes == ("odd", "even") and torch.equal(data.labels, 1 - digits_.labels % 2)
    held = run.held_out(data.classes)
    assert held is not None and held.classes == ("odd", "even") and set(held.labels.tolist()) == {0, 1}
    batch = run.batches(data)(0)
    assert batch["y"].shape == (8, 2) and bool((batch["y"].sum(1) == 1).all())
    assert loop.train(run, RunFolder(tmp_path / "run"), data, quiet=True) == "finished"
    assert RunFolder(tmp_path / "run").record["data"]["classes"] == ["odd", "even"]
    assert of_run(tmp_path / "run")(batch["x"]).shape == (8, 2)


def test_classes_that_are_left_out_are_not_learnt_from(tmp_path: Path) -> None:
    run, data = start(tmp_path / "run", "encoder-mnist", merge="low=0+1,high=8+9")
    y = torch.cat([run.batches(data)(k)["y"] for k in range(20)])
    assert bool((y.sum(1) == 1).all()) and set(data.labels.tolist()) == {-1, 0, 1}
    held = run.held_out(data.classes)
    assert held is not None and len(held.images) < len(run.test_set().images) and set(held.labels.tolist()) == {0, 1}


@pytest.mark.parametrize(
    ("merge", "said"),
    [
        ("odd=1+3", "is not two classes or more such as odd=1+3+5"),
        ("odd=1,even", "is not two classes or more"),
        ("odd=1,=2", "is not two classes or more"),
        ("a=1,a=2", "is not two classes or more"),
        ("odd=1+3,even=2+3", "puts a class into two"),
        ("a=1+1,b=2", "puts a class into two"),
        ("a=1,b=ten", "has no class 'ten' to merge"),
    ],
)
def test_merges_that_cannot_be(merge: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    assert main(["train", "encoder-mnist", "--data", "digits", "--merge", merge, "--out", str(out)]) == 2
    assert said in sentence(capsys) and not out.exists()


def test_other_numbers_of_classes_and_settings_are_refused() -> None:
    with pytest.raises(UserError, match="digits has 10 classes: set classes to 10"):
        build("encoder-mnist", data="digits", classes=4).training_set()
    with pytest.raises(UserError, match="momentum must be 0 or above and below 1"):
        build("encoder-mnist", momentum=1.0)
    with pytest.raises(UserError, match=r"code conv2: this G takes codes that are vectors, not maps of \(128,"):
        build("latent-discriminators-mnist", code="conv2")
    with pytest.raises(UserError, match="has no layer 'conv9'"):
        build("latent-discriminators-mnist", critics="x,conv9")


def test_critics_of_any_layers() -> None:
    """Each layer with a critic has its reconstruction loss, by the code's weight: the thesis' eq. 10."""
    run = build("latent-discriminators-mnist", critics=" conv3, logits,x", width=2, code_loss=0.3, warm_steps=0)
    assert set(run.game.players) == {"E", "S", "G", "D_conv3", "D_logits", "D_x"}
    mu = {k: v for k, v in run.game.hyperparameters.items() if k.startswith("mu")}
    assert mu == {"mu_x": 2.0, "mu_h": 0.3, "mu_conv3": 0.3, "mu_logits": 0.3}
    one = Trainer(run.game, lambda k: {"x": torch.rand(4, 1, 28, 28), "h": torch.rand(4, 64)})
    logs = one.step()
    assert {f"D/W({name})" for name in ("conv3", "logits", "x")} <= set(logs)


def test_weights_by_layer_and_a_width_of_the_critics_own() -> None:
    settings = {"width": 2, "warm_steps": 0, "critics": "x,h,conv3"}
    run = build("latent-discriminators-mnist", lambdas="h=.5", mus="x=1,conv3=0", critic_width=3, **settings)
    numbers = run.game.hyperparameters
    assert numbers["lambda_h"] == 0.5 and "lambda_x" not in numbers and numbers["adversarial"] == 1.0
    assert (numbers["mu_x"], numbers["mu_h"], numbers["mu_conv3"]) == (1.0, 0.1, 0.0)
    as_wide = build("latent-discriminators-mnist", **settings).game.players
    nets = {name: [sum(w.numel() for w in each[name].net.parameters()) for each in (run.game.players, as_wide)]
            for name in ("G", "D_x")}  # fmt: skip
    assert nets["G"][0] == nets["G"][1] and nets["D_x"][0] > nets["D_x"][1]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"lambdas": "y=1"}, "lambdas 'y=1' has 'y'; each of x, h may be there once"),
        ({"lambdas": "x=1,x=2"}, "has 'x'; each of x, h may be there once"),
        ({"lambdas": "x=one"}, "has no number for x: write x=0.5"),
        ({"lambdas": "x"}, "has no number for x"),
        ({"mus": "h=-1"}, "mus must be 0 or above, got -1"),
        ({"mus": "h=1", "variant": "code-adversarial"}, "variant code-adversarial has none"),
        ({"critic_width": -1}, "critic_width must be 0 or above"),
    ],
)
def test_weights_by_layer_that_cannot_be(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError, match=re.escape(sentence)):
        build("latent-discriminators-mnist", width=2, **settings)


def test_the_optimizer_and_epochs_are_the_thesis_s() -> None:
    run = build("encoder-mnist")
    optimizer = run.game.players["E"].optimizer
    assert (optimizer.lr, optimizer.momentum, run.batch, run.steps) == (0.01, 0.5, 64, 5 * (60000 // 64))
    assert run.game.sample is None and run.game.logits is not None


def test_a_module_without_weights_is_the_same_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "unseeded.py").write_text("from torch import nn\n\n\ndef net():\n    return nn.Linear(5, 3)\n")
    one, other = (open_classifier("", "unseeded:net", 10) for _ in range(2))
    assert torch.equal(one.weight, other.weight)


def test_an_encoder_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"the classifier's run .*gone is not there"):
        open_classifier(str(tmp_path / "gone"), "", 10)
