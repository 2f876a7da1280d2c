"""Verdicts on made histories: each rule at its threshold, their order, and what to type next."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_runs import make_run
from small_runs import log, resumed, trained

from energan.cli import main
from energan.runs.folder import RunFolder
from energan.runs.reader import read
from energan.training.verdict import KINDS, Look, flat_since, judge, looks_of, not_yet, verdict, verdict_of
from energan.training.verdict.commands import Settings, next_command
from energan.training.verdict.of_run import settled


def looks(*distances: float, **others: float | list[float]) -> list[Look]:
    """Looks of these distances, every 100 steps; others: a value of all, or a list of each one's."""

    def of(i: int) -> dict[str, float]:
        return {name: v[i] if isinstance(v, list) else v for name, v in others.items()}

    return [Look(100 * (i + 1), {"distance": d, **of(i)}) for i, d in enumerate(distances)]


def kind(*distances: float, **others: Any) -> str | None:
    found = judge(looks(*distances, **others))
    return found and found.kind


FLAT = [0.3, 0.31, 0.3, 0.31, 0.3, 0.31, 0.3, 0.31]


def test_two_looks_are_too_few() -> None:
    assert kind() is None and kind(0.5) is None and kind(0.5, 0.1) is None


def test_why_there_is_no_verdict_yet() -> None:
    lines = [{"step": 50 * i, "diagnosis": {"distance": 0.4, "spread": 1.0}} for i in range(1, 6)]
    record = {"steps": 1000, "ema": {"G": 0.999}}
    assert not_yet(record, []) == not_yet(record, [{"step": 50}]) == ""  # as of a classifier
    assert not_yet(record, lines[:1]).startswith("none yet, of 1 look: it takes 3")
    assert not_yet(record, lines[:2]).startswith("none yet, of 2 looks: it takes 3")
    assert verdict(record, lines, Path("run")) is None
    assert not_yet(record, lines).endswith("before 6 looks, the last 5 of them from step 1000 on")


def test_what_falls_is_improving_and_the_sentence_has_the_numbers() -> None:
    found = judge(looks(0.5, 0.4, 0.3, 0.25, 0.22, 0.2, 0.19))
    assert found is not None and found.kind == "still improving"
    # before the last 5 looks the least is 0.4, at step 200; the changes are .1 .1 .05 .03 .02 .01: median 0.04
    assert found.sentence == (
        "the distance of samples to training images fell from 0.4 (step 200) to 0.19 within the last 5 looks, by more "
        "than its noise (0.04)"
    )


def test_what_jumps_by_no_more_than_its_noise_is_flat() -> None:
    found = judge(looks(*FLAT))
    assert found is not None and found.kind == "flat" and "below 0.3 (step 100)" in found.sentence
    assert kind(*FLAT, 0.28) == "still improving"  # by 0.02, and the noise is 0.01


def test_nothing_bad_is_said_before_samples_show_what_was_learned() -> None:
    assert judge(looks(*FLAT, spread=0.0), settled=400) is not None
    assert judge(looks(*FLAT, spread=0.0), settled=500) is None  # the last five looks begin at 400
    assert judge(looks(0.5, 0.4, 0.3), settled=500) is not None  # but good is
    assert settled({"steps": 3000, "ema": {"G": 0.999}}) == 1000 and settled({"steps": 3000, "ema": {}}) == 600


@pytest.mark.parametrize(
    "others, expected",
    [
        ({"spread": 0.29}, "collapsed"),
        ({"spread": 0.3}, "flat"),
        ({"spread": [0.1] * 5 + [0.4, 0.1, 0.1]}, "flat"),  # one of the last three was not
        ({"distinct": 0.09}, "collapsed"),
        ({"distinct": 0.1}, "flat"),
        ({"precision": 0.5, "recall": 0.24}, "collapsed"),
        ({"precision": 0.5, "recall": 0.25}, "flat"),
        ({"precision": 0.49, "recall": 0.0}, "flat"),  # they are no images yet: that is another fault
        ({"AUROC": 0.99}, "D has won"),
        ({"AUROC": 0.989}, "flat"),
        ({"AUROC": [0.99] * 3 + [0.98] + [0.99] * 4}, "flat"),  # one of the last five was not
        ({"AUROC": 1.0, "spread": 0.1}, "collapsed"),
        ({"AUROC": 1.0, "spread": 0.1, "change": 0.0}, "D has won"),  # G stands still
        ({"spread": 0.1, "change": 0.0}, "collapsed"),
        ({"copies": 0.25, "copies real": 0.04}, "copies its data"),
        ({"copies": 0.24, "copies real": 0.04}, "flat"),
        ({"train distance": 0.49, "train distance real": 1.0}, "copies its data"),
        ({"train distance": 0.5, "train distance real": 1.0}, "flat"),
        ({"train distance": 0.0, "train distance real": 0.0}, "flat"),  # of images that are all one
    ],
)
def test_each_rule_holds_at_its_threshold_and_not_beside_it(others: dict[str, Any], expected: str) -> None:
    found = judge(looks(*FLAT, **others))
    assert found is not None and found.kind == expected
    assert expected == "flat" or "the threshold is" in found.sentence


