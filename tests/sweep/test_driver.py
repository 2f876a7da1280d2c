"""A sweep loses no trial and plays none twice, whatever moment it is killed at, and by whomever."""

import json
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fake_trials
import kills
import psutil
import pyarrow.parquet
import pytest

from energan.sweep.driver import run
from energan.sweep.folder import SweepFolder, read_rows
from energan.sweep.plan.space import Grid, Sample, axes
from energan.sweep.plan.trials import Plan
from energan.sweep.playing import executors
from energan.sweep.playing.executors import Here, Processes
from energan.sweep.playing.play import GivenUp, Keep
from energan.utils.errors import UserError

TYPES = {"lr": float, "z": int}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "play_all", fake_trials.play_all)
    monkeypatch.setattr("energan.sweep.folder.environment", lambda: {"cores": 1})


def plan(lrs: str = "1,2,3,4,5,6", seeds: tuple[int, ...] = (0, 1)) -> Plan:
    return Plan("ebgan-pt-mnist", {"lr": 0.5, "steps": 3, "seed": 0}, Grid(axes([f"lr={lrs}"], TYPES)), seeds)


def table(folder: Path) -> list[dict[str, Any]]:
    return pyarrow.parquet.read_table(folder / "results.parquet").to_pylist()


def here(out: Path, what: Plan, **options: Any) -> SweepFolder:
    return run(what, Here(Keep(out)), out, quiet=True, **options)


def played(out: Path) -> list[int]:
    return list(map(int, (out / "played").read_text().split()))


def test_a_sweep_has_a_row_for_each_trial_in_order(tmp_path: Path) -> None:
    folder = here(tmp_path / "a", plan())
    rows = table(folder.path)
    assert [row["trial"] for row in rows] == list(range(12)) and folder.done == 12
    assert [(row["lr"], row["seed"]) for row in rows] == [(lr, seed) for lr in range(1, 7) for seed in (0, 1)]
    assert [row["MNIST-FID"] for row in rows] == [lr + seed / 10 for lr in range(1, 7) for seed in (0, 1)]
    assert len({row["identity"] for row in rows}) == 12
    here(tmp_path / "a", plan())
    assert played(tmp_path / "a") == list(range(12))  # none twice


def test_a_trials_identity_is_of_all_that_it_is_made_of() -> None:
    one = plan().trial(3).identity
    assert one == plan().trial(3).identity == plan("1,2,7").trial(3).identity
    base = {"lr": 0.5, "steps": 3, "seed": 0}
    space = Grid(axes(["lr=1,2"], TYPES))
    others = [
        Plan("gan-mnist", base, space, (0, 1)),
        Plan("ebgan-pt-mnist", {**base, "steps": 4}, space, (0, 1)),
        Plan("ebgan-pt-mnist", base, space, (0, 2)),
        Plan("ebgan-pt-mnist", base, Grid(axes(["lr=1,2.5"], TYPES)), (0, 1)),
        Plan("ebgan-pt-mnist", base, space, (0, 1), samples=9),
    ]
    assert len({one, *(other.trial(3).identity for other in others)}) == 6


def test_what_diverges_is_a_result(tmp_path: Path) -> None:
    here(tmp_path / "a", plan("1,15"))
    row = table(tmp_path / "a")[2]
    assert (row["state"], row["step"], row["MNIST-FID"]) == ("diverged", 2, None) and "became inf" in row["message"]


def killed(child: Callable[[], object], folder: Path, at_event: int) -> bool:
    """Whether a forked process that does this was killed: at a call that opens, renames or makes a file there."""
    number = os.fork()
    if number == 0:
        kills.counting.folder, kills.counting.count, kills.counting.end = str(folder), 0, at_event
        try:
            child()
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(number, 0)[1])


