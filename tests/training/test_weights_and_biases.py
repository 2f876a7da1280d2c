"""Weights & Biases: what goes there, and that nothing which fails there ends a training."""

import importlib.util
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from small_runs import flags, sentence

from energan.cli import main
from energan.runs.folder import RunFolder


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("energan.capabilities.reference.usable_network", lambda run, real, least=0: "")
    monkeypatch.chdir(tmp_path)


class Fake:
    """The package, as far as it is used; it may fail in one of its calls."""

    def __init__(self, fails: str = "") -> None:
        self.fails, self.begun, self.logged, self.finished = fails, list[dict[str, Any]](), list[dict[str, Any]](), 0
        self.Settings = SimpleNamespace

    def init(self, **settings: Any) -> "Fake":
        self._may_fail("init")
        self.begun.append(settings)
        return self

    def log(self, values: dict[str, Any]) -> None:
        self._may_fail("log")
        self.logged.append(values)

    def finish(self) -> None:
        self._may_fail("finish")
        self.finished += 1

    def Image(self, picture: Any) -> Any:
        self._may_fail("Image")
        return picture

    def _may_fail(self, name: str) -> None:
        if self.fails == name:
            raise RuntimeError(f"no network in {name}")


def train(fake: Any, monkeypatch: pytest.MonkeyPatch, *more: str) -> int:
    monkeypatch.setitem(sys.modules, "wandb", fake)
    told = flags("lsgan-mnist", Path("run"), steps=4, save_every=2)
    return main(["train", "lsgan-mnist", *told, "--out", "run", "--quiet", *more])


def test_what_tensorboard_has_is_there_too(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = Fake()
    assert train(fake, monkeypatch, "--track", "wandb") == 0
    (begun,) = fake.begun
    assert begun["project"] == "energan" and begun["name"] == "run" and begun["dir"] == "run"
    assert begun["config"]["recipe"] == "lsgan-mnist" and json.dumps(begun["config"])
    steps = [values["step"] for values in fake.logged]
    assert steps == sorted(steps) and steps[-1] == 4 and fake.finished == 1
    names = {name for values in fake.logged for name in values}
    assert {"D/loss", "G/loss", "samples", "step"} <= names
    assert next(v["samples"] for v in fake.logged if "samples" in v)[0].shape == (32, 32)
    assert main(["resume", "run", "--steps", "6", "--track", "wandb", "--quiet"]) == 0
    assert fake.begun[1]["id"] == begun["id"] and fake.begun[1]["resume"] == "allow"  # the same run there


def test_nothing_is_imported_unless_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert train(None, monkeypatch) == 0  # None: an import would fail


@pytest.mark.parametrize("fails", ["init", "log", "Image", "finish"])
def test_what_fails_there_is_said_once_and_ends_no_training(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], fails: str
) -> None:
    monkeypatch.setattr("energan.utils.console._warned", set())
    assert train(Fake(fails), monkeypatch, "--track", "wandb") == 0
    said = capsys.readouterr().err
    assert said.count(f"gets nothing more of this run (no network in {fails})") == 1
    assert RunFolder("run").record["status"]["state"] == "finished"


def test_without_the_package_it_is_one_sentence_and_no_folder(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(None, monkeypatch, "--track", "wandb") == 2
    said = sentence(capsys)
    assert "--track wandb needs the package wandb" in said and "pip install 'energan[wandb]'" in said
    assert not Path("run").exists()


@pytest.mark.skipif(importlib.util.find_spec("wandb") is None, reason="wandb is not installed")
@pytest.mark.filterwarnings("ignore")
def test_the_real_package_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    told = flags("lsgan-mnist", Path("run"), steps=4, save_every=2)
    assert main(["train", "lsgan-mnist", *told, "--out", "run", "--quiet", "--track", "wandb"]) == 0
    (kept,) = Path("run/wandb").glob("offline-run-*/run-*.wandb")
    assert kept.stat().st_size > 1000 and list(Path("run/wandb").rglob("samples_*.png"))
