"""Where a run's images are: moved, copied, changed, or named by a stranger."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from small_runs import fingerprint, flags, sentence, trained

from energan.cli import main
from energan.evaluation import evaluate
from energan.runs import signature
from energan.runs.folder import RunFolder
from energan.runs.signature import is_signed
from energan.runs.sources import Sources
from energan.utils.errors import UserError
from energan.utils.files import read_weights, write_weights

EBGAN = {"recipe": "ebgan-pt-mnist", "width": 2}


@pytest.fixture(autouse=True)
def no_metrics(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("energan.capabilities.reference.usable_network", lambda run, real, least=0: "")
    monkeypatch.setenv("ENERGAN_STATE", str(tmp_path / "state"))


def grey(folder: Path, n: int = 12, side: int = 8) -> Path:
    folder.mkdir()
    for i in range(n):
        pixels = np.random.default_rng(i).integers(0, 256, (side, side), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i:02d}.png")
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of 4 steps on images of its user's, of whose 8 it was to have."""
    return trained(tmp_path / "run", data=str(grey(tmp_path / "images")), steps=4, decay=0.0, **EBGAN)


def test_images_that_were_touched_or_copied_are_the_same(run: Path, tmp_path: Path) -> None:
    for path in (tmp_path / "images").iterdir():
        os.utime(path, (1, 1))
    assert main(["resume", str(run), "--steps", "5", "--quiet"]) == 0
    shutil.copytree(tmp_path / "images", tmp_path / "copy")
    assert main(["resume", str(run), "--steps", "6", "--quiet", "--data", str(tmp_path / "copy")]) == 0


