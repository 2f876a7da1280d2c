"""What is printed: printable, never in the way of the work, and progress that somebody can read anywhere."""

import errno
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from energan.cli import main
from energan.utils import console
from energan.utils.console import (
    LastingStream,
    announce_if_slow,
    complain,
    counted,
    first_line,
    progress_shown,
    say,
    warn,
)
from energan.utils.errors import UserError

HOSTILE = "a\x1b[2J\x1b]0;title\x07\r\x9b31m\u202eb\udcffc"


class Broken(io.StringIO):
    """A stream that cannot be written to, on a descriptor."""

    def __init__(self, number: int, descriptor: int) -> None:
        super().__init__()
        self.number, self.descriptor = number, descriptor

    def write(self, text: str) -> int:
        raise OSError(self.number, os.strerror(self.number))

    def fileno(self) -> int:
        return self.descriptor


@pytest.fixture
def every_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "LINE_SECONDS", 0.0)


@pytest.mark.parametrize("show", [say, warn, complain])
def test_nothing_that_moves_the_cursor_is_printed(show: object, capsys: pytest.CaptureFixture[str]) -> None:
    show(HOSTILE)  # type: ignore[operator]
    shown = "".join(capsys.readouterr())
    assert shown.replace("\n", "").isprintable() and "\\x1b[2J" in shown and "\\udcff" in shown


def test_errors_are_printable_in_python_and_on_the_command_line() -> None:
    error = UserError(f"there is no column {HOSTILE}: give `label`")
    assert str(error).isprintable() and error.with_flags().isprintable()
    assert str(error).endswith("give label") and error.with_flags().endswith("give --label")


def test_the_command_line_prints_no_name_as_it_came(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sample", f"no\x1b[2Jrun{HOSTILE}"]) == 2
    assert "\x1b" not in capsys.readouterr().err


@pytest.mark.parametrize("number", [errno.EPIPE, errno.EIO])
def test_a_closed_terminal_is_no_error(number: int, tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file:
        stream = LastingStream(Broken(number, file.fileno()))
        assert stream.write("text") == 4
        stream.flush()
    assert stream.lost is None


def test_a_full_disk_is_told_once(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file:
        stream = LastingStream(Broken(errno.ENOSPC, file.fileno()))
        stream.write("a")
        stream.write("b")
    assert stream.lost and stream.lost.errno == errno.ENOSPC


@pytest.mark.parametrize(
    ("arguments", "code"), [(["list"], 2), (["list", "--help"], 2), (["--version"], 2), (["nonsense"], 2)]
)
def test_output_that_is_lost_is_a_sentence_and_a_code(
    arguments: list[str], code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert main(arguments) == code
    said = capsys.readouterr().err
    assert said.startswith("energan: ") and said.count("\n") == 1


def test_a_reader_that_had_enough_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as nobody:
        monkeypatch.setattr(sys, "stdout", nobody)
        assert main(["list"]) == 0


def test_letters_that_the_encoding_lacks_are_escaped() -> None:
    raw = io.BytesIO()
    stream = LastingStream(io.TextIOWrapper(raw, encoding="ascii"))
    stream.write("Größe")
    stream.flush()
    assert raw.getvalue() == b"Gr\\xf6\\xdfe"


def test_without_a_terminal_progress_is_lines(every_line: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert list(counted("abc", 3, f"reading {HOSTILE}", show=True)) == ["a", "b", "c"]
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3 and all(line.isprintable() for line in lines)
    assert lines[-1].startswith("reading a") and "3/3 images, " in lines[-1] and lines[-1].endswith(" left")


def test_a_minute_passes_between_two_lines(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    now = iter(range(0, 10_000, 7))
    monkeypatch.setattr(console, "time", SimpleNamespace(monotonic=lambda: float(next(now))))
    list(counted(range(100), 100, "reading", show=True))
    assert 15 <= capsys.readouterr().err.count("\n") <= 25  # of 100 items, in which 1,400 seconds pass


@pytest.mark.parametrize(("asked", "show", "shown"), [
    (None, None, False), (None, True, True), (True, None, True), (True, False, False), (False, True, False),
    (False, None, False),
])  # fmt: skip
def test_progress_is_for_commands_and_for_those_who_ask(
    asked: bool | None, show: bool | None, shown: bool, every_line: None, capsys: pytest.CaptureFixture[str]
) -> None:
    def count() -> None:
        list(counted("ab", 2, "reading", show=show))

    if asked is None:
        count()
    else:
        with progress_shown(asked):
            count()
    assert bool(capsys.readouterr().err) == shown


@pytest.mark.parametrize(("pace", "texts"), [(2, 5), (0.01, 0)])
def test_a_notebook_has_one_line_that_is_shown_anew(
    pace: float, texts: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown: list[str] = []
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    monkeypatch.setattr(console, "_notebook_output", lambda: shown.append)
    clock = iter(range(1000))
    monkeypatch.setattr(console, "time", SimpleNamespace(monotonic=lambda: next(clock) * pace))
    list(counted(range(4), 4, "reading", show=True))
    assert len(shown) == texts and not capsys.readouterr().err
    if texts:
        assert shown[3].startswith("[####################] reading: 4/4 images")
        assert shown[-1].startswith("reading: 4/4 images")


def test_a_function_whose_docstring_python_dropped_has_no_first_line() -> None:
    def bare() -> Iterator[None]: ...

    assert first_line(bare) == ""


def test_work_of_unknown_length_is_said_to_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert list(announce_if_slow("abc", "listing a")) == ["a", "b", "c"]
    assert not capsys.readouterr().err
    monkeypatch.setattr(console, "SLOW_SECONDS", -1.0)
    assert list(announce_if_slow("abc", "listing a")) == ["a", "b", "c"]
    assert capsys.readouterr().err == "warning: listing a takes a while; Ctrl-C stops\n"
