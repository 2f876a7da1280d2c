"""A process of this machine that plays trials, and where it runs."""

import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import suppress
from multiprocessing import connection, get_context, parent_process
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple, final

from energan.sweep.plan.halving import Ask

JOIN_SECONDS = 1.0  # that an ended process is waited for, to learn how it ended
LOOK_SECONDS = 0.005  # between two looks at it
NODES = Path("/sys/devices/system/node")


@final
class Place(NamedTuple):
    """Where a process runs: with so many threads, on these processors; None: on any."""

    threads: int
    cpus: frozenset[int] | None = None


def places(n: int, nodes: Path = NODES) -> list[Place]:
    """The places of n processes, which share this process' threads.

    Where the machine's processors belong to several memory nodes, each process is on one node: memory of another is
    slower. OMP_NUM_THREADS is taken as how many threads there are.
    """
    mine = frozenset(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else frozenset[int]()
    with suppress(KeyError, ValueError):
        return [Place(max(1, int(os.environ["OMP_NUM_THREADS"]) // n))] * n
    groups = [cpus for path in sorted(nodes.glob("node[0-9]*/cpulist")) if (cpus := _listed(path) & mine)]
    if len(groups) < 2 or n < len(groups):
        return [Place(max(1, (len(mine) or os.cpu_count() or 1) // n))] * n
    each = [groups[i % len(groups)] for i in range(n)]
    return [Place(max(1, len(cpus) // each.count(cpus)), cpus) for cpus in each]


def _listed(path: Path) -> frozenset[int]:
    """The numbers of a list such as 0-3,8."""
    try:
        ranges = [part.partition("-") for part in path.read_text().strip().split(",") if part]
        return frozenset(i for low, _, high in ranges for i in range(int(low), int(high or low) + 1))
    except (OSError, ValueError):
        return frozenset()


@final
class Lane:
    """A process, started when it is given something; it asks `ask` in this process."""

    def __init__(self, place: Place, ask: Ask) -> None:
        self.place = place
        context = get_context("spawn")
        self._near, self._far = context.Pipe()
        self._pool = ProcessPoolExecutor(1, context, initializer=_begin, initargs=(place, self._far))
        threading.Thread(target=_answer, args=(self._near, ask), daemon=True).start()

    def submit(self, function: Callable[..., Any], *given: Any, **named: Any) -> Future[Any]:
        """What the function returns there."""
        return self._pool.submit(function, *given, **named)

    def cause(self) -> str:
        """By which signal the process died, in words."""
        end = time.monotonic() + JOIN_SECONDS
        for process in list((self._pool._processes or {}).values()):
            while (code := process.exitcode) is None and time.monotonic() < end:
                time.sleep(LOOK_SECONDS)  # the pool's own thread may be the one that is told
            if code is not None and code < 0:
                return f" by {signal.Signals(-code).name}"
        return ""

    def end(self) -> None:
        """Ends the process at once: what it plays is given up."""
        for process in list((self._pool._processes or {}).values()):
            process.kill()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._far.close()  # the thread that answers reads the end


def _answer(near: Connection, ask: Ask) -> None:
    """Answers what the process asks, until it is ended."""
    with near, suppress(EOFError, OSError):
        while True:
            near.send(ask(*near.recv()))


@final
class Remote:
    """An `Ask` that asks the process that started this one."""

    def __call__(self, number: int, step: int, cost: float) -> bool:
        assert _far is not None
        _far.send((number, step, cost))
        return bool(_far.recv())


_far: Connection | None = None  # in a process of a lane


def _begin(place: Place, far: Connection) -> None:
    """What a process does first: it leaves signals to the one that started it, and ends when that one does."""
    global _far  # noqa: PLW0603
    _far = far
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=end_with_parent, daemon=True).start()
    os.environ["OMP_NUM_THREADS"] = str(place.threads)  # which torch will read
    if place.cpus:
        with suppress(OSError):  # a processor that went away
            os.sched_setaffinity(0, place.cpus)

    from energan.utils.hardware import keep_memory

    keep_memory()


def end_with_parent(seconds: float = 0.0) -> None:
    """Ends this process so long after its parent: it would wait for trials forever."""
    if (parent := parent_process()) is not None:
        connection.wait([parent.sentinel])
        time.sleep(seconds)
        os._exit(1)
