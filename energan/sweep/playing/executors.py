"""Where trials are played. Whoever executes takes trials as it has room, and yields their rows as they end.

    Here           this process
    Processes(n)   n processes of this machine, each with its share of the threads

Either plays trials one after another, or some of one shape as one program (together.py). A trial is plain data that
may be sent anywhere, and its row is a dictionary.
"""

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing import connection, get_context, parent_process
from typing import Protocol, final

from energan.sweep.plan.trials import Result, Trial
from energan.sweep.playing.play import GivenUp, Keep, Stop
from energan.sweep.playing.together import groups, play_all

LOOK_SECONDS = 0.2  # between two looks whether to stop
TRIES = 2  # of a trial whose process dies: "twice"


class Executor(Protocol):
    """Plays trials."""

    def rows(self, trials: Iterator[Trial], stop: Stop) -> Iterator[Result]:
        """The rows of the trials, as they end. No trial is taken before there is room for it.

        Once `stop` says so, trials under way are given up: they have no row.
        """
        ...


@final
class Here:
    """This process, one group of trials after another."""

    def __init__(self, keep: Keep, together: int = 1) -> None:
        self._keep, self._together = keep, together

    def rows(self, trials: Iterator[Trial], stop: Stop) -> Iterator[Result]:
        for group in groups(trials, self._together):
            try:
                yield from play_all(group, self._keep, stop)
            except GivenUp:
                return


@final
class Processes:
    """n processes of this machine, which share its threads.

    Each is a pool of one, so that a process that dies takes its own trials with it and no others: they are tried once
    more, each by itself, in a new process. A trial whose process dies twice has failed.
    """

    def __init__(self, n: int, keep: Keep, together: int = 1) -> None:
        self._n, self._keep, self._together = n, keep, together
        self._threads = max(1, threads() // n)

    def _lane(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(1, get_context("spawn"), initializer=_begin, initargs=(self._threads,))

    def rows(self, trials: Iterator[Trial], stop: Stop) -> Iterator[Result]:
        free = [self._lane() for _ in range(self._n)]
        running: dict[Future[list[Result]], tuple[list[Trial], ProcessPoolExecutor]] = {}
        again: list[list[Trial]] = []  # whose process died
        died: dict[int, int] = {}  # how often the process of a trial by itself did
        waiting = groups(trials, self._together)
        try:
            while not stop():
                while free and (group := again.pop() if again else next(waiting, None)) is not None:
                    lane = free.pop()
                    running[lane.submit(play_all, group, self._keep)] = group, lane
                if not running:
                    return
                done, _ = wait(running, timeout=LOOK_SECONDS, return_when=FIRST_COMPLETED)
                for future in done:
                    group, lane = running.pop(future)
                    if not isinstance(error := future.exception(), BrokenProcessPool):
                        if error is not None:
                            raise error
                        free.append(lane)
                        yield from future.result()
                        continue
                    cause = _cause(lane)
                    lane.shutdown(wait=False)
                    if stop():  # Ctrl-C reached the process, too
                        return
                    free.append(self._lane())
                    if len(group) > 1:
                        again += [[trial] for trial in group]
                        continue
                    trial = group[0]
                    died[trial.number] = died.get(trial.number, 0) + 1
                    if died[trial.number] < TRIES:
                        again.append(group)
                    else:
                        yield trial.row("failed", f"its process died{cause}, twice")
        finally:
            for lane in [*free, *(lane for _, lane in running.values())]:
                _end(lane)


def threads() -> int:
    """How many threads this process may use: OMP_NUM_THREADS, else its processors."""
    with suppress(KeyError, ValueError):
        return max(1, int(os.environ["OMP_NUM_THREADS"]))
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _cause(lane: ProcessPoolExecutor) -> str:
    """By which signal the lane's process died, in words."""
    for process in list((lane._processes or {}).values()):
        process.join(LOOK_SECONDS)
        if (code := process.exitcode) is not None and code < 0:
            return f" by {signal.Signals(-code).name}"
    return ""


def _end(lane: ProcessPoolExecutor) -> None:
    """Ends the lane's process at once: what it plays is given up."""
    for process in list((lane._processes or {}).values()):
        process.kill()
    lane.shutdown(wait=True, cancel_futures=True)


def _begin(count: int) -> None:
    """What a process does first: it leaves signals to the one that started it, and ends when that one does."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ["OMP_NUM_THREADS"] = str(count)  # which torch will read

    from energan.utils.hardware import keep_memory

    keep_memory()


def _end_with_parent() -> None:
    """Without its parent, a process would wait for trials forever."""
    if (parent := parent_process()) is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
