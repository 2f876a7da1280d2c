"""Where trials are played. Whoever executes takes trials as it has room, and yields their rows as they end.

    Here           this process
    Processes(n)   n processes of this machine, each with its share of the threads
    Cluster        a cluster of Ray's (cluster/)

Each plays trials one after another, or some of one shape as one program (together.py). A trial is plain data that
may be sent anywhere, and its row is a dictionary.
"""

from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Protocol, final

from energan.sweep.plan.halving import Ask, never
from energan.sweep.plan.trials import Result, Trial
from energan.sweep.playing.lanes import Lane, Remote, places
from energan.sweep.playing.play import GivenUp, Keep, Stop
from energan.sweep.playing.together import groups, play_all

LOOK_SECONDS = 0.2  # between two looks whether to stop
TRIES = 2  # of a trial whose process dies: "twice"


class Executor(Protocol):
    """Plays trials."""

    def rows(self, trials: Iterator[Trial], stop: Stop, ask: Ask = never) -> Iterator[Result]:
        """The rows of the trials, as they end. Few trials are taken before there is room for them.

        Once `stop` says so, trials under way are given up: they have no row. `ask` says whether one that is looked at
        while it trains ends there.
        """
        ...


@final
class Here:
    """This process, one group of trials after another."""

    def __init__(self, keep: Keep, together: int = 1) -> None:
        self._keep, self._together = keep, together

    def rows(self, trials: Iterator[Trial], stop: Stop, ask: Ask = never) -> Iterator[Result]:
        for group in groups(trials, self._together):
            try:
                yield from play_all(group, self._keep, stop, ask)
            except GivenUp:
                return


@final
class Processes:
    """n processes of this machine, which share its threads; of several memory nodes, each is on one.

    A process that dies takes its own trials with it and no others: they are tried once more, each by itself, in a new
    process. A trial whose process dies twice has failed.
    """

    def __init__(self, n: int, keep: Keep, together: int = 1) -> None:
        self._places, self._keep, self._together = places(n), keep, together

    def rows(self, trials: Iterator[Trial], stop: Stop, ask: Ask = never) -> Iterator[Result]:
        free = [Lane(place, ask) for place in self._places]
        running: dict[Future[list[Result]], tuple[list[Trial], Lane]] = {}
        again: list[list[Trial]] = []  # whose process died
        died: dict[int, int] = {}  # how often the process of a trial by itself did
        waiting = groups(trials, self._together)
        try:
            while not stop():
                while free and (group := again.pop() if again else next(waiting, None)) is not None:
                    lane = free.pop()
                    running[lane.submit(play_all, group, self._keep, ask=Remote())] = group, lane
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
                    cause = lane.cause()
                    lane.end()
                    if stop():  # Ctrl-C reached the process, too
                        return
                    free.append(Lane(lane.place, ask))
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
                lane.end()
