"""The command `sweep`, its trials played in earnest, and its page."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import fake_trials
import pyarrow.parquet
import pytest

from energan.cli import main
from energan.evaluation import evaluate
from energan.sweep.plan.trials import Result, Trial
from energan.sweep.playing import executors
from energan.sweep.playing.play import Keep
from energan.sweep.report.page import write_page

TINY = ["--data", "digits", "--width", "4", "--z", "8", "--batch", "8", "--steps", "4", "--n", "64", "--quiet"]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "play_all", fake_trials.play_all)


def sweep(out: Path, *flags: str, recipe: str = "ebgan-pt-mnist") -> int:
    return main(["sweep", recipe, *TINY, "--out", str(out), *flags])


def rows(out: Path) -> list[dict[str, Any]]:
    return pyarrow.parquet.read_table(out / "results.parquet").to_pylist()


def test_a_trial_is_what_train_and_evaluate_give(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same metrics as a run of the same arguments; what explodes is a row, and what was kept is a run folder."""
    out = tmp_path / "a"
    assert sweep(out, "--over", "lr=0.001,1e30", "--seeds", "3", "--runs", "--sheets") == 0
    said = capsys.readouterr().out
    assert "2 of 2 trials: 1 finished, 1 diverged" in said and "best by MNIST-FID (lower is better)" in said
    finished, diverged = rows(out)
    assert diverged["state"] == "diverged" and "training diverged before step" in diverged["message"]
    run = tmp_path / "run"
    flags = [*TINY[: TINY.index("--n")], "--quiet", "--lr", "0.001", "--seed", "3", "--save-every", "4"]
    assert main(["train", "ebgan-pt-mnist", *flags, "--out", str(run)]) == 0
    for folder in (run, out / "runs" / "000000"):
        metrics = evaluate(folder, n=64)["metrics"]
        assert {name: finished[name] for name in metrics} == pytest.approx(metrics, rel=1e-5)
    assert (out / "sheets" / "000000.png").is_file() and not (out / "runs" / "000001").exists()
    assert main(["sample", str(out / "runs" / "000000"), "--n", "2", "--out", str(tmp_path / "s.png")]) == 0
    assert main(["sweep", "report", str(out)]) == 0
    assert "grew from" in (out / "report.html").read_text() or "became" in (out / "report.html").read_text()


@pytest.mark.usefixtures("quick")
def test_a_run_s_settings_are_the_defaults(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, out = tmp_path / "run", tmp_path / "a"
    tiny = [*TINY[: TINY.index("--n")], "--save-every", "4", "--quiet"]
    assert main(["train", "ebgan-pt-mnist", *tiny, "--seed", "5", "--margin", "7", "--out", str(run)]) == 0
    capsys.readouterr()
    given = ["--config", str(run), "--over", "lr=101,102", "--z", "9", "--out", str(out)]
    assert main(["sweep", *given]) == 0  # the recipe is the run's
    assert f"settings of {run}, but for z 9 (there 8)" in capsys.readouterr().out
    plan = json.loads((out / "sweep.json").read_text())["plan"]
    assert {name: plan["arguments"][name] for name in ("margin", "width", "z")} == {"margin": 7, "width": 4, "z": 9}
    assert [row["seed"] for row in rows(out)] == [5, 5]
    assert main(["sweep", "ebgan-pt-mnist", *given[:-1], str(tmp_path / "b"), "--seeds", "1", "2"]) == 0
    assert sorted(row["seed"] for row in rows(tmp_path / "b")) == [1, 1, 2, 2]
    assert main(["sweep", "--over", "lr=1"]) == 2
    assert "needs a recipe first" in capsys.readouterr().err
    assert main(["sweep", "gan-mnist", *given]) == 2
    assert "is a run of ebgan-pt-mnist, not of gan-mnist" in capsys.readouterr().err


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_ctrl_c_saves_and_the_same_command_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], jobs: str
) -> None:
    out, command = tmp_path / "a", ("--over", "lr=101:160:60", "--jobs", jobs)
    add = executors.Here.rows if jobs == "1" else executors.Processes.rows

    def interrupted(self: Any, *given: Any) -> Any:
        for number, row in enumerate(add(self, *given)):
            yield row
            if number == 3:
                os.kill(os.getpid(), signal.SIGINT)

    owner = executors.Here if jobs == "1" else executors.Processes
    with monkeypatch.context() as patch:
        patch.setattr(owner, "rows", interrupted)
        assert sweep(out, *command) == 130
    assert "the same command goes on" in capsys.readouterr().out
    assert 4 <= len(rows(out)) < 60
    assert sweep(out, *command) == 0
    assert [row["lr"] for row in rows(out)] == list(range(101, 161))


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ([], "--over"),
        (["--over", "lt=1"], "has no flag 'lt': did you mean"),
        (["--over", "lr=a"], "'a' is no value of --lr"),
        (["--over", "lr=2:1"], "is empty"),
        (["--over", "lr=1:2"], "give --sample or --sobol"),
        (["--over", "lr=1,2", "--sample", "3"], "more than the 2 settings"),
        (["--over", "lr=1:2", "--sample", "3", "--sobol", "3"], "two ways"),
        (["--over", "lr=1:2", "--sample", "-3"], "--sample must be 0 or above"),
        (["--over", "lr=1:2", "--sobol", "1000000000"], "at most"),
        (["--over", "lr=1", "--points", "x.json"], "leave out --over"),
        (["--points", "x.json"], "cannot read --points x.json"),
        (["--points", "no.module:f"], "gave no settings"),
        (["--over", "lr=1", "--seeds", "1", "1"], "different numbers"),
        (["--over", "lr=1", "--seeds", "-1"], "--seeds must be from 0"),
        (["--over", "lr=1", "--seeds", "1", "--seed", "4"], "give one"),
        (["--over", "lr=1", "--jobs", "0"], "--jobs must be 1 or more"),
        (["--over", "lr=1", "--metric", "FID"], "there are MNIST-FID, IS"),
    ],
)
def test_wrong_flags_are_told_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: list[str], said: str
) -> None:
    assert sweep(tmp_path / "a", *flags) == 2
    err = capsys.readouterr().err
    assert said in err and err.count("\n") == 1 and err.startswith("energan: ")
    if "--metric" not in flags:
        assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--over", "lr=-1,1"], "first trial (lr -1.0) cannot be trained: lr must be above 0"),
        (["--over", "lr=1", "--data", "none/such"], "none/such"),
        (["--over", "batch=auto"], "is for energan train"),
    ],
)
def test_what_cannot_be_trained_at_all_ends_the_sweep(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: list[str], said: str
) -> None:
    assert sweep(tmp_path / "a", *flags) == 2
    assert said in capsys.readouterr().err.replace("`", "") and not (tmp_path / "a").exists()


