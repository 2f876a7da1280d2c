"""Runs with adaptive augmentation: their recipe, their folder, and that a stopped one goes on as it was."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from small_runs import arguments, fingerprint, log, pictures, resumed, start, trained

import energan
from energan.engine import Trainer
from energan.recipes.build import build
from energan.report import write_report
from energan.runs.folder import RunFolder
from energan.training.loop import train, trainer_of
from energan.utils.errors import UserError


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("energan.capabilities.reference.usable_network", lambda run, real, least=0: "")


@pytest.mark.parametrize("recipe, withheld", [("dcgan-64", 0), ("fastgan-64", 0), ("ebgan-pt-64", 10)])
def test_a_run_has_p_its_sheet_and_no_augmented_batches(tmp_path: Path, recipe: str, withheld: int) -> None:
    run = trained(tmp_path / "run", recipe, augment=("ada", "translation"), steps=8, save_every=4, batch=4)
    record = RunFolder(run).record
    assert record["game"]["turns"]["p"] == ["min p: overfitting"] and "p" in record["game"]["meanings"]
    assert [line["step"] for line in log(run) if "p/r" in line.get("logs", {})] == [4, 8]
    assert (run / "augmented.png").is_file()
    page = write_report(run).read_text()
    assert "<b>Augmented</b>" in page and "with ada, when most are" in page
    model = energan.load(run)
    assert model.sample(2).shape == (2, 3, 64, 64)
    parts = json.loads((run / "run.json").read_text())["experiment"]["value"]["dict"]
    assert parts["augment"] == ["ada", "translation"] and parts["withheld"] == withheld


def test_a_run_that_was_stopped_goes_on_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings: dict[str, Any] = {"augment": ("ada",), "steps": 8, "save_every": 8, "batch": 4}
    whole, cut = trained(tmp_path / "whole", "ebgan-pt-64", **settings), tmp_path / "cut"
    run, data = start(cut, "ebgan-pt-64", **settings)
    step = Trainer.step

    def stopped_at_five(self: Trainer) -> dict[str, torch.Tensor]:
        logs = step(self)
        if self.t == 5:
            signal.raise_signal(signal.SIGTERM)
        return logs

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "step", stopped_at_five)
        assert train(run, RunFolder(cut), data, quiet=True) == "stopped"
    assert resumed(cut) == "finished"
    assert fingerprint(RunFolder(cut).checkpoint()) == fingerprint(RunFolder(whole).checkpoint())


def test_classes_and_ada_go_together(tmp_path: Path) -> None:
    for name in ("a", "b"):
        pictures(tmp_path / "two" / name)
    small = arguments("dcgan-64", tmp_path / "run", augment=("ada",), batch=8, classes=True)
    run = build("dcgan-64", **{**small, "data": str(tmp_path / "two")})
    trainer = trainer_of(run, run.training_set())
    logs = [trainer.step() for _ in range(4)]
    assert bool(torch.isfinite(logs[-1]["p/r"]))


@pytest.mark.parametrize(
    "recipe, changes, expected",
    [
        ("dcgan-64", {"augment": ("ada", "zoom")}, "augment zoom is no augmentation"),
        ("dcgan-64", {"augment": ("ada",), "compile": True}, "augment ada is not compiled"),
        ("lapgan-64", {"augment": ("ada",)}, "augment changes whole images"),
        ("vae-gan-64", {"augment": ("ada",)}, "augment is for systems that draw from noise alone"),
    ],
)
def test_what_cannot_adapt_is_refused(tmp_path: Path, recipe: str, changes: dict[str, Any], expected: str) -> None:
    with pytest.raises(UserError, match=expected):
        build(recipe, **arguments(recipe, tmp_path / "run", **changes))


def test_flips_and_crops_have_a_sheet_and_plain_runs_none(tmp_path: Path) -> None:
    flipped = trained(tmp_path / "flipped", "dcgan-64", flip=True, steps=1, batch=4)
    plain = trained(tmp_path / "plain", "dcgan-64", steps=1, batch=4)
    assert (flipped / "augmented.png").is_file() and not (plain / "augmented.png").exists()
