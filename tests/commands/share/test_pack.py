"""pack: a model in one file loads, draws, scores and predicts bit for bit as its run, and takes no more than that."""

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hostile import claiming, tensor_of
from PIL import Image
from small_runs import leftovers, sentence, start, trained

import energan
from energan.cli import main
from energan.runs.calibration import read_calibration
from energan.runs.copies import copies
from energan.runs.folder import RunFolder
from energan.runs.references import run_folder


@pytest.fixture(autouse=True, scope="module")
def no_metrics() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("energan.capabilities.reference.usable_network", lambda run, real, least=0: "")
        yield


@pytest.fixture(autouse=True)
def own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("energan.runs.copies.cache_dir", lambda: tmp_path / "cache")
    monkeypatch.setenv("ENERGAN_STATE", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def gan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = trained(tmp_path_factory.mktemp("pack") / "run", steps=4)
    assert main(["evaluate", str(folder), "--n", "12"]) == 0
    return folder


def packed(run: Path, *flags: str) -> Path:
    assert main(["pack", str(run), *flags]) == 0
    return Path("model.zip")


def test_a_packed_generator_draws_and_scores_bit_for_bit(gan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = packed(gan)
    said = capsys.readouterr().out
    assert "step 4" in said and "left out: " in said and "the optimizers' state" in said
    mine, other = energan.load(gan), energan.load(str(model))
    assert torch.equal(mine.sample(8), other.sample(8))
    x = mine.sample(8)
    assert torch.equal(mine.score(x), other.score(x))
    assert main(["sample", "model.zip", "--n", "5", "--out", "a.npz", "--device", "cpu"]) == 0
    with np.load("a.npz") as file:
        assert (torch.from_numpy(file["images"]) == mine.sample(5)).all()


def test_the_same_run_gives_the_same_bytes_whatever_the_file_is_called(gan: Path) -> None:
    assert packed(gan).read_bytes() == (packed(gan, "--out", "ünïcode 🐈.ZIP") and Path("ünïcode 🐈.ZIP").read_bytes())
    assert energan.load("ünïcode 🐈.ZIP").sample(1).shape == (1, 1, 32, 32)


def test_what_is_inside(gan: Path) -> None:
    with zipfile.ZipFile(packed(gan)) as file:
        names, record, config = file.namelist(), json.loads(file.read("run.json")), json.loads(file.read("config.json"))
        card = file.read("README.md").decode()
    assert names == ["README.md", "config.json", "run.json", "evaluation.json", "samples.png", "model.safetensors"]
    assert record["signature"] == "" and str(gan.parent) not in json.dumps(record)
    assert config["library_name"] == "energan" and config["system"] == "ebgan-pt" and config["step"] == 4
    assert card.startswith('---\nlibrary_name: "energan"\n') and "license:" not in card
    assert "energan sample model.zip" in card and "CC-BY-4.0" in card and "![samples.png](samples.png)" in card


def test_slim_weights_cannot_be_resumed_and_restart(gan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = packed(gan)
    assert main(["resume", "model.zip", "--steps", "6"]) == 2
    assert "model.zip was packed without its optimizers' state, so it cannot be resumed" in sentence(capsys)
    assert main(["pull", "model.zip", "--out", "own"]) == 0
    assert main(["resume", "own", "--steps", "6"]) == 2
    assert "`energan restart own`" in sentence(capsys)
    assert main(["restart", "model.zip", "--steps", "2", "--out", "again", "--quiet"]) == 0
    assert RunFolder("again").record["restarted_from"]["step"] == 4
    assert main(["sample", "own", "--checkpoint", "best"]) == 2
    assert "own has a single one, model.safetensors: leave --checkpoint out" in sentence(capsys)
    assert main(["pack", "own", "--resumable"]) == 2
    assert "no state of its optimizers" in sentence(capsys)
    own = Path(shutil.move("model.zip", "first.zip"))
    assert packed(Path("own")).read_bytes() == own.read_bytes()  # what was packed is packed again
    assert not leftovers(model.parent / "own")


def test_a_resumable_model_goes_on_as_its_run(gan: Path, tmp_path: Path) -> None:
    packed(gan, "--resumable")
    assert main(["pull", "model.zip", "--out", "own"]) == 0
    assert main(["resume", "own", "--steps", "6", "--quiet"]) == 0
    there = Path(shutil.copytree(gan, tmp_path / "there"))
    assert main(["resume", str(there), "--steps", "6", "--quiet"]) == 0
    assert torch.equal(energan.load("own").sample(4), energan.load(there).sample(4))


def test_nothing_is_written_into_a_copy(gan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    packed(gan)
    folder = run_folder("model.zip")
    before = {path: path.read_bytes() for path in folder.rglob("*")}
    for line in (["evaluate", "model.zip"], ["report", "model.zip"]):
        assert main(line) == 2
        assert "model.zip is a copy that must stay as it is" in sentence(capsys)
    assert main(["walk", "model.zip", "--pairs", "1", "--frames", "2", "--network", "mnist"]) == 0
    assert Path("probes/walk.png").is_file() and Path("probes/walk.json").is_file()
    assert main(["info", "model.zip"]) == 0
    assert {path: path.read_bytes() for path in folder.rglob("*")} == before


def test_a_conditional_run(tmp_path: Path) -> None:
    run = trained(tmp_path / "run", "conditional-ebgan-pt-mnist")
    packed(run)
    assert torch.equal(energan.load("model.zip").sample(4, class_index=3), energan.load(run).sample(4, class_index=3))
    assert main(["sample", "model.zip", "--n", "2", "--class", "all", "--out", "a.npz"]) == 0
    with zipfile.ZipFile("model.zip") as file:
        assert "--class all" in file.read("README.md").decode()


def test_a_run_of_sentences_says_that_their_encoder_is_elsewhere(tmp_path: Path) -> None:
    run = trained(tmp_path / "run", "gan-int-cls-mnist")
    packed(run)
    with zipfile.ZipFile("model.zip") as file:
        card = file.read("README.md").decode()
        assert str(tmp_path) not in card + file.read("run.json").decode()
    assert "The network that reads them is not part of this model" in card and '"text-to-image"' in card
    assert main(["sample", "model.zip", "--n", "2", "--text", "a red one", "--out", "a.npz"]) == 0
    assert main(["sample", str(run), "--n", "2", "--text", "a red one", "--out", "b.npz"]) == 0
    assert Path("a.npz").read_bytes() == Path("b.npz").read_bytes()


def test_a_classifier(tmp_path: Path) -> None:
    run = trained(tmp_path / "run", "ladder-mnist")
    assert main(["evaluate", str(run)]) == 0
    packed(run)
    with zipfile.ZipFile("model.zip") as file:
        assert "samples.png" not in file.namelist() and "test error %" in file.read("README.md").decode()
        assert "uncertain" not in file.read("evaluation.json").decode()
    x = torch.randint(0, 256, (4, 1, 8, 8), dtype=torch.uint8)
    assert torch.equal(energan.load("model.zip").probabilities(x), energan.load(run).probabilities(x))


def test_pictures_with_opacity(tmp_path: Path) -> None:
    see = tmp_path / "see"
    see.mkdir()
    for i in range(6):
        Image.new("RGBA", (16, 16), (200, 20 * i, 0, 40 * i)).save(see / f"{i}.png")
    trained(Path("run"), "dcgan-64", data=str(see), channels=4, size=16, steps=2, batch=4)
    packed(Path("run"))
    with zipfile.ZipFile("model.zip") as file:
        assert "colour with opacity" in file.read("README.md").decode()
    assert torch.equal(energan.load("model.zip").sample(2), energan.load("run").sample(2))
    assert energan.load("model.zip").shape == (4, 16, 16)


def test_a_detector_keeps_its_calibration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, pictures = trained(tmp_path / "run", "autoencoder"), str(tmp_path / "pictures")
    assert main(["score", pictures, "--run", str(run), "--false-alarms", "0.4"]) == 0
    usual = read_calibration(run)
    assert usual is not None
    packed(run)
    there = read_calibration(run_folder("model.zip"))
    assert there is not None and there.threshold == usual.threshold and there.digest != usual.digest
    assert main(["score", pictures, "--run", "model.zip", "--out", "a.csv"]) == 0
    assert main(["score", pictures, "--run", str(run), "--out", "b.csv"]) == 0
    assert Path("a.csv").read_bytes() == Path("b.csv").read_bytes() and "outlier" in Path("a.csv").read_text()
    capsys.readouterr()
    assert main(["score", pictures, "--run", "model.zip", "--normal", pictures, "--split", "all"]) == 2
    assert "model.zip" in sentence(capsys)


@pytest.mark.parametrize(
    ("weights", "why"),
    [
        (b"\x80\x04K\x01.", "is a pickled file"),
        (b"PK\3\4" + bytes(40), "is a pickled file"),
        (claiming(2**40), "is damaged or no safetensors file"),
        (tensor_of(2**42), "is damaged or no safetensors file"),
        (b"", "is damaged or no safetensors file"),
    ],
)
def test_weights_of_a_stranger(gan: Path, weights: bytes, why: str, capsys: pytest.CaptureFixture[str]) -> None:
    damaged("model.safetensors", weights, packed(gan))
    assert main(["sample", "bad.zip", "--n", "2"]) == 2
    assert why in sentence(capsys)
    assert main(["pull", "bad.zip", "--out", "own"]) == 2
    assert not Path("own").exists()


def damaged(name: str, content: bytes, model: Path) -> None:
    with zipfile.ZipFile(model) as file, zipfile.ZipFile("bad.zip", "w") as bad:
        for each in file.namelist():
            bad.writestr(each, content if each == name else file.read(each))


def test_a_record_of_a_stranger_runs_no_code_and_reads_no_files(gan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = packed(gan)
    with zipfile.ZipFile(model) as file:
        record = json.loads(file.read("run.json"))
    record["experiment"]["calls"][0]["call"] = "os:system"
    damaged("run.json", json.dumps(record).encode(), model)
    assert main(["sample", "bad.zip"]) == 2
    assert "os" in sentence(capsys) and copies().is_dir()
    record = json.loads(zipfile.ZipFile(model).read("run.json"))
    record["experiment"]["value"]["dict"]["source"] = "/etc"
    damaged("run.json", json.dumps(record).encode(), model)
    assert main(["pull", "bad.zip", "--out", "own"]) == 0
    assert main(["evaluate", "own"]) == 2
    assert "which its run.json names, is not read: --data says where" in sentence(capsys)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (["--out", "model.tar"], "--out model.tar: a packed model is a .zip"),
        (["--checkpoint", "99"], "there is no checkpoint 99"),
        (["--license", "my own <b>"], "--license 'my own <b>' must be a name"),
    ],
)
def test_bad_input_is_one_sentence(gan: Path, line: list[str], why: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pack", str(gan), *line]) == 2
    assert why in sentence(capsys)
    assert not list(Path().glob("*.zip")) and not list(Path().glob("model*"))


def test_a_folder_that_is_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pack", str(tmp_path)]) == 2
    assert "is not a run folder" in sentence(capsys)
    start(tmp_path / "new")
    assert main(["pack", "new"]) == 2
    assert "new has no checkpoint yet" in sentence(capsys)
