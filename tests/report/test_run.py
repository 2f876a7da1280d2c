"""A run as Python and notebooks see it."""

import json
import os
from pathlib import Path

import pytest
from report_runs import change, make_classifier, make_run

from energan import Run
from energan.utils.errors import UserError


def test_a_run_is_shown_with_curves_samples_and_measures(tmp_path: Path):
    run = Run(make_run(tmp_path / "<b>ünïcode 🐈=1+1"))
    page = run._repr_html_()
    assert "&lt;b&gt;ünïcode 🐈=1+1" in page and "<b>" not in page and "<script" not in page
    assert "It finished." in page and "MNIST-FID 12.34" in page and "step 3,000 of 3,000" in page
    assert page.count("<img") == 6  # training images, four sheets over time, the curves
    assert len(page) < 600_000


def test_what_a_run_says_of_itself(tmp_path: Path):
    run = Run(make_run(tmp_path / "run"))
    assert run.state == "finished" and run.metrics["MNIST-FID"] == 12.34
    assert run.record["recipe"] == json.loads((run.path / "run.json").read_text())["recipe"]
    logged = run.logged("E(x)")
    assert logged and all("E(x)" in name for name in logged)
    steps = [step for step, _ in next(iter(logged.values()))]
    assert steps == sorted(steps) and run.logged("no such") == {}
    assert os.fspath(run) == str(tmp_path / "run") and repr(run) == f"Run({str(tmp_path / 'run')!r})"
    assert len(run.figure(charts=2).axes) == 2


def test_a_run_of_which_little_is_left_is_shown_as_far_as_it_goes(tmp_path: Path):
    path = make_run(tmp_path / "run")
    for name in ("log.jsonl", "evaluation.json", "real.png"):
        (path / name).unlink()
    for sheet in (path / "samples").iterdir():
        sheet.write_bytes(b"broken")
    page = Run(path)._repr_html_()
    assert "<img" not in page and "measured" not in page and "recipe" in page
    assert Run(path).metrics == {} and len(Run(path).figure().axes) == 1


def test_a_strangers_words_are_escaped(tmp_path: Path):
    path = make_run(tmp_path / "run")
    change(path, recipe="<script>alert(1)</script>")
    assert "<script" not in Run(path)._repr_html_()


def test_a_classifier_is_shown_too(tmp_path: Path):
    assert "It finished." in Run(make_classifier(tmp_path / "run"))._repr_html_()


def test_what_is_no_run_is_refused(tmp_path: Path):
    with pytest.raises(UserError, match="not a run folder"):
        Run(tmp_path)
