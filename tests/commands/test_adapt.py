"""The command `adapt`: two folders of a user's own images, of which one has labels."""

import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_runs import fingerprint

import energan
from energan.cli import main
from energan.data import load
from energan.runs.folder import RunFolder
from energan.runs.rebuild import rebuild

SMALL = ["--steps", "6", "--size", "16", "--channels", "1", "--precision", "fp32", "--device", "cpu", "--quiet"]


def bars(folder: Path, n: int, seed: int, invert: bool = False, classes: bool = True) -> Path:
    """n pictures of a bright half, left or right; inverted, they are another domain."""
    random = np.random.default_rng(seed)
    for i in range(n):
        side = ("left", "right")[i % 2]
        picture = random.integers(0, 60, (20, 20), dtype=np.uint8)
        picture[:, slice(0, 10) if side == "left" else slice(10, 20)] += 180
        to = folder / side if classes else folder
        to.mkdir(parents=True, exist_ok=True)
        Image.fromarray(255 - picture if invert else picture).save(to / f"{i:02d}.png")
    return folder


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    return bars(tmp_path / "clean", 12, 0), bars(tmp_path / "inverted", 10, 1, invert=True, classes=False)


def test_a_classifier_of_unlabelled_images_is_trained_by_others(
    tmp_path: Path, folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = folders
    held = bars(tmp_path / "held", 6, 2, invert=True)
    told = ["--source", str(source), "--target", str(target), "--test", str(held), "--out", str(tmp_path / "run")]
    assert main(["adapt", *told, *SMALL]) == 0
    said = capsys.readouterr().out
    assert "clean (12) with labels and inverted (10) without (22), held out: held (6)" in said
    assert "labels: left 6, right 6; without one: 10\n" in said and " of 6 images\n" in said
    record = RunFolder(tmp_path / "run").record
    assert record["recipe"] == "dann-mnist" and record["batch"] == 10 and record["data"]["classes"] == ["left", "right"]
    source_of = rebuild(record).batches(rebuild(record).training_set())
    bright, dark = (float(load(str(each), size=16, channels=1).images.float().mean()) for each in folders)
    for key, expected in (("x", bright), ("u", dark)):  # each of its own domain
        mean = np.mean([float(source_of(k)[key].mean()) for k in range(5)])
        assert 255 * (mean + 1) / 2 == pytest.approx(expected, abs=3)
    assert energan.load(tmp_path / "run").probabilities(load(str(target), size=16, channels=1).images).shape == (10, 2)


@pytest.mark.parametrize("system", ["adda", "pixelda"])
def test_other_systems_adapt_too(tmp_path: Path, folders: tuple[Path, Path], system: str) -> None:
    told = [
        "--source",
        str(folders[0]),
        "--target",
        str(folders[1]),
        "--system",
        system,
        "--out",
        str(tmp_path / "run"),
    ]
    assert main(["adapt", *told, *SMALL]) == 0
    assert RunFolder(tmp_path / "run").record["recipe"] == f"{system}-mnist"


def test_the_recorded_command_adapts_again(tmp_path: Path, folders: tuple[Path, Path]) -> None:
    source, target = folders
    run = tmp_path / "run"
    assert main(["adapt", "--source", str(source), "--target", str(target), "--out", str(run), *SMALL]) == 0
    command = shlex.split(RunFolder(run).record["command"])
    assert command[:2] == ["energan", "adapt"]
    again = [text.replace(str(run), str(tmp_path / "again")) for text in command[1:]]
    assert main(again) == 0
    assert fingerprint(RunFolder(tmp_path / "again").checkpoint()) == fingerprint(RunFolder(run).checkpoint())


def test_labels_of_the_target_are_not_read(tmp_path: Path, folders: tuple[Path, Path]) -> None:
    images, runs = np.random.default_rng(0).integers(0, 256, (10, 16, 16), dtype=np.uint8), []
    for name, labels in (("some", np.arange(10) % 2), ("others", np.arange(10) % 5)):
        np.savez(tmp_path / "target.npz", x=images, y=labels)
        told = ["--source", str(folders[0]), "--target", str(tmp_path / "target.npz"), "--out", str(tmp_path / name)]
        assert main(["adapt", *told, *SMALL]) == 0
        runs.append(fingerprint(RunFolder(tmp_path / name).checkpoint()))
    assert runs[0] == runs[1]


def test_an_error_on_images_of_the_training_is_not_called_held_out(
    tmp_path: Path, folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """A target whose classes are known, and that holds nothing out: its labels tell the error, and no more."""
    target = bars(tmp_path / "known", 10, 1, invert=True)
    told = ["--source", str(folders[0]), "--target", str(target), "--out", str(tmp_path / "run")]
    assert main(["adapt", *told, *SMALL]) == 0
    said = capsys.readouterr().out
    assert "tested on, 10 of them trained on without labels: known (10)" in said and "held out" not in said


def test_nothing_of_the_target_has_labels_and_that_is_said(
    tmp_path: Path, folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = folders
    assert main(["adapt", "--source", str(source), "--target", str(target), "--out", str(tmp_path / "r"), *SMALL]) == 0
    said = capsys.readouterr().out
    assert "held out: none" in said and "no test error: there are no labelled test images" in said


@pytest.mark.parametrize(
    "change, sentence",
    [
        (lambda s, t: ("--source", str(t), "--target", str(t)), "no labels"),
        (lambda s, t: ("--source", str(s), "--target", str(t / "nothing")), "nothing"),
        (lambda s, t: ("--source", str(s), "--target", str(t), "--size", "8"), "16 x 16 pixels or more, not 8 x 8"),
        (lambda s, t: ("--source", str(s), "--target", str(t), "--weight", "-1"), "weight"),
        (
            lambda s, t: ("--source", str(s), "--target", str(t), "--weight", "1", "--system", "adda"),
            "--weight is DANN's",
        ),
        (lambda s, t: ("--source", str(s), "--target", str(t / "00.png")), "has one image: a target needs two or more"),
        (lambda s, t: ("--source", str(s / "left"), "--target", str(t)), "left"),
    ],
)
def test_what_cannot_be_adapted_is_one_sentence(
    tmp_path: Path, folders: tuple[Path, Path], change, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    told = [*SMALL, *change(*folders), "--out", str(tmp_path / "run")]
    assert main(["adapt", *told]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1 and sentence in said[0]
    assert not (tmp_path / "run").exists()
