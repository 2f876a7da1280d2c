"""Trainings outlive the server that began them; the next one knows them, stops them, and begins what waits."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from energan.studio.runs import Runs, running
from energan.studio.trainings import Trainings
from energan.utils.errors import UserError

TINY = (
    "train",
    "ebgan-pt-mnist",
    "--data",
    "digits",
    "--width",
    "4",
    "--z",
    "8",
    "--batch",
    "8",
    "--save-every",
    "10000",
)


def eventually(holds: Callable[[], object], seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.1)


def test_they_wait_go_on_without_their_server_and_stop(tmp_path: Path) -> None:
    first = Trainings(tmp_path, at_once=1, threads=1)
    assert not first.ask("a", (*TINY, "--steps", "100000")).waits
    assert first.ask("b", (*TINY, "--steps", "3")).waits and first.ask("c", TINY).waits
    with pytest.raises(UserError, match="trains already"):
        first.ask("a", TINY)
    eventually(lambda: running(tmp_path / "a"))

    second = Trainings(tmp_path, at_once=1, threads=1)  # the first was killed
    second.tend()
    assert {name: t.waits for name, t in second.active().items()} == {"a": False, "b": True, "c": True}
    second.stop("c")
    assert "c" not in second.active()
    second.stop("a")
    eventually(lambda: "a" not in second.active())
    assert "a" not in first.active()
    assert Runs(tmp_path).row("a").state == "stopped"
    second.tend()
    assert not second.active()["b"].waits
    eventually(lambda: not second.active())
    assert Runs(tmp_path).row("b").state == "finished" and "report" in second.said("b")
    with pytest.raises(UserError, match="there is a run b already"):
        second.ask("b", TINY)
    assert second.all()[0].line.startswith("energan train ebgan-pt-mnist")


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", " a", "a\n", "-x", "x" * 101, ".studio", "a\0"])
def test_what_is_no_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="no name for a run"):
        Trainings(tmp_path, 1, 1).ask(name, TINY)
    assert not list(tmp_path.iterdir())


def test_another_process_of_the_number_is_not_taken_for_it(tmp_path: Path) -> None:
    trainings = Trainings(tmp_path, 1, 1)
    (tmp_path / ".studio").mkdir()
    note = {"name": "a", "command": ["train"], "pid": 1, "began": 123.0, "asked": 1.0}  # init runs, since another time
    (tmp_path / ".studio" / "a.json").write_text(json.dumps(note))
    assert trainings.active() == {}
    trainings.stop("a")  # which sends nothing


@pytest.mark.parametrize("text", ["", "{", "[]", '{"name": "b"}', '{"name": "a", "command": []}', "[" * 10**5])
def test_a_damaged_note_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / ".studio").mkdir()
    (tmp_path / ".studio" / "a.json").write_text(text)
    trainings = Trainings(tmp_path, 1, 1)
    assert trainings.all() == []
    with pytest.raises(UserError, match="was not begun here"):
        trainings.stop("a")
