"""Signals: all that ask for an end do the same, ignored ones stay so, and no import is torn apart."""

import importlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from energan.utils.signals import STOPPING, as_terminated, interruptible, stopping

EVERY = pytest.mark.parametrize("number", STOPPING, ids=lambda n: n.name)


@EVERY
def test_each_is_noted_while_training_and_interrupts_elsewhere(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with stopping() as caught:
        signal.raise_signal(number)
        assert caught == [number.name]
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
    with pytest.raises(KeyboardInterrupt), interruptible():
        signal.raise_signal(number)
    assert signal.getsignal(number) is before


def test_a_server_that_knows_sigterm_alone_ends_with_the_others_too() -> None:
    heard: list[int] = []
    before = {number: signal.getsignal(number) for number in STOPPING}
    signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
    try:
        with as_terminated():
            signal.raise_signal(signal.SIGHUP)
            signal.raise_signal(signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGTERM, before[signal.SIGTERM])
    assert heard == [signal.SIGTERM, signal.SIGTERM]
    assert {number: signal.getsignal(number) for number in STOPPING} == before


def test_a_signal_that_nohup_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interruptible(), stopping() as caught:
            signal.raise_signal(signal.SIGHUP)
            assert not caught
    finally:
        signal.signal(signal.SIGHUP, before)


def test_stopping_says_so_to_nobody_where_the_terminal_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> int:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "write", gone)
    with stopping() as caught:
        signal.raise_signal(signal.SIGHUP)
    assert caught == ["SIGHUP"]


def test_an_import_ends_before_the_interrupt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception out of the initialisation of torch's libraries would abort the process."""
    text = "import os, signal\nos.kill(os.getpid(), signal.SIGTERM)\nfor i in range(1000): pass\nwhole = True\n"
    (tmp_path / "interrupted_module.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(KeyboardInterrupt), interruptible():
        module = importlib.import_module("interrupted_module")
        assert module.whole
        while True:  # the interrupt comes a moment later
            signal.pause()


def test_an_interrupt_before_the_command_line_is_there_is_one_line() -> None:
    """In a process whose start sends itself the signal while it imports."""
    code = (
        "import os, signal, sys, energan.__main__ as program\n"
        "class Finder:\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name == 'energan.cli': os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Finder())\n"
        "program.start()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "energan: interrupted\n")


def test_help_without_docstrings() -> None:
    command = [sys.executable, "-OO", "-m", "energan", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and not done.stderr and "train RECIPE" in done.stdout