def test_kills_of_the_driver_leave_the_same_table(tmp_path: Path) -> None:
    whole, out, chance, count = here(tmp_path / "whole", plan()), tmp_path / "killed", random.Random(0), 0
    for _ in range(20):
        count += killed(lambda: here(out, plan()), out, chance.randint(1, 16))
    here(out, plan())
    assert count > 10  # the others had nothing left to do
    assert table(out) == table(whole.path)
    assert sorted(row["trial"] for _, row in read_rows(out)) == list(range(12))  # each once


@pytest.mark.parametrize("cut", [1, 30, 90])
def test_half_a_row_is_played_again(tmp_path: Path, cut: int) -> None:
    whole = table(here(tmp_path / "a", plan()).path)
    path = tmp_path / "a" / "results.jsonl"
    path.write_bytes(path.read_bytes()[:-cut])
    for _ in range(2):  # the second time, there is nothing to play
        here(tmp_path / "a", plan())
    assert table(tmp_path / "a") == whole and played(tmp_path / "a") == [*range(12), 11]
    assert len(path.read_bytes().splitlines()) == 12


def test_rows_of_a_stranger_are_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = table(here(tmp_path / "a", plan()).path)
    path = tmp_path / "a" / "results.jsonl"
    lines = path.read_text().splitlines()
    alien = json.loads(lines[3]) | {"identity": "0" * 16, "metrics": {"MNIST-FID": 0.0}}
    noise = ["[1]", "\x00\x00", '{"trial": 3}', "[" * 10_000, lines[5].replace("finished", "won"), json.dumps(alien)]
    beyond = json.loads(lines[4]) | {"trial": 10**9}
    path.write_text("\n".join([*noise, json.dumps(beyond), *lines[:3], *lines[4:]]) + "\n")
    here(tmp_path / "a", plan())
    assert table(tmp_path / "a") == whole and played(tmp_path / "a")[12:] == [3]
    assert "2 rows of" in capsys.readouterr().err


def test_a_larger_sample_goes_on_from_a_smaller_one(tmp_path: Path) -> None:
    def sampled(n: int) -> Plan:
        return Plan("ebgan-pt-mnist", {"lr": 0.5}, Sample(axes(["lr=1:9"], TYPES), n, 0), (0,))

    few = table(here(tmp_path / "a", sampled(3)).path)
    assert table(here(tmp_path / "a", sampled(5)).path)[:3] == few and played(tmp_path / "a") == list(range(5))
    with pytest.raises(UserError, match="holds a sweep of 5 settings"):
        here(tmp_path / "a", sampled(4))


def test_another_sweep_or_anything_else_in_the_folder_is_refused(tmp_path: Path) -> None:
    here(tmp_path / "a", plan())
    before = (tmp_path / "a" / "sweep.json").read_text()
    for other, said in ((plan("1,2"), "over"), (plan(seeds=(0,)), "seeds")):
        with pytest.raises(UserError, match=rf"holds another sweep \({said}"):
            here(tmp_path / "a", other)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "mine").touch()
    (tmp_path / "c").touch()
    for name in "bc":
        with pytest.raises(UserError, match="is there already"):
            here(tmp_path / name, plan())
    for text in ("{", "[]", '{"format": 1}', '{"format": 99, "plan": {}}', '{"format": "1", "plan": {}}'):
        (tmp_path / "a" / "sweep.json").write_text(text)
        with pytest.raises(UserError, match=r"damaged|format"):
            here(tmp_path / "a", plan())
    (tmp_path / "a" / "sweep.json").write_text(before)
    with SweepFolder(tmp_path / "a", plan()).locked(), pytest.raises(UserError, match="another process plays"):
        here(tmp_path / "a", plan())


def test_a_sweep_whose_first_trial_is_refused_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "play_all", lambda trials, *_: [trials[0].row("refused", "no such images")])
    with pytest.raises(UserError, match=r"first trial \(lr 1\.0\) cannot be trained: no such images"):
        here(tmp_path / "a", plan())
    assert not (tmp_path / "a").exists()


