"""Trainings outlive the server that began them; the next one knows them, stops them, and begins what waits."""

import errno
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from energan.studio.notes import FOLDER, Training
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
    assert os.getsid(first.all()[0].pid) != os.getsid(0)  # it hears no Ctrl-C that is meant for the server

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


def test_going_on_twice_begins_one_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainings = Trainings(tmp_path, at_once=2, threads=1)
    monkeypatch.setattr(
        Trainings, "_begin", lambda self, training: self.notes.write(training._replace(pid=1, began=1.0))
    )
    monkeypatch.setattr(Trainings, "_alive", lambda self, training: training is not None and training.pid == 1)
    monkeypatch.setattr("energan.studio.trainings.ENDS", 0.0)
    told: list[str] = []

    def go_on() -> None:
        try:
            trainings.resume("a")
        except UserError as error:
            told.append(str(error))

    threads = [threading.Thread(target=go_on) for _ in range(2)]
    with trainings.lock:
        for thread in threads:
            thread.start()
        time.sleep(0.2)
    for thread in threads:
        thread.join()
    assert len(told) == 1 and "trains already" in told[0]


def test_what_cannot_be_noted_is_not_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainings = Trainings(tmp_path, at_once=0, threads=1)
    trainings.ask("a", TINY)
    begun: list[object] = []
    monkeypatch.setattr("subprocess.Popen", lambda *args, **kwargs: begun.append(args))

    def full(path: Path, value: object) -> Path:
        raise UserError("the disk is full")

    monkeypatch.setattr("energan.studio.notes.write_json", full)
    trainings.at_once = 1
    trainings.tend()
    assert not begun and trainings.all()[0].waits


def test_a_name_that_is_taken_by_a_file_or_too_long_is_told(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    for name in ("a", "字" * 100):
        with pytest.raises(UserError):
            Trainings(tmp_path, 1, 1).ask(name, TINY)


def test_one_that_waits_keeps_its_name(tmp_path: Path) -> None:
    trainings = Trainings(tmp_path, at_once=0, threads=1)
    trainings.ask("same", (*TINY, "--steps", "3"))
    with pytest.raises(UserError, match="waits for its turn"):
        trainings.ask("same", (*TINY, "--steps", "9"))
    assert [t.command[-1] for t in trainings.all()] == ["3"]
    assert trainings.ask_new("same", TINY) == "same-2"


def test_the_folder_of_labels_is_no_run(tmp_path: Path) -> None:
    for name in ("labels", "Labels"):
        with pytest.raises(UserError, match="tables of labels"):
            Trainings(tmp_path, 0, 1).ask(name, TINY)


def test_what_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".studio").write_text("")  # a folder that cannot be made; root may write into any
    with pytest.raises(UserError, match="cannot write"):
        Trainings(tmp_path, 1, 1).ask("a", TINY)
    (tmp_path / ".studio").unlink()
    (tmp_path / FOLDER / "a.log").mkdir(parents=True)
    trainings = Trainings(tmp_path, 1, 1)
    assert trainings.ask("a", TINY).waits
    assert "a cannot begin: is a directory" in trainings.said("a")

    def full(*args: object, **kwargs: object) -> None:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    (tmp_path / FOLDER / "a.log").rmdir()
    with monkeypatch.context() as patch:
        patch.setattr("subprocess.Popen", full)
        trainings.tend()
    assert "a cannot begin: cannot allocate memory" in trainings.said("a")
    trainings.stop("a")
    assert trainings.all() == [] and trainings.said("a") == ""


def test_a_child_that_got_the_number_of_an_old_training_is_not_it(tmp_path: Path) -> None:
    trainings = Trainings(tmp_path, 1, 1)
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    trainings.children.add(child)
    trainings.notes.write(Training("a", ("train",), child.pid, 123.0, 1.0))
    assert trainings.active() == {} and trainings.children == {child}
    child.communicate()
    assert trainings.active() == {} and not trainings.children


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", " a", "a\n", "-x", "x" * 101, ".studio", "a\0"])
def test_what_is_no_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="no name for a run"):
        Trainings(tmp_path, 1, 1).ask(name, TINY)
    assert not list(tmp_path.iterdir())


def test_another_process_of_the_number_is_not_taken_for_it(tmp_path: Path) -> None:
    trainings = Trainings(tmp_path, 1, 1)
    trainings.notes.write(Training("a", ("train",), 1, 123.0, 1.0))  # init runs, since another time
    assert trainings.all() and trainings.active() == {}
    trainings.stop("a")  # which sends nothing


