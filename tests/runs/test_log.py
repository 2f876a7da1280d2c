"""Of a long log a part is read, of which a report says how much; an ordinary one is read as it is."""

import json
import os
from pathlib import Path

import pytest

from energan.report.page import report_html
from energan.runs import reader
from energan.runs.log import LogReader, all_lines, json_lines
from energan.runs.reader import read


def line(step: int, **other: object) -> str:
    return json.dumps({"step": step, **(other or {"logs": {"D/loss": step / 7}})}) + "\n"


def test_all_lines_of_an_ordinary_log_are_read_in_the_order_of_steps(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"format": 2}')
    again = line(2, metrics={"FID": 1.0})
    texts = [
        line(1),
        line(3),
        line(2),
        "no line\n",
        again,
        line(2, flat=True),
        "[1]\n",
        '{"step": 1.5}\n',
        line(9)[:-1],
    ]
    (tmp_path / "log.jsonl").write_text("".join(texts))
    found = read(tmp_path)
    assert found.every == 1 and [step for step, _ in found.lines] == [1, 2, 2, 2, 3, 9]
    assert ["logs" in each for _, each in found.lines[1:4]] == [True, False, False]  # of a step, as written
    assert sorted(each["step"] for each in json_lines(tmp_path / "log.jsonl")) == [1, 2, 2, 2, 3, 9]


def test_of_a_long_log_losses_are_thinned_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "LOG", 20_000)
    (tmp_path / "run.json").write_text('{"format": 2}')
    with (tmp_path / "log.jsonl").open("w") as file:
        for step in range(10_001):
            file.write(line(step))
            if step % 1000 == 0:
                file.write(line(step, metrics={"FID": step}) + line(step, energies={"real": [1]}))
                file.write(line(step, diagnosis={"AUROC": 0.5}))
    found = read(tmp_path)
    losses = [step for step, each in found.lines if "logs" in each]
    assert found.every > 1 and losses[:2] == [0, found.every] and losses[-1] >= 10_000 - found.every
    assert sum(len(json.dumps(each)) for _, each in found.lines if "logs" in each) <= 20_000
    for key in ("metrics", "energies", "diagnosis"):
        assert [step for step, each in found.lines if key in each] == [*range(0, 10_001, 1000)]
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write(line(10_002))
    assert read(tmp_path).lines[-1][0] == 10_002  # the last is always there


def test_of_a_log_that_is_too_long_the_beginning_is_read_which_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("energan.runs.log.LARGEST", 1000)
    (tmp_path / "run.json").write_text('{"format": 2}')
    path = tmp_path / "log.jsonl"
    path.write_text("".join(line(step) for step in range(100)))
    found = read(tmp_path)
    assert found.lines == [(step, json.loads(line(step))) for step in range(len(found.lines))]
    read_bytes = sum(len(line(step)) for step, _ in found.lines)
    assert 1000 <= read_bytes < 1100 and found.unread_bytes == path.stat().st_size - read_bytes
    assert f"{found.unread_bytes:,} bytes, was not read" in report_html(found)
    assert [each["step"] for each in json_lines(path)] == [*range(100)]


def test_lines_that_are_none_are_counted_and_a_half_one_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("energan.runs.log.LARGEST_LINE", 100)
    (tmp_path / "log").write_text("no\n" + line(1) + json.dumps({"step": 2, "x": "y" * 300}) + "\n" + line(3)[:-3])
    assert [each and each["step"] for each in all_lines(tmp_path / "log")] == [None, 1, None]


def test_what_is_no_log_has_no_lines(tmp_path: Path) -> None:
    (tmp_path / "log").write_text(line(1))
    (tmp_path / "link").symlink_to(tmp_path / "log")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe", "absent", "."):
        assert LogReader(100).lines(tmp_path / name) == ([], 1, 0)
    assert [*json_lines(tmp_path / "pipe")] == [] and [*json_lines(tmp_path)] == []


def test_a_line_without_end_is_left_out_and_takes_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("energan.runs.log.LARGEST_LINE", 100)
    endless = json.dumps({"step": 1, "logs": {"x" * 500: 1.0}})
    (tmp_path / "log").write_text(endless + "\n" + line(2) + endless)
    assert [step for step, _ in LogReader(10_000).lines(tmp_path / "log").lines] == [2]
    assert [each["step"] for each in json_lines(tmp_path / "log")] == [2]
