"""What the campaign is asked for, and what it finds in its folders: what cannot be used is refused in one sentence."""

import io
import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from toy_campaign import Interrupted, interrupted, play, small_networks

from energan.runs.folder import RunFolder
from energan.utils.errors import UserError
from reproductions import figure4
from reproductions.campaign import __main__ as command
from reproductions.campaign import records
from reproductions.campaign.catalog import catalog
from reproductions.campaign.entry import Conditions

__all__ = ["interrupted", "small_networks"]  # fixtures

ODD: tuple[Any, ...] = (None, [], {}, "x", -1, 1.5, [None], {"a": 1}, {"a": []}, {"a": ["x"]}, True, [[0]], [0, 0])


@pytest.mark.parametrize("minutes", ["0", "-1", "nan"])
def test_no_minutes_are_refused(tmp_path: Path, minutes: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert play(tmp_path / "out", "--only", "parzen", "--minutes", minutes) == 2
    assert "--minutes must be above 0" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("seeds", ["4-0", ",", "1,", "-1", "1.5", "x", "0-99999999", "99999999999999999999"])
def test_seeds_that_are_none_are_refused_and_never_taken_for_all(
    tmp_path: Path, seeds: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert play(tmp_path, "--only", "parzen", f"--seeds={seeds}", "--plan") == 2
    assert "--seeds" in capsys.readouterr().err


def test_the_plan_refuses_a_configuration_that_there_is_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert play(tmp_path, "--only", "grid-ebgan", "--seeds", "512", "--plan") == 2
    assert "numbered from 0 to 511" in capsys.readouterr().err


def test_too_little_time_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert play(tmp_path, "--only", "parzen", "--minutes", "0.0001") == 0
    assert "parzen, seed 0: not begun, for it may take" in capsys.readouterr().err


def test_results_of_a_toy_are_neither_shown_as_full_nor_taken_for_finished(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert play(tmp_path, "--only", "figure4-gan", "--seeds", "0") == 0
    full = ["--device", "cpu", "--out", str(tmp_path), "--only", "figure4-gan", "--seeds", "0"]
    capsys.readouterr()
    assert command.main([*full, "--table"]) == 2
    assert "keep results of different settings in different folders" in capsys.readouterr().err
    assert command.main(full) == 2
    told = capsys.readouterr()
    assert "different settings" in told.err and "finished" not in told.out
    assert command.main([*full, "--plan"]) == 0
    assert "| figure4-gan | ? |" in capsys.readouterr().out


def test_results_of_another_precision_are_told_at_home(tmp_path: Path) -> None:
    """A GPU trains in bf16 what this processor trains in float32."""
    assert play(tmp_path, "--only", "figure4-gan", "--seeds", "0") == 0
    path = tmp_path / "results" / "figure4-gan" / "looks.jsonl"
    (entry,) = (entry for entry in catalog(Conditions(toy=True, device="cpu")) if entry.name == "figure4-gan")
    mine = entry.settings["precision"]
    path.write_text(path.read_text().replace(f'"precision": "{mine}"', '"precision": "other", "products": "tf32"'))
    assert records.finished(tmp_path / "results", entry) == {0}
    assert play(tmp_path, "--only", "figure4-gan", "--table") == 0


def test_a_state_of_other_seeds_is_refused(
    tmp_path: Path, interrupted: type[Interrupted], capsys: pytest.CaptureFixture[str]
) -> None:
    assert play(tmp_path, "--only", "figure4-gan", "--seeds", "1") == 0
    states = tmp_path / "state"
    (states / "figure4-gan-1.safetensors").rename(states / "figure4-gan-0.safetensors")
    assert play(tmp_path, "--only", "figure4-gan", "--seeds", "0") == 2
    assert "is of figure4-gan 1, not of figure4-gan 0" in capsys.readouterr().err
    assert {line["seeds"][0] for line in records.read(tmp_path / "results", "figure4-gan")} == {1}


def test_edited_lines_are_left_out(tmp_path: Path) -> None:
    assert play(tmp_path, "--only", "table2-ln-100") == 0
    path = tmp_path / "results" / "table2-ln-100" / "looks.jsonl"
    good = [json.loads(line) for line in path.read_text().splitlines()]
    for name in good[0]:
        for value in ODD:
            path.write_text("".join(json.dumps(line) + "\n" for line in [*good[:-1], {**good[-1], name: value}]))
            known = records.read(tmp_path / "results", "table2-ln-100")
            assert good[:-1] == known[: len(good) - 1]
            assert all(isinstance(run.value("test error %"), float) for run in records.furthest(known).values())
            with suppress(UserError):  # of other settings
                records.merge(tmp_path / "home", [tmp_path])


class Gone(io.StringIO):
    """A pipe whose reader has gone."""

    def write(self, text: str) -> int:
        raise BrokenPipeError(32, "Broken pipe")


def test_a_reader_that_has_enough_ends_no_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", Gone())
    monkeypatch.setattr(sys, "stderr", Gone())
    assert play(tmp_path, "--only", "figure4-gan", "--seeds", "0") == 0
    assert list((tmp_path / "state").glob("figure4-gan-0.*"))


def test_nothing_is_merged_into_a_folder_in_which_somebody_plays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert play(tmp_path / "a", "--only", "figure4-gan", "--seeds", "0") == 0
    (tmp_path / "home").mkdir()
    with RunFolder(tmp_path / "home").locked():
        assert play(tmp_path / "home", "--merge", str(tmp_path / "a")) == 2
    assert "another process" in capsys.readouterr().err
    assert not list((tmp_path / "home").rglob("*.jsonl"))


@pytest.mark.parametrize("flags", [("--steps", "0"), ("--seeds", "0"), ("--seeds", "-1"), ("--device", "cuda:77")])
def test_a_reproduction_alone_refuses_what_it_cannot_play(
    tmp_path: Path, flags: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["figure4", "--device", "cpu", "--out", str(tmp_path / "out"), *flags])
    with pytest.raises(SystemExit) as left:
        figure4.play_alone("", figure4.entries, "", steps=10, seeds=1)
    assert left.value.code == 2
    assert flags[0] in capsys.readouterr().err and not (tmp_path / "out").exists()
