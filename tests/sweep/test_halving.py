"""Trials that are stopped early: who, when, and that a kill changes nothing."""

import json
from pathlib import Path
from typing import Any

import fake_trials
import pytest

from energan.cli import main
from energan.sweep.driver import run
from energan.sweep.folder import read_rows
from energan.sweep.metric import known
from energan.sweep.plan.halving import Halving, Judge, halving
from energan.sweep.plan.space import Points
from energan.sweep.plan.trials import Plan
from energan.sweep.playing import executors
from energan.sweep.playing.executors import Here, Processes
from energan.sweep.playing.play import Keep
from energan.sweep.table import as_row
from energan.utils.errors import UserError


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "play_all", fake_trials.play_all)


def test_looks_are_before_the_end() -> None:
    assert halving(3, None, "", 2700) == Halving(3, 100, "")
    assert halving(3, None, "", 2700).looks(2700) == {100, 300, 900}
    assert halving(2, 4, "FID", 17).looks(17) == {4, 8, 16}
    for given in ((1, None, "", 100), (3, 0, "", 100), (3, 100, "", 100)):
        with pytest.raises(UserError):
            halving(*given)


def test_a_trial_goes_on_where_it_is_among_the_best_of_those_before() -> None:
    judge = Judge(Halving(2, 1, ""))
    # the first has no rival; of two, the better half is one; of three, one; of four, two
    assert [judge(i, 1, cost) for i, cost in enumerate([5.0, 7.0, 4.0, 4.5])] == [False, True, False, False]
    assert judge(0, 2, 5.0) is False  # a later look is another contest
    assert judge(2, 2, 6.0) is True
    assert judge(9, 1, float("nan")) is True
    assert judge(1, 1, 0.0) is True  # asked again, it says what it said: a trial is not counted twice


def test_less_is_better_whatever_the_metric() -> None:
    assert (known("MNIST-FID").key(2.0), known("MNIST-IS").key(2.0), known("FID-MobileNetV2").way) == (2, -2, "lower")


def plan(steps: int = 9) -> Plan:
    rates = [{"lr": lr} for lr in (5.0, 7.0, 4.0, 6.0, 3.0, 8.0, 2.0, 9.0)]
    return Plan("ebgan-pt-mnist", {"steps": steps, "seed": 0}, Points(rates, "test"), (0,), None, Halving(2, 2, ""))


def rows(out: Path) -> list[dict[str, Any]]:
    found = sorted((row for _, row in read_rows(out)), key=lambda row: row["trial"])
    return [{**row, "seconds": 0} for row in found]


@pytest.mark.usefixtures("quick")
def test_a_killed_sweep_has_the_rows_of_one_that_was_not(tmp_path: Path) -> None:
    run(plan(), Here(Keep(tmp_path / "whole")), tmp_path / "whole", quiet=True)
    whole = rows(tmp_path / "whole")
    assert [row["state"] == "stopped" for row in whole] == [False, True, False, True, False, True, False, True]
    assert [row["looks"][-1][0] for row in whole] == [8, 2, 8, 2, 8, 2, 8, 2]
    for left in range(8):
        out = tmp_path / f"killed-{left}"
        run(plan(), Here(Keep(out)), out, quiet=True)
        text = (out / "results.jsonl").read_bytes().splitlines(keepends=True)
        (out / "results.jsonl").write_bytes(b"".join(text[:left]))
        run(plan(), Here(Keep(out)), out, quiet=True)
        assert rows(out) == whole


@pytest.mark.usefixtures("quick")
def test_processes_ask_the_one_that_started_them(tmp_path: Path) -> None:
    out = tmp_path / "sweep"
    run(plan(), Processes(2, Keep(out.resolve())), out, quiet=True)
    states = [row["state"] for row in rows(out)]
    assert sorted(set(states)) == ["finished", "stopped"]
    assert states[6] == "finished"  # the best of all


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "sweep"
    flags = ["--data", "digits", "--steps", "9", "--batch", "8", "--size-g", "8", "--size-d", "8", "--z", "4"]
    told = ["sweep", "ebgan-mnist", *flags, "--over", "lr=1e-3,1e-2,1e-4", "--n", "40", "--quiet", "--out", str(out)]
    assert main([*told, "--halving", "2", "--metric", "MNIST-FID"]) == 0
    found = rows(out)
    assert found[0]["state"] == "finished"
    assert [step for step, _ in found[0]["looks"]] == [1, 2, 4, 8]
    for row in found:
        assert row["step"] == (9 if row["state"] == "finished" else row["looks"][-1][0])
        assert "MNIST-FID" in row["metrics"]
    assert "stopped after" in " ".join(row["message"] for row in found)
    assert json.loads((out / "sweep.json").read_text())["plan"]["halving"] == {
        "factor": 2, "first": 1, "metric": "MNIST-FID",
    }  # fmt: skip
    capsys.readouterr()
    assert main(["sweep", "report", str(out)]) == 0
    assert "<h3>Looks</h3>" in (out / "report.html").read_text()


def test_looks_of_a_stranger_are_no_row(tmp_path: Path) -> None:
    row = fake_trials.play(plan().trial(0), Keep(tmp_path))
    assert as_row(json.dumps(row).encode()) == json.loads(json.dumps(row))
    for looks in ("x", 3, [3], [[3]], [[3, "x"]], [["3", 1.0]], [[3, 1.0, 2]], {"3": 1}, [[-1, 1.0]], [[3, 1e200]]):
        assert as_row(json.dumps({**row, "looks": looks}).encode()) is None


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--halving", "1"], "--halving must be"),
        (["--halving", "2", "--together", "2"], "--halving stops single trials, and --together trains several as one"),
        (["--first-look", "2"], "--first-look is for --halving"),
        (["--halving", "2", "--over", "steps=5,6"], "--halving compares trials after equally many steps"),
        (["--halving", "2", "--first-look", "9"], "--first-look 9 is not before the last of 9 steps"),
        (["--halving", "2", "--metric", "nonsense"], "'nonsense' is not measured here"),
    ],
)
def test_what_cannot_be_halved_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: list[str], sentence: str
) -> None:
    out = tmp_path / "sweep"
    small = ["--data", "digits", "--steps", "9", "--batch", "8", "--size-g", "8", "--size-d", "8", "--z", "4"]
    told = ["sweep", "ebgan-mnist", *small, "--over", "lr=1e-3,1e-2", "--n", "40", "--out", str(out), *flags]
    assert main(told) == 2
    assert sentence in capsys.readouterr().err
    assert not out.exists()
