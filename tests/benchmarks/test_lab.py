"""The timing of a study's seeds, at its smallest."""

import pytest

from benchmarks import lab


def test_a_row_of_each_side(capsys: pytest.CaptureFixture[str]) -> None:
    lab.main(["--seeds", "2", "--steps", "2", "--only", "BEGAN"])
    said = capsys.readouterr().out
    assert "BEGAN" in said and "gain" in said
