"""Ways to step, timed in turns: made one after another, warmed up, and then compared within rounds.

In each round every side plays a block of steps, and the device is waited for once, at the block's end. Rounds go
forwards and backwards in alternation, so that a slow moment of the machine, or a clock that falls, hits all sides.
"""

import gc
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from math import ceil, isnan
from types import FrameType
from typing import NamedTuple

import torch
from torch import Tensor

from energan.bench.roofline import synchronise

WARM = 8  # steps of each side that are not timed: a graph is captured within them

BLOCK = 0.02  # seconds of the fastest side's steps before the device is waited for

FAR = 1e9  # of weights that are no numbers any more

FEWEST = 3  # rounds, where the time allows them


class OutOfTime(BaseException):
    """The time for a job is over. No Exception: a compiler that it interrupts must not take it for its own."""


class Clock:
    """The seconds that are left of a budget."""

    def __init__(self, seconds: float) -> None:
        self._end = time.perf_counter() + seconds

    def left(self) -> float:
        return self._end - time.perf_counter()


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Inside the block, OutOfTime is raised once so many seconds are over. In another thread than the main one: never.

    The alarm waits for what a library does without returning to Python, such as one kernel.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def over(number: int, frame: FrameType | None) -> None:
        raise OutOfTime(f"given up after {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-3))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class Player(NamedTuple):
    """A way to step.

    weights  those that it changes; [] where they are not to be compared with the other sides'
    why  it is not played as its name says; "": it is
    """

    step: Callable[[], object]
    weights: Callable[[], list[Tensor]] = list
    why: Callable[[], str] = str


class Side(NamedTuple):
    """A player that has taken WARM steps.

    made  seconds until it could be timed: building, warming up, compiling
    peak  bytes on the GPU at most while it was made and stepped, beyond what was there; None: not known here
    apart  how far its weights are from the first side's, as a multiple of how far those have moved; None: they
        are not compared
    """

    player: Player
    made: float
    peak: int | None
    apart: float | None


@contextmanager
def cudnn_by_trial(*, tf32: bool | None = None) -> Iterator[None]:
    """Inside the block, cuDNN tries its kernels for each shape and keeps the fastest. tf32: None leaves it as it is."""
    cudnn = torch.backends.cudnn
    before = cudnn.benchmark, cudnn.allow_tf32
    cudnn.benchmark, cudnn.allow_tf32 = True, before[1] if tf32 is None else tf32
    try:
        yield
    finally:
        cudnn.benchmark, cudnn.allow_tf32 = before


def free(device: torch.device) -> None:
    """Gives memory back that nothing refers to."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def prepared(
    makers: Mapping[str, Callable[[], Player]], device: torch.device
) -> tuple[dict[str, Side], dict[str, BaseException]]:
    """The sides that could be made, and the errors of those that could not. All take WARM steps.

    Where the time is over, the sides that are there go on.
    """
    sides: dict[str, Side] = {}
    failed: dict[str, BaseException] = {}
    start: list[Tensor] = []
    after: list[Tensor] = []
    for name, make in makers.items():
        began = time.perf_counter()
        try:
            before = _reset(device)
            player = make()
            first = not sides
            if first:
                start = [w.detach().clone() for w in player.weights()]
            for _ in range(WARM):
                player.step()
            synchronise(device)
            peak = torch.cuda.max_memory_allocated(device) - before if device.type == "cuda" else None
            if first:
                after = [w.detach().clone() for w in player.weights()]
            took = time.perf_counter() - began
            sides[name] = Side(player, took, peak, apart(player.weights(), start, after))
        except OutOfTime as error:
            if not sides:
                raise
            return sides, failed | dict.fromkeys(set(makers) - set(sides) - set(failed), error)
        except Exception as error:  # a setting that fails is a row with its reason; the others go on
            failed[name] = error.with_traceback(None)  # whose frames would keep tensors
    return sides, failed


def _reset(device: torch.device) -> int:
    free(device)
    if device.type != "cuda":
        return 0
    torch.cuda.reset_peak_memory_stats(device)
    return torch.cuda.memory_allocated(device)


def apart(weights: list[Tensor], start: list[Tensor], after: list[Tensor]) -> float | None:
    """How far the weights are from `after`, as a multiple of how far those are from `start`; FAR where that is NaN."""
    if not after or [w.shape for w in weights] != [w.shape for w in after]:
        return None
    times = _distance(weights, after) / max(_distance(start, after), 1e-30)
    return FAR if isnan(times) else min(times, FAR)


def _distance(a: list[Tensor], b: list[Tensor]) -> float:
    return sum(float((x.detach().double() - y.double()).square().sum()) for x, y in zip(a, b, strict=True)) ** 0.5


def in_turns(
    steps: Mapping[str, Callable[[], object]], device: torch.device, seconds: float, clock: Clock
) -> dict[str, list[float]]:
    """Seconds of one step of each side, a number for each round, within so many `seconds` of trying."""
    once = {name: block(step, 1, device) for name, step in steps.items()}
    n = max(1, min(200, ceil(BLOCK / min(once.values()))))
    end = time.perf_counter() + seconds
    times: dict[str, list[float]] = {name: [] for name in steps}
    rounds = 0
    while rounds < FEWEST or time.perf_counter() < end:
        if rounds and clock.left() <= 0:
            break
        for name in list(steps) if rounds % 2 == 0 else reversed(list(steps)):
            times[name].append(block(steps[name], n, device))
        rounds += 1
    return times


def block(step: Callable[[], object], n: int, device: torch.device) -> float:
    """Seconds of one of n steps, with one wait at their end."""
    synchronise(device)
    began = time.perf_counter()
    for _ in range(n):
        step()
    synchronise(device)
    return (time.perf_counter() - began) / n