def test_a_training_that_improves_is_neither_collapsed_nor_lost_but_it_may_copy() -> None:
    falling = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3]
    assert kind(*falling, spread=0.01, AUROC=1.0) == "still improving"
    assert kind(*falling, copies=0.9, **{"copies real": 0.0}) == "copies its data"


def test_near_samples_are_not_lost_however_well_d_separates_them() -> None:
    assert kind(*[v / 10 for v in FLAT], AUROC=1.0) == "flat"


@given(st.lists(st.floats(0.01, 1.0), min_size=8, max_size=20), st.floats(0.0, 1.5), st.floats(0.0, 1.0))
def test_there_is_one_verdict_of_any_history(distances: list[float], spread: float, auroc: float) -> None:
    found = judge(looks(*distances, spread=spread, AUROC=auroc))
    assert found is not None and found.kind in KINDS
    assert (found.kind == "still improving") == (flat_since(looks(*distances), 5) is None)


def test_looks_are_joined_by_step_and_counted_anew_after_a_stop() -> None:
    lines: list[dict[str, Any]] = [
        {"step": 2, "diagnosis": {"distance": 0.2, "spread": None, "AUROC": "x"}},
        {"step": 1, "diagnosis": {"distance": 0.4}},
        {"step": 2, "diagnosis": {"AUROC": 0.9}},
        {"step": 3, "diagnosis": {"AUROC": 0.9}},  # without a distance it is no look
        {"step": 2, "flat": True},
        {"step": 4, "diagnosis": {"distance": 0.1}},
        {"step": 5, "diagnosis": [1]},
        {"step": "6", "diagnosis": {"distance": 0.1}},
    ]
    found = looks_of(lines)
    assert [(look.step, dict(look.values)) for look in found] == [
        (1, {"distance": 0.4}), (2, {"distance": 0.2, "AUROC": 0.9}), (4, {"distance": 0.1}),
    ]  # fmt: skip
    assert [look.step for look in looks_of(lines, anew=True)] == [4]


LR = {"lr": 3e-4, "data": "my photos", "augment": []}


@pytest.mark.parametrize(
    "told, changes, expected",
    [
        ("still improving", {}, "energan resume 'runs/a b' --steps 6000"),
        ("flat", {}, "energan restart 'runs/a b' --from newest --lr 0.0001"),
        ("D has won", {"best": True}, "energan restart 'runs/a b' --from best --lr 0.0001"),
        ("collapsed", {}, "energan restart 'runs/a b' --from newest --lr 0.0001"),
        ("collapsed", {"margin": True}, "energan margin --data 'my photos'"),
        ("copies its data", {}, "energan train dcgan-64 --config 'runs/a b' --augment ada"),
        ("copies its data", {"arguments": {"augment": ["colour"], "data": "x"}, "best": True},
         "energan sample 'runs/a b' --checkpoint best"),
        ("copies its data", {"arguments": {"data": "x"}}, "energan look x"),
        ("diverged", {}, "energan restart 'runs/a b' --from newest --lr 3e-05"),
        ("diverged", {"kept": False}, "energan train dcgan-64 --config 'runs/a b' --lr 3e-05"),
        ("diverged", {"arguments": {}}, "energan restart 'runs/a b' --from newest"),
    ],
)  # fmt: skip
def test_what_to_type_next(told: str, changes: dict[str, Any], expected: str) -> None:
    settings = Settings("runs/a b", "dcgan-64", LR, 3000)._replace(**changes)
    assert next_command(told, settings) == expected