def test_what_another_asked_for_is_not_begun_nor_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Notes in a folder of runs that was downloaded neither begin trainings nor end this user's processes."""
    begun: list[object] = []
    monkeypatch.setattr("subprocess.Popen", lambda *args, **kwargs: begun.append(args))
    here, there = tmp_path / "here", tmp_path / "there"
    asked = Trainings(there, at_once=0, threads=1)
    asked.ask("mine", TINY)
    (here / FOLDER).mkdir(parents=True)
    mine = (there / FOLDER / "mine.json").read_bytes()
    (here / FOLDER / "mine.json").write_bytes(mine)  # this user's, of another folder
    for name, changed in {
        "unsigned": {"signature": ""}, "altered": {}, "odd": {"signature": ["x"]}, "killing": {"pid": os.getpid()},
    }.items():  # fmt: skip
        note = {**json.loads(mine), "name": name, **changed}
        (here / FOLDER / f"{name}.json").write_text(json.dumps(note))
    trainings = Trainings(here, at_once=5, threads=1)
    assert sorted(trainings.notes.others()) == ["altered", "mine", "odd", "unsigned"]
    trainings.tend()
    assert not begun and trainings.all() == [] and trainings.active() == {}
    for name in ("altered", "killing"):
        with pytest.raises(UserError, match="was not begun here"):
            trainings.stop(name)
    later = Trainings(there, at_once=0, threads=1)
    assert later.active()["mine"].waits and later.notes.others() == []  # in its place it counts
    monkeypatch.setenv("ENERGAN_STATE", str(tmp_path / "another user"))
    assert later.active() == {} and later.notes.others() == ["mine"]


def test_a_user_without_a_key_trains_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "state").write_text("")  # no folder
    monkeypatch.setenv("ENERGAN_STATE", str(tmp_path / "state"))
    trainings = Trainings(tmp_path / "runs", at_once=0, threads=1)
    trainings.ask("a", TINY)
    assert trainings.active()["a"].waits and trainings.notes.others() == []
    assert Trainings(tmp_path / "runs", at_once=0, threads=1).active() == {}
    note = tmp_path / "runs" / FOLDER / "a.json"
    note.write_text(note.read_text().replace("digits", "mnist"))
    assert trainings.active() == {}


def test_notes_are_written_in_no_folder_that_a_link_leads_to(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / ".studio").symlink_to(tmp_path / "elsewhere")
    trainings = Trainings(tmp_path / "runs", at_once=1, threads=1)
    with pytest.raises(UserError, match="reached by a link"):
        trainings.ask("a", TINY)
    trainings.tend()
    assert not [path for path in (tmp_path / "elsewhere").rglob("*") if path.is_file()]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"name": "b"}', '{"name": "a", "command": []}', "[" * 10**5])
def test_a_damaged_note_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / FOLDER).mkdir(parents=True)
    (tmp_path / FOLDER / "a.json").write_text(text)
    trainings = Trainings(tmp_path, 1, 1)
    assert trainings.all() == []
    with pytest.raises(UserError, match="was not begun here"):
        trainings.stop("a")


NO_RUNS = ["/ELSEWHERE", "../../../elsewhere", "a/../../../../elsewhere", "link", "a\0b", "", ".", "a/", "字" * 200]


@pytest.mark.parametrize("name", NO_RUNS)
def test_no_log_is_read_but_a_training_s_own(tmp_path: Path, name: str) -> None:
    trainings = Trainings(tmp_path / "runs", 1, 1)
    (tmp_path / "runs" / FOLDER / "a").mkdir(parents=True)
    for ending in ("log", "json"):
        (tmp_path / f"elsewhere.{ending}").write_text("secret")
        (tmp_path / "runs" / FOLDER / f"link.{ending}").symlink_to(tmp_path / f"elsewhere.{ending}")
    (tmp_path / "runs" / FOLDER / "a.log").write_text("its own")
    name = name.replace("/ELSEWHERE", str(tmp_path / "elsewhere"))
    for ask in (trainings.said, trainings.stop, trainings.resume, lambda name: trainings.ask_again(name, TINY)):
        with pytest.raises(UserError, match="there is no run"):
            ask(name)
    page = pytest.importorskip("energan.studio.pages.run_state", reason="needs energan[studio]")
    studio = SimpleNamespace(runs=Runs(tmp_path / "runs"), trainings=trainings)
    told = page.state_of(studio, name)
    assert isinstance(told, page.Absent) and "there is no run" in told.why and told.said == ""
    assert trainings.said("a") == "its own" and trainings.all() == []
