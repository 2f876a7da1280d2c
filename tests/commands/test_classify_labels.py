"""Classes that nothing can be learned of, classes of different sizes, and the curve of errors against labels."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_runs import sentence

from energan.cli import main
from energan.commands.few_labels import curve
from energan.utils.errors import UserError

SMALL = ["--steps", "4", "--size", "8", "--precision", "fp32", "--device", "cpu", "--quiet"]


def fill(folder: Path, n: int, dark: bool, seed: int = 0) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    for i in range(n):
        pixels = random.integers(0, 100, (9, 9)) + (0 if dark else 150)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{i}.png")


def test_one_class_only_is_refused_by_its_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(tmp_path / "pets" / "cat", 3, True)
    assert main(["classify", "--data", str(tmp_path / "pets"), *SMALL, "--out", str(tmp_path / "run")]) == 2
    assert "pets has one class only (cat): a classifier needs two or more" in sentence(capsys)
    fill(tmp_path / "pets" / "unlabelled", 3, False)
    assert main(["classify", "--data", str(tmp_path / "pets"), *SMALL, "--out", str(tmp_path / "run")]) == 2
    assert "pets has one class only (cat)" in sentence(capsys) and not (tmp_path / "run").exists()


def test_a_class_whose_images_are_all_broken_is_refused_and_an_empty_one_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, dark in (("=1+1", True), ("ünïcode 🐈", False)):
        fill(tmp_path / "pets" / name, 5, dark)
    (tmp_path / "pets" / "bird").mkdir()
    assert main(["classify", "--data", str(tmp_path / "pets"), *SMALL, "--out", str(tmp_path / "run")]) == 0
    said = capsys.readouterr()
    assert "no class, for want of images: the empty folders bird of pets" in said.err
    assert "labels: =1+1 5, ünïcode 🐈 5" in said.out
    (tmp_path / "pets" / "bird" / "a.png").write_bytes(b"no image")
    assert main(["classify", "--data", str(tmp_path / "pets"), *SMALL, "--out", str(tmp_path / "other")]) == 2
    assert "pets has no image of bird, of which nothing can be learned" in sentence(capsys)


def test_few_labels_and_unequal_classes_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(tmp_path / "pets" / "cat", 1, True)
    fill(tmp_path / "pets" / "dog", 12, False)
    fill(tmp_path / "pets" / "unlabelled", 4, False, seed=1)
    flags = ["--data", str(tmp_path / "pets"), *SMALL]
    assert main(["classify", *flags, "--out", str(tmp_path / "run")]) == 0
    said = capsys.readouterr().out
    assert "few labels, so expect errors: cat (1)" in said and "classes have from 1 to 12 labels: --balanced" in said
    assert main(["classify", *flags, "--balanced", "--hold-out", "0.5", "--out", str(tmp_path / "even")]) == 0
    said = capsys.readouterr().out
    assert "--balanced" not in said and "labels: cat 1, dog 6" in said
    assert said.index("--hold-out 0.5 sets 6 labels apart, too few") < said.index("training ladder-mnist")
    assert "not calibrated: 6 labels were set apart for that, which takes 20 or more" in said
    assert json.loads((tmp_path / "even" / "run.json").read_text())["balanced"] is True


def test_a_share_that_sets_nothing_apart_is_said_before(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["classify", "--data", "digits", *SMALL, "--labels", "100", "--hold-out"]
    assert main([*flags, "0.01", "--out", str(tmp_path / "none")]) == 0
    said = capsys.readouterr().out
    assert said.index("--hold-out 0.01 sets 0 labels apart, too few") < said.index("training ladder-mnist")
    for share in ("0", "0.2"):
        assert main([*flags, share, "--out", str(tmp_path / share)]) == 0
        assert "too few to calibrate" not in capsys.readouterr().out


def test_a_curve_has_a_run_for_each_number_and_goes_on_where_it_was_stopped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    flags = ["classify", "--data", "digits", *SMALL, "--out", str(tmp_path / "curve")]
    assert main([*flags, "--label-curve", "20"]) == 0
    began = (tmp_path / "curve" / "labels-20" / "run.json").stat().st_mtime_ns
    capsys.readouterr()
    assert main([*flags, "--label-curve", "50, 20,20"]) == 0
    assert (tmp_path / "curve" / "labels-20" / "run.json").stat().st_mtime_ns == began
    with (tmp_path / "curve" / "curve.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["labels"] for row in rows] == ["20", "50"] and all(row["images"] == "256" for row in rows)
    assert f"    20  {float(rows[0]['error']):.2f}" in capsys.readouterr().out
    with Image.open(tmp_path / "curve" / "curve.png") as drawn:
        assert drawn.size[0] > 300
    monkeypatch.setattr("energan.commands.train.resume", lambda run: 130)
    record = tmp_path / "curve" / "labels-50" / "run.json"
    record.write_text(record.read_text().replace('"state": "finished"', '"state": "stopped"'))
    assert main([*flags, "--label-curve", "20,50"]) == 130
    assert main([*flags, "--label-curve", "20", "--labels", "20"]) == 2
    assert "--labels and --label-curve both say how many labels" in sentence(capsys)


def test_a_curve_joins_no_runs_of_other_settings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["classify", "--data", "digits", *SMALL, "--out", str(tmp_path / "curve")]
    assert main([*flags, "--label-curve", "20"]) == 0
    for more, told in (
        (["--steps", "5", "--label-seed", "3"], "label-seed 3 (there 0), steps 5 (there 4)"),
        (["--system", "improved-gan"], "recipe improved-gan-mnist (there ladder-mnist)"),
        (["--augment", "colour"], "augment colour (there none)"),
    ):
        assert main([*flags, "--label-curve", "10,20", *more]) == 2
        assert f"labels-20 is a run of other settings, and here they are {told}: choose" in sentence(capsys)
    assert not (tmp_path / "curve" / "labels-10").exists()
    assert main([*flags, "--label-curve", "20"]) == 0


def test_a_curve_needs_test_images_and_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(tmp_path / "pets" / "cat", 4, True)
    fill(tmp_path / "pets" / "dog", 4, False)
    flags = ["classify", "--data", str(tmp_path / "pets"), *SMALL, "--out", str(tmp_path / "curve")]
    assert main([*flags, "--label-curve", "4"]) == 2
    assert "has no test error, for want of labelled test images: name some with --test" in sentence(capsys)
    for text in ("", "a", "0", "3,-1", "1.5"):
        with pytest.raises(UserError, match="no list of numbers"):
            curve.numbers(text)