@pytest.mark.usefixtures("quick")
def test_the_page_shows_what_there_is(tmp_path: Path) -> None:
    out = tmp_path / "a"
    assert sweep(out, "--over", "lr=1,2,15", "--over", "z=4,8", "--seeds", "0", "1") == 0
    page = write_page(out, "MNIST-FID").read_text()
    for words in ("Histogram", "Main effects", "Parallel coordinates", "By setting", "Lower is better", "became inf"):
        assert words in page
    assert page.count("<svg") == 4 and page.count('class="rest"') + page.count('class="best"') == 8
    assert "<script" not in page and "default-src 'none'" in page
    assert main(["sweep", "report", str(out), "--metric", "KID"]) == 2


def test_a_page_of_a_stranger_is_text_alone(tmp_path: Path) -> None:
    """What the files call things is a stranger's; what is missing is named."""
    evil = '<script>alert("x")</script>'
    plan = {"recipe": evil, "arguments": {evil: [evil]}, "space": {evil: {evil: evil}}, "seeds": evil}
    (tmp_path / "sweep.json").write_text(json.dumps({"format": 1, "plan": plan, "command": evil, "energan": evil}))
    assert "No trial has been measured yet" in write_page(tmp_path).read_text()
    row = {"trial": 0, "identity": evil, "seed": 0, "state": "finished", "message": evil, "step": 1, "seconds": 1}
    some = [
        row | {"trial": i, "setting": {evil: value, "b": 2.5}, "metrics": {evil: i * 1.5}}
        for i, value in enumerate([evil, 3, None, [1, {evil: 2}], -1e308, 10**400, True])
    ]
    some += [
        row | {"trial": 9, "setting": {}, "metrics": {evil: None}},
        row | {"trial": 10, "setting": {}, "metrics": {}},
    ]
    some += [row | {"trial": 11, "state": "failed", "setting": {evil: evil}, "metrics": {}}]
    (tmp_path / "results.jsonl").write_text("".join(json.dumps(line) + "\n" for line in some))
    page = write_page(tmp_path).read_text()
    assert "<script" not in page and "&lt;script" in page and "<svg" in page
    (tmp_path / "sheets").symlink_to("/etc")
    write_page(tmp_path)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"format": 1}', '{"plan": {}}', '{"format": 7, "plan": {}}', "[" * 9999]
)
def test_a_folder_that_is_no_sweep_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    assert main(["sweep", "report", str(tmp_path)]) == 2
    assert "is no sweep" in capsys.readouterr().err
    (tmp_path / "sweep.json").write_text(text)
    assert main(["sweep", "report", str(tmp_path)]) == 2
    err = capsys.readouterr().err
    assert ("damaged" in err or "format" in err) and err.count("\n") == 1


def test_an_error_in_one_trial_is_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from energan.sweep.playing.play import play

    def broken(trial: Trial, *given: Any) -> Any:
        raise RuntimeError("of another kind\nin two lines")

    monkeypatch.setattr("energan.sweep.playing.play._played", broken)
    row: Result = play(Trial(3, "id", "gan-mnist", {}, {"lr": 1}, 0, None), Keep(tmp_path))
    assert (row["state"], row["message"]) == ("failed", "RuntimeError: of another kind in two lines")