def test_the_verdict_of_what_diverged_is_its_message() -> None:
    found = verdict({"steps": 10, "recipe": "x", "arguments": {}}, (), Path("run"), diverged="E(x) became nan")
    assert found is not None and found[:2] == ("diverged", "E(x) became nan")
    assert verdict({"steps": 10}, (), Path("run")) is None


# ------------------------------------------------------------------------------------------------ in runs


@pytest.fixture
def looking_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks of the first steps count, and pixels are compared."""
    monkeypatch.setattr("energan.capabilities.drawing.diagnosis.FIRST", 0)
    monkeypatch.setattr("energan.capabilities.drawing.diagnosis.UNNAMED", 64)
    monkeypatch.setattr("energan.capabilities.reference.usable_network", lambda run, real, least=0: "")


STILL: dict[str, Any] = {"recipe": "lsgan-mnist", "lr": 1e-12, "steps": 9, "save_every": 1, "ema": 0.0}


def test_a_run_logs_what_it_is_judged_by_and_says_its_verdict(tmp_path: Path, looking_soon: None) -> None:
    run = trained(tmp_path / "run", **STILL)
    diagnosed = [line for line in log(run) if "diagnosis" in line]
    names = {name for line in diagnosed for name in line["diagnosis"]}
    assert names == {
        "distance", "spread", "distinct", "precision", "recall", "copies", "copies real", "train distance",
        "train distance real", "change", "AUROC",
    }  # fmt: skip
    said = [(line["step"], line["verdict"]["kind"]) for line in log(run) if "verdict" in line]
    assert said and said[-1][0] == 9 and {kind for _, kind in said} <= {"flat", "D has won", "collapsed"}
    found = verdict_of(read(run), run)
    assert found is not None and found.kind == said[-1][1]


def test_a_flat_training_ends_early_and_resume_goes_on(
    tmp_path: Path, looking_soon: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = ["--lr", "1e-12", "--steps", "20", "--save-every", "1", "--ema", "0", "--width", "4", "--batch", "8"]
    told = ["train", "lsgan-mnist", "--data", "digits", *settings, "--stop-when-flat", "3", "--out", "run", "--quiet"]
    assert main(told) == 0
    said = capsys.readouterr().out
    # a fifth of the steps says nothing: three looks from step 4 on
    assert "finished early, at step 6: the distance of samples" in said and "energan resume run` goes on" in said
    assert "verdict: " in said
    record = RunFolder(tmp_path / "run").record
    assert record["status"]["state"] == "finished early" and record["stop_when_flat"] == 3
    assert "It ended before its last step" in (tmp_path / "run" / "report.html").read_text()
    assert resumed(tmp_path / "run") == "finished early"  # after three looks more
    assert RunFolder(tmp_path / "run").record["status"]["step"] == 10
    assert main(["resume", "run", "--stop-when-flat", "0", "--steps", "12", "--quiet"]) == 0
    assert (
        RunFolder(tmp_path / "run").record["status"] | {"state": "finished", "step": 12}
        == RunFolder(tmp_path / "run").record["status"]
    )


@pytest.mark.parametrize(
    "told, expected",
    [
        ("train lsgan-mnist --data digits --steps 10 --save-every 5 --stop-when-flat 2", "--stop-when-flat 2 looks of"),
        ("train lsgan-mnist --data digits --stop-when-flat -1", "--stop-when-flat must be"),
        ("train encoder-mnist --data digits --stop-when-flat 2", "this system draws none"),
    ],
)
def test_a_stop_that_cannot_come_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], told: str, expected: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(told.split()) == 2
    assert expected in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_info_and_the_report_say_the_verdict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run(tmp_path / "<b>=1")
    lines = [{"step": 250 * look.step // 100, "diagnosis": dict(look.values)} for look in looks(*FLAT, spread=0.01)]
    with (run / "log.jsonl").open("a") as file:
        file.writelines(json.dumps({**line, "step": line["step"] + 1000}) + "\n" for line in lines)
    assert main(["info", str(run)]) == 0
    assert "collapsed: samples are alike" in capsys.readouterr().out
    assert main(["info", str(run), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["verdict"]["kind"] == "collapsed"
    assert main(["report", str(run)]) == 0
    page = (run / "report.html").read_text()
    assert "<b>Verdict: collapsed.</b> Samples are alike" in page and "What the verdict is made of" in page
    assert "energan margin" in page
