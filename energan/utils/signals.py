"""Stopping without loss: a flag that training looks at after each step, or KeyboardInterrupt elsewhere.

SIGHUP (the terminal was closed) and SIGUSR1 (a cluster's warning) stop as Ctrl-C and SIGTERM do. A signal that is
ignored from the start, as SIGHUP under nohup, stays ignored.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)

IMPORT_SECONDS = 60  # that an interrupt waits for an import at most

AGAIN_SECONDS = 0.05  # between two looks whether the import has ended


@contextmanager
def stopping() -> Iterator[list[str]]:
    """Yields a list to which Ctrl-C, SIGTERM, SIGHUP and SIGUSR1 add their names; a second signal stops at once."""
    caught: list[str] = []
    at_once = _interrupt()

    def note(number: int, frame: FrameType | None) -> Any:
        if caught:
            return at_once(number, frame)
        caught.append(signal.Signals(number).name)
        with suppress(OSError):  # the terminal is gone
            os.write(2, b"\nstopping after this step, and what is measured of it; once more stops at once\n")
        return None

    with _handled_by(note):
        yield caught


@contextmanager
def interruptible() -> Iterator[None]:
    """Inside, these signals raise KeyboardInterrupt, so that half-done work is cleaned up."""
    with _handled_by(_interrupt()):
        yield


@contextmanager
def as_terminated() -> Iterator[None]:
    """Inside, SIGHUP and SIGUSR1 do what SIGTERM does there: a library's own handler of that, such as a server's."""
    with _handled_by(lambda number, frame: signal.raise_signal(signal.SIGTERM), (signal.SIGHUP, signal.SIGUSR1)):
        yield


Handler = Callable[[int, FrameType | None], Any]


def _interrupt() -> Handler:
    """A handler that raises KeyboardInterrupt, but waits for the end of an import that is under way.

    An exception out of the initialisation of a library written in C++, as torch is, would abort the process.
    """
    waited = 0.0

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal waited
        if not _importing(frame) or waited > IMPORT_SECONDS:
            raise KeyboardInterrupt
        waited += AGAIN_SECONDS
        later = threading.Timer(AGAIN_SECONDS, os.kill, (os.getpid(), number))
        later.daemon = True
        later.start()

    return interrupt


@contextmanager
def _handled_by(handler: Handler, of: Sequence[signal.Signals] = STOPPING) -> Iterator[None]:
    """Inside, the handler takes the signals that are not ignored. Elsewhere than in the main thread it gets none."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [number for number in of if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, signal.SIG_DFL if old is None else old)  # None: not Python's


def _importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
