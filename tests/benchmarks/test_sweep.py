"""What a sweep costs: every executor plays, and the start of a real command is timed."""

import pytest

from benchmarks.sweep import main


@pytest.mark.slow
def test_each_executor_is_timed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.sweep.MANY", 100)
    main(["--data", "digits", "--trials", "2", "--steps", "2", "--size", "8", "--batch", "8", "--n", "32"])
    out = capsys.readouterr().out
    rows = {line.split(" | ")[0].strip("| "): line.split(" | ")[1:] for line in out.splitlines() if line[:1] == "|"}
    names = {"steps alone", "by hand", "one process", "two processes", "as one program", "100 trials, a grid"}
    assert names <= rows.keys()
    for name in names:
        assert all(float(cell.strip("| ")) > 0 for cell in rows[name])
