"""The detectors' comparison: its painted defects, its intervals, its table."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from reproductions.anomalies import __main__ as program
from reproductions.anomalies import methods, tasks


def test_defects_are_where_the_mask_says() -> None:
    random = np.random.default_rng(0)
    for _ in range(20):
        board = tasks.wood(random)
        odd, mask = tasks.painted(board, random)
        assert mask.any() and mask.mean() < 0.1
        changed = (odd != board).any(0)
        assert (changed <= mask).all() and changed[mask].mean() > 0.9


def test_a_task_is_played_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def small(seed: int) -> tasks.Task:
        generator = torch.Generator().manual_seed(seed)
        grey = torch.randint(90, 110, (60, 1, 8, 8), generator=generator, dtype=torch.uint8)
        odd = grey[:10].clone()
        odd[:, :, 2:4, 2:4] = 255
        masks = torch.zeros(10, 8, 8, dtype=torch.bool)
        masks[:, 2:4, 2:4] = True
        return tasks.Task(grey[:20], grey[20:30], odd, grey[30:], masks, 32)

    monkeypatch.setattr(program, "TASKS", {"squares": small})
    monkeypatch.setattr(program, "RATE", "10%")
    few = {name: methods.METHODS[name] for name in ("nearest patches", "PCA")}
    monkeypatch.setattr(program, "METHODS", {**few, **dict.fromkeys(methods.OURS, methods.pca)})
    out = tmp_path / "out.jsonl"
    monkeypatch.setattr("sys.argv", ["anomalies", "--out", str(out), "--seeds", "1"])
    program.main()
    (line,) = map(json.loads, out.read_text().splitlines())
    assert (
        line["AUROC"]["PCA"] == 1.0
        and line["pixel AUROC"]["PCA"] > 0.9
        and line["alarms"]["energy of pixels"][1:] == [15, 15]
    )
    program.main()  # nothing is played again
    assert len(out.read_text().splitlines()) == 1 and "counts are inside" in capsys.readouterr().out


def test_the_interval_holds_95_percent() -> None:
    assert program.interval(300, 300) == (0, 9)
    random = np.random.default_rng(0)
    low, high = program.interval(600, 600)
    inside = 0
    for _ in range(500):
        normal, fresh = random.random(600), random.random(600)
        count = int((fresh > np.sort(normal)[600 - 6]).sum())  # floor(601 x 0.01) = 6
        inside += low <= count <= high
    assert inside > 460
