"""Trials as one program: which ones are, and that each has the row that it has alone."""

from pathlib import Path
from typing import Any

import pytest

import energan
from energan.cli import main
from energan.sweep.folder import read_rows
from energan.sweep.plan.space import Points
from energan.sweep.plan.trials import Plan, Trial
from energan.sweep.playing.play import GivenUp, Keep, play
from energan.sweep.playing.together import WAITING, groups, play_all

SMALL: dict[str, Any] = {
    "data": "digits", "steps": 6, "batch": 8, "z": 4, "size_g": 16, "size_d": 16, "layers_g": 2, "precision": "fp32",
}  # fmt: skip


def trials(*settings: dict[str, Any], recipe: str = "ebgan-mnist", **common: Any) -> list[Trial]:
    plan = Plan(recipe, SMALL | common, Points(settings, "test"), (0,), 40)
    return [plan.trial(i) for i in range(len(plan))]


def numbers(found: list[list[Trial]]) -> list[list[int]]:
    return [[trial.number for trial in group] for group in found]


def test_trials_are_grouped_by_the_shape_of_their_nets() -> None:
    mixed = trials(
        {"lr": 1e-3}, {"size_g": 8}, {"lr": 1e-4}, {"margin": 3.0}, {"size_g": 8, "lr": 1e-4}, {"pt": 0.1},
        {"steps": 3}, {"batch": 4}, {"dropout_d": 0.5}, {"ema": 0.9}, {"ema": 0.9}, {"layers_g": 0}, {"lr": 2e-3},
    )  # fmt: skip
    assert numbers(list(groups(iter(mixed), 2))) == [[0, 2], [1, 4], [9], [10], [11], [3, 12], [5], [6], [7], [8]]
    assert numbers(list(groups(iter(mixed), 1))) == [[i] for i in range(13)]


def test_trials_whose_turns_come_in_another_order_are_no_group() -> None:
    common = {"data": "digits", "steps": 6, "batch": 8, "width": 2, "precision": "fp32"}
    settings = ({"critic_steps": 1}, {"critic_steps": 2}, {"critic_steps": 1, "lr": 1e-4})
    plan = Plan("wgan-mnist", common, Points(settings, "test"), (0,), 40)
    mixed = [plan.trial(i) for i in range(len(plan))]
    assert numbers(list(groups(iter(mixed), 2))) == [[0, 2], [1]]


def test_few_trials_wait() -> None:
    taken = []

    def stream() -> Any:
        for trial in trials(*({"size_g": 4 + i} for i in range(30))):
            taken.append(trial.number)
            yield trial

    found = groups(stream(), 2)
    assert next(found)[0].number == 0
    assert len(taken) == 2 * WAITING
    assert sorted(number for group in found for number in numbers([group])[0]) == list(range(1, 30))


def test_models_that_memory_does_not_take_are_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("energan.sweep.playing.together._room", lambda experiment: 3)
    assert list(map(len, groups(iter(trials(*({"lr": 1e-3 * i} for i in range(1, 9)))), 8))) == [3, 3, 2]


@pytest.mark.parametrize("recipe", ["ebgan-mnist", "gan-mnist"])
def test_each_has_the_row_that_it_has_alone(tmp_path: Path, recipe: str) -> None:
    """But for rounding: many products are one larger product."""
    given = {"optim_g": "adam", "optim_d": "adam"} if recipe == "gan-mnist" else {}
    some = trials({"lr": 1e-3}, {"lr": 3e-3}, {"lr": 1e-3, "z": 4}, recipe=recipe, **given)
    keep = Keep(tmp_path, sheets=True, runs=True)
    for together, trial in zip(play_all(some, keep), some, strict=True):
        alone = play(trial, Keep(tmp_path / "alone"))
        assert {**together, "metrics": 0, "seconds": 0} == {**alone, "metrics": 0, "seconds": 0}
        assert together["metrics"] == pytest.approx(alone["metrics"], rel=0.02, abs=0.1)
        assert (tmp_path / "sheets" / f"{trial.number:06d}.png").stat().st_size
        assert energan.load(tmp_path / "runs" / f"{trial.number:06d}").sample(2).shape[0] == 2


def test_one_that_diverges_takes_no_other_with_it(tmp_path: Path) -> None:
    good, bad, alone = play_all(trials({"lr": 1e-3}, {"lr": 1e18}), Keep(tmp_path)) + play_all(
        trials({"lr": 1e-3}), Keep(tmp_path)
    )
    assert bad["state"] == "diverged"
    assert bad["message"].startswith("training diverged before step")
    assert 0 < bad["step"] < good["step"]
    assert good["state"] == "finished"
    assert good["metrics"] == pytest.approx(alone["metrics"], rel=0.02, abs=0.1)


def test_what_cannot_be_one_program_is_played_one_after_another(tmp_path: Path) -> None:
    rows = play_all(trials({"size_g": 8}, {"size_g": 16}, {"layers_d": 1}), Keep(tmp_path))
    assert [row["state"] for row in rows] == ["finished", "finished", "refused"]


def test_it_is_given_up_between_two_steps(tmp_path: Path) -> None:
    with pytest.raises(GivenUp):
        play_all(trials({"lr": 1e-3}, {"lr": 2e-3}), Keep(tmp_path), stop=lambda: True)


@pytest.mark.parametrize("jobs", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_the_command(tmp_path: Path, jobs: str, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "sweep"
    flags = ["--data", "digits", "--steps", "3", "--batch", "8", "--size-g", "8", "--size-d", "8", "--z", "4"]
    told = ["sweep", "ebgan-mnist", *flags, "--over", "lr=1e-3,2e-3,3e-3", "--together", "3", "--n", "40"]
    assert main([*told, "--jobs", jobs, "--out", str(out), "--quiet"]) == 0
    assert sorted(row["trial"] for _, row in read_rows(out)) == [0, 1, 2]
    assert main([*told, "--precision", "bf16", "--out", str(tmp_path / "b")]) == 2
    assert "--together trains in fp32, and --precision is bf16" in capsys.readouterr().err
