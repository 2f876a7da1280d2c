"""Logs are read as far as they are new, and of a long one a part is kept."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from energan.report.page import report_html
from energan.runs import log as runs_log
from energan.runs.reader import read
from energan.studio import logs
from energan.studio.logs import Logs, newest
from energan.studio.runs import Runs


def line(step: int, **other: object) -> str:
    return json.dumps({"step": step, "logs": {"D/E(x)": step / 7}, **other}) + "\n"


def test_a_short_log_is_what_the_reader_reads(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"format": 2}')
    path = tmp_path / "log.jsonl"
    path.write_text(
        "".join([line(1), line(3), line(2), "no line\n", '{"step": 2, "metrics": {"FID": 1}}\n', line(9)[:-1]])
    )
    assert Logs().read(path) == (read(tmp_path).lines, 1, 0)
    assert newest(path) == (9, {"FID": 1})
    (tmp_path / "link").symlink_to(path)
    os.mkfifo(tmp_path / "pipe")
    for none in ("link", "pipe", "absent", "."):
        assert Logs().read(tmp_path / none) == ([], 1, 0) and newest(tmp_path / none) == (0, {})


def test_a_report_says_what_part_of_the_log_it_has(small_runs_folder: Path) -> None:
    run = Runs(small_runs_folder).read("first")
    assert run == read(small_runs_folder / "first") and "each 64th was read" not in report_html(run)
    assert "each 64th was read" in report_html(replace(run, every=64))


def test_only_what_is_new_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, opened, seen = tmp_path / "log.jsonl", Logs(), list[bytes]()
    known = runs_log.json_line

    def noted(text: bytes) -> dict[str, Any] | None:
        seen.append(text)
        return known(text)

    monkeypatch.setattr(runs_log, "json_line", noted)
    path.write_text("".join(line(step) for step in range(500)) + line(500)[:9])
    assert [step for step, _ in opened.read(path).lines] == [*range(500)]
    seen.clear()
    with path.open("a") as file:
        file.write(line(500)[9:] + line(501))  # the half of a line is a whole one now
    assert [step for step, _ in opened.read(path).lines] == [*range(502)] and len(seen) <= 4
    path.with_suffix(".tmp").write_text(line(0) + line(1))
    path.with_suffix(".tmp").replace(path)  # a resumed run writes the log anew
    assert [step for step, _ in opened.read(path).lines] == [0, 1]


def test_of_a_long_log_a_bounded_part_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, opened = tmp_path / "log.jsonl", Logs()
    monkeypatch.setattr(logs, "BYTES", 10_000)
    path.write_text("".join(line(step) for step in range(20_000)) + '{"step": 7, "metrics": {"FID": 2}}\n')
    found = opened.read(path)
    steps = [step for step, line in found.lines if "logs" in line]
    assert steps == [*range(0, 20_000, found.every)] and found.every.bit_count() == 1
    assert 5_000 < sum(len(json.dumps(line)) for _, line in found.lines) <= 10_100
    assert [line["metrics"] for _, line in found.lines if "metrics" in line] == [{"FID": 2}]
    with path.open("a") as file:
        file.writelines(line(step) for step in range(20_000, 20_011))
    assert opened.read(path).lines[-1][0] == 20_010  # the newest is always there
    for i in range(20):
        (tmp_path / f"{i}").write_text(line(i))
        opened.read(tmp_path / f"{i}")
    assert len(opened._open) == logs.OPEN