def of_states(*states: str) -> Callable[..., list[Any]]:
    """Plays trials one by one: the first ones end in these states, all others are finished."""

    def play(trials: list[Any], *_: Any) -> list[Any]:
        n = trials[0].number
        return [trials[0].row(states[n], "no memory") if n < len(states) else trials[0].row("finished")]

    return play


def test_a_sweep_whose_first_two_trials_fail_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "play_all", of_states("failed", "failed"))
    with pytest.raises(UserError, match=r"first trial \(lr 1\.0\) cannot be trained: no memory"):
        here(tmp_path / "a", plan())
    assert not (tmp_path / "a").exists()


def test_one_trial_that_fails_first_is_a_result_where_the_next_one_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executors, "play_all", of_states("failed"))
    here(tmp_path / "a", plan("1,2", seeds=(0,)))
    assert [row["state"] for row in table(tmp_path / "a")] == ["failed", "finished"]


def test_of_a_trial_that_failed_and_one_that_is_refused_the_second_says_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executors, "play_all", of_states("failed", "refused"))
    with pytest.raises(UserError, match=r"second trial \(lr 2\.0\) cannot be trained"):
        here(tmp_path / "a", plan("1,2", seeds=(0,)))


def test_a_sweep_that_is_stopped_after_its_first_trial_failed_keeps_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failed_then_stopped(trials: list[Any], *_: Any) -> list[Any]:
        if trials[0].number:
            raise GivenUp
        os.kill(os.getpid(), signal.SIGTERM)
        return [trials[0].row("failed", "no memory")]

    monkeypatch.setattr(executors, "play_all", failed_then_stopped)
    here(tmp_path / "a", plan("1,2", seeds=(0,)))
    assert [row["state"] for row in table(tmp_path / "a")] == ["failed"]
    monkeypatch.setattr(executors, "play_all", of_states())
    here(tmp_path / "a", plan("1,2", seeds=(0,)))
    assert [row["state"] for row in table(tmp_path / "a")] == ["failed", "finished"]


def test_a_sweep_of_one_trial_that_fails_ends(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot be trained: its process died by SIGKILL, twice"):
        run(plan("13", seeds=(0,)), Processes(1, Keep(tmp_path / "a")), tmp_path / "a", quiet=True)


def test_a_metric_that_nobody_measures_is_told_after_one_trial(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(UserError, match="'FID' is not measured here: there are MNIST-FID, IS"):
            here(tmp_path / "a", plan(), metric="FID")
    assert played(tmp_path / "a") == [0]


def test_workers_that_die_cost_no_other_trial(tmp_path: Path) -> None:
    out = tmp_path / "a"
    run(plan("1,13,14,2,15", seeds=(0,)), Processes(2, Keep(out)), out, quiet=True)
    rows = table(out)
    assert [row["state"] for row in rows] == ["finished", "failed", "finished", "finished", "diverged"]
    assert rows[1]["message"] == "its process died by SIGKILL, twice"
    assert sorted(played(out)) == [0, 1, 1, 2, 2, 3, 4]
    assert [row["MNIST-FID"] for row in rows] == [1.0, None, 14.0, 2.0, None]


def test_workers_give_the_table_of_one_process_and_end_with_a_killed_driver(tmp_path: Path) -> None:
    many = ",".join(map(str, range(100, 160)))
    whole, out = here(tmp_path / "whole", plan(many)), tmp_path / "killed"
    end = time.monotonic() + 20

    number = os.fork()
    if number == 0:
        try:
            run(plan(many), Processes(2, Keep(out)), out, quiet=True)
        finally:
            os._exit(0)
    while not (out / "results.jsonl").exists() and time.monotonic() < end:
        time.sleep(0.01)
    workers = psutil.Process(number).children(recursive=True)
    os.kill(number, signal.SIGKILL)
    os.waitpid(number, 0)
    assert len(workers) >= 2 and not psutil.wait_procs(workers, timeout=10)[1]  # nobody plays on, or waits
    assert len(played(out)) < 120
    run(plan(many), Processes(2, Keep(out)), out, quiet=True)
    assert table(out) == table(whole.path)
