"""Results of the campaign: merged, refused, planned by."""

import os
import signal
from pathlib import Path

import pytest
from toy_campaign import Interrupted, interrupted, play, small_networks

from reproductions.campaign import records

__all__ = ["interrupted", "small_networks"]  # fixtures


@pytest.mark.slow
def test_results_of_two_machines_merge_by_seed_and_count_once(tmp_path: Path, interrupted: type[Interrupted]) -> None:
    first, second, home = tmp_path / "a", tmp_path / "b", tmp_path / "home"
    assert play(first, "--only", "figure4-gan,table2-ln-100", "--seeds", "0") == 0
    interrupted.steps, interrupted.at = (3,), staticmethod(lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert play(second, "--only", "figure4-gan", "--seeds", "0,1") == 130  # its seed 0 came less far
    assert play(second, "--only", "figure4-gan", "--seeds", "0,1") == 130
    interrupted.steps = ()
    assert play(second, "--only", "figure4-gan", "--seeds", "1") == 0
    assert play(home, "--merge", str(first), str(second / "results"), str(first)) == 0
    runs = records.furthest(records.read(home / "results", "figure4-gan"))
    assert sorted(runs) == [0, 1] and all(run.last["step"] == 4 for run in runs.values())
    (of_first,) = {line["run"] for line in records.read(first / "results", "figure4-gan")}
    assert runs[0].last["run"] == of_first or runs[0].last["step"] == 4
    assert len(records.read(home / "results", "figure4-gan")) == 2 * 3  # three looks each
    assert len(list((home / "results" / "figure4-gan").glob("*-*.png"))) == 2
    before = (home / "results" / "figure4-gan" / "looks.jsonl").read_bytes()
    assert play(home, "--merge", str(second)) == 0
    assert (home / "results" / "figure4-gan" / "looks.jsonl").read_bytes() == before
    assert play(home, "--only", "figure4-gan") == 0  # what was brought home is not played again
    assert not list((home / "state").glob("*.safetensors"))


def test_a_part_of_an_ensemble_joins_the_rest(tmp_path: Path) -> None:
    """Results of a run that came home in two parts are those of the run."""
    assert play(tmp_path, "--only", "table2-ln-100") == 0
    whole = records.read(tmp_path / "results", "table2-ln-100")
    parts = [[records._of(line, [seed]) for line in whole] for seed in (1, 0)]
    for name, part in zip("ab", parts, strict=True):
        records.put(tmp_path / name, "table2-ln-100", whole[0]["run"], part)
    records.merge(tmp_path / "home", [tmp_path / "a", tmp_path / "b"])
    assert records.read(tmp_path / "home", "table2-ln-100") == whole


def test_results_of_other_settings_are_refused_unread(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    assert play(first, "--only", "figure4-gan", "--seeds", "0") == 0
    path = second / "results" / "figure4-gan" / "looks.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text(
        (first / "results" / "figure4-gan" / "looks.jsonl").read_text().replace('"batch": 16', '"batch": 8')
    )
    assert play(tmp_path / "home", "--merge", str(first), str(second)) == 2
    assert "with batch 8, where it is 16 here" in capsys.readouterr().err
    assert not (tmp_path / "home").exists()
    assert play(second, "--only", "figure4-gan") == 2
    assert not list(second.glob("state/*.safetensors"))
    assert play(tmp_path / "home", "--merge", str(tmp_path)) == 2
    assert "has no results of a campaign" in capsys.readouterr().err


def test_the_plan_says_what_is_left_and_for_how_long(
    tmp_path: Path, interrupted: type[Interrupted], capsys: pytest.CaptureFixture[str]
) -> None:
    interrupted.steps, interrupted.at = (3,), staticmethod(lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert play(tmp_path, "--only", "figure4-gan") == 130
    assert "figure4-gan: 5 steps" in capsys.readouterr().out
    assert play(tmp_path, "--plan", "--only", "figure4-gan,figure9") == 0
    told = capsys.readouterr().out.splitlines()
    assert told[2].startswith("| figure4-gan | 0 of 2 seeds | 5 |") and "earlier pieces" in told[2]
    assert told[3].startswith("| figure9 | 0 of 8 margins | 4 |") and "timed now" in told[3]