def test_a_run_goes_on_where_its_images_are_now(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = trained(tmp_path / "whole", data=str(tmp_path / "images"), steps=6, decay=0.0, **EBGAN)
    (tmp_path / "images").rename(tmp_path / "moved")
    before = (run / "run.json").read_bytes()
    for command in (["resume", str(run), "--steps", "6"], ["evaluate", str(run)]):
        assert main(command) == 2
        assert f"{tmp_path / 'images'}, which is no longer there: --data says where" in sentence(capsys)
    assert (run / "run.json").read_bytes() == before
    monkeypatch.chdir(tmp_path)
    assert main(["resume", str(run), "--steps", "6", "--quiet", "--data", "moved"]) == 0
    assert fingerprint(RunFolder(run).checkpoint()) == fingerprint(RunFolder(whole).checkpoint())
    record = RunFolder(run).record
    assert record["arguments"]["data"] == str(tmp_path / "moved") and is_signed(record)
    monkeypatch.chdir("/")
    assert main(["evaluate", str(run)]) == 0  # it was noted


DIFFERENCES = {
    "fewer": (lambda folder: (folder / "03.png").unlink(), "11 images instead of 12"),
    "changed": (lambda folder: shutil.copy(folder / "03.png", folder / "04.png"), "with other content"),
    "renamed": (lambda folder: (folder / "03.png").rename(folder / "99.png"), "with other content"),
}


@pytest.mark.parametrize("name", DIFFERENCES)
def test_other_images_are_refused_and_nothing_is_written(
    run: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    change, expected = DIFFERENCES[name]
    shutil.copytree(tmp_path / "images", tmp_path / "other")
    change(tmp_path / "other")
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    for command in (["resume", str(run), "--steps", "500"], ["evaluate", str(run)]):
        assert main([*command, "--data", str(tmp_path / "other")]) == 2
        assert expected in sentence(capsys)
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def edit(run: Path, change: Any) -> dict[str, Any]:
    record = json.loads((run / "run.json").read_text())
    change(record)
    (run / "run.json").write_text(json.dumps(record))
    return record


def older(record: dict[str, Any]) -> None:
    """As runs of format 1 have it."""
    record["format"], record["data"]["sha256"] = 1, "of paths and times"
    del record["signature"]


def test_a_run_of_an_older_energan_is_compared_as_far_as_it_can_be(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(run, older)
    assert main(["resume", str(run), "--steps", "5", "--quiet"]) == 2
    assert "made elsewhere, or by an older Energan" in sentence(capsys)
    there = str(tmp_path / "images")
    assert main(["resume", str(run), "--steps", "5", "--quiet", "--data", there]) == 0
    assert "compared by number, shape and classes" in " ".join(capsys.readouterr().err.split())
    record = RunFolder(run).record
    assert record["format"] == 2 and len(record["data"]["sha256"]) == 64 and is_signed(record)
    edit(run, older)
    (tmp_path / "images" / "03.png").unlink()
    assert main(["resume", str(run), "--steps", "6", "--quiet", "--data", there]) == 2
    assert "11 images instead of 12" in sentence(capsys)


# --------------------------------------------------------------------------------------------------- a stranger's


@pytest.fixture
def stranger(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The run of somebody else, who has another key."""
    monkeypatch.setenv("ENERGAN_STATE", str(tmp_path / "another state"))
    yield run


def test_nothing_is_read_that_a_stranger_s_run_names(
    stranger: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("energan.data.load", lambda *given, **named: pytest.fail("images were read"))
        for command in (["resume", str(stranger), "--steps", "5"], ["evaluate", str(stranger)]):
            assert main(command) == 2
            assert "--data says where its training images are" in sentence(capsys)
    assert main(["evaluate", str(stranger), "--data", str(tmp_path / "images")]) == 0
    assert main(["evaluate", str(stranger)]) == 0  # whoever named the images signed that


def test_a_run_of_a_named_set_needs_no_signature(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = trained(tmp_path / "digits", steps=1)
    monkeypatch.setenv("ENERGAN_STATE", str(tmp_path / "another state"))
    assert evaluate(folder)["step"] == 1
    assert not is_signed(RunFolder(folder).record)


def test_images_inside_the_folder_may_be_read(stranger: Path, tmp_path: Path) -> None:
    shutil.copytree(tmp_path / "images", stranger / "images")
    shutil.rmtree(tmp_path / "images")
    edit(stranger, lambda record: record["experiment"]["value"]["dict"].update(source="images"))
    assert evaluate(stranger)["step"] == 4


@pytest.mark.parametrize("where", ["../images", "link", "hf:someone/images", "/etc"])
def test_ways_out_of_the_folder_are_refused(
    stranger: Path, tmp_path: Path, where: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (stranger / "link").symlink_to(tmp_path / "images")
    edit(stranger, lambda record: record["experiment"]["value"]["dict"].update(source=where))
    assert main(["evaluate", str(stranger)]) == 2
    assert f"so {where}, which its run.json names, is not read" in sentence(capsys)


def test_labels_and_test_images_of_a_stranger_are_not_read_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    images = grey(tmp_path / "images", 20)
    names = sorted(path.name for path in images.iterdir())
    labels = tmp_path / "labels.csv"
    labels.write_text("file,label\n" + "".join(f"{name},{i % 2}\n" for i, name in enumerate(names)))
    few = {"data": str(images), "labels_csv": str(labels), "labels": 4, "classes": 2, "steps": 1, "batch": 4}
    folder = trained(tmp_path / "run", "ladder-mnist", **few)
    monkeypatch.setenv("ENERGAN_STATE", str(tmp_path / "another state"))
    assert main(["evaluate", str(folder), "--data", str(images)]) == 2
    assert "--labels-csv says where its labels are" in sentence(capsys)
    assert main(["evaluate", str(folder), "--data", str(images), "--labels-csv", str(labels)]) == 0
    edit(folder, lambda record: record["experiment"]["value"]["dict"].update(test="/etc"))
    assert main(["evaluate", str(folder), "--data", str(images), "--labels-csv", str(labels)]) == 2
    assert "--test says where its test images are" in sentence(capsys)


def test_an_encoder_that_a_stranger_names_is_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    encoder = trained(tmp_path / "encoder", "encoder-mnist", steps=1)
    inverting = {"encoder": str(encoder), "module": "", "code": "E_0", "critics": "x,E_0"}
    folder = trained(tmp_path / "run", "latent-discriminators-mnist", steps=1, **inverting)
    shutil.rmtree(folder / "checkpoints")
    monkeypatch.setenv("ENERGAN_STATE", str(tmp_path / "another state"))
    assert main(["resume", str(folder), "--quiet"]) == 2
    assert f"it would start with the weights of {encoder}" in sentence(capsys)


def test_the_key_is_the_user_s_alone_and_one(tmp_path: Path) -> None:
    first = signature.sign({"a": 1})
    assert first == signature.sign({"a": 1}) != signature.sign({"a": 2})
    assert (tmp_path / "state" / "key").stat().st_mode & 0o777 == 0o600
    assert is_signed({"experiment": {"a": 1}, "signature": first})
    for record in ({"signature": first}, {"experiment": {"a": 1}}, {"experiment": {"a": 1}, "signature": "é"}):
        assert not is_signed(record)


def test_without_a_place_for_the_key_a_run_is_trained_and_measured_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("ENERGAN_STATE", str(tmp_path / "file" / "state"))
    told = flags("ebgan-pt-mnist", tmp_path / "run", width=2, steps=1, data=str(grey(tmp_path / "images")))
    assert main(["train", "ebgan-pt-mnist", *told, "--quiet", "--out", str(tmp_path / "run")]) == 0
    assert "runs cannot be signed" in capsys.readouterr().err
    assert (tmp_path / "run" / "evaluation.json").is_file()


# ------------------------------------------------------------------------------------------------- another device


def test_a_run_of_a_gpu_goes_on_without_one(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = RunFolder(run).checkpoint()
    tensors, _ = read_weights(path)
    write_weights(path, tensors | {"state/generator": tensors["state/generator"][:16]}, {"step": "4"})
    edit(run, lambda record: record.update(device="cuda"))
    assert main(["resume", str(run), "--steps", "5"]) == 2
    assert "use --device cpu" in sentence(capsys)
    assert main(["resume", str(run), "--steps", "5", "--quiet", "--device", "cpu"]) == 0
    assert "goes on with other random numbers" in " ".join(capsys.readouterr().err.split())
    assert RunFolder(run).record["device"] == RunFolder(run).record["arguments"]["device"] == "cpu"


def test_a_resume_on_another_device_that_was_killed_can_be_repeated(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """run.json names the new device already, and the checkpoint has the old one's random numbers still."""
    path = RunFolder(run).checkpoint()
    tensors, _ = read_weights(path)
    write_weights(path, tensors | {"state/generator": tensors["state/generator"][:16]}, {"step": "4"})
    assert main(["resume", str(run), "--steps", "5", "--quiet"]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "was trained on another kind of device: on cpu it goes on with other random numbers" in said


def test_a_metric_that_is_no_number_is_one_sentence(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (run / "evaluation.json").read_bytes() if (run / "evaluation.json").is_file() else None
    found = {"metrics": {"MNIST-FID": float("nan")}}
    monkeypatch.setattr("energan.evaluation.measured", lambda *given, **more: (found, []))
    with pytest.raises(UserError, match=r"MNIST-FID of .* is no number"):
        evaluate(run)
    assert ((run / "evaluation.json").read_bytes() if (run / "evaluation.json").is_file() else None) == before


def test_evaluate_says_what_device_there_is_not(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for device in ("cpu:x", "cuda:99", "xla", ""):
        assert main(["evaluate", str(run), "--device", device]) == 2
        assert "--device" in sentence(capsys)


def test_what_the_user_names_anew_must_have_been_there(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(run), "--labels-csv", "x.csv"]) == 2
    assert "this run was made without any" in sentence(capsys)
    assert Sources("digits", "", "hf:a/b").resolved() == Sources("digits", "", "hf:a/b")
