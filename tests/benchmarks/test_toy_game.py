"""The toy game's frames are counted, at its smallest."""

import pytest

pytest.importorskip("nicegui", reason="needs energan[studio]")

from benchmarks import toy_game


@pytest.mark.slow
def test_a_client_gets_frames(capsys: pytest.CaptureFixture[str]) -> None:
    toy_game.main(["--clients", "1", "--seconds", "2", "--systems", "GAN"])
    cells = capsys.readouterr().out.splitlines()[-1].strip("| ").split(" | ")
    assert cells[0] == "1" and all(float(cell) > 0 for cell in cells[1:])
