"""The benchmark of 4c2s convolutions runs, and leaves the layers as they were."""

import pytest

from benchmarks import convolutions
from energan.networks.layers import strided


def test_passes_and_steps_are_compared(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    before = strided._by_us
    monkeypatch.setattr(convolutions, "PASSES", ((2, 64, 8, 2), (2, 3, 8, 4), (2, 8, 8, 4)))
    convolutions.main(["--pairs", "2", "--recipes", "lsgan-mnist:width=2,batch=4"])
    lines = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    rows = [cells for cells in lines if cells[-1] in ("yes", "no")]
    assert [(cells[0], cells[-1]) for cells in rows] == [
        ("the weight's gradient", "yes"),
        ("the weight's gradient", "no"),
        ("to few channels", "yes"),
        ("the weight's gradient", "no"),
    ]
    assert lines[-1][0] == "lsgan-mnist:width=2,batch=4" and all(float(cell) > 0 for cell in lines[-1][1:4])
    assert strided._by_us is before
