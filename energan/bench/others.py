"""How much of the processor other programs used while something was timed."""

import os
import time
from collections.abc import Callable
from typing import NamedTuple

import psutil

LEAST = 0.1  # cores of others, up to which a machine is quiet: services, the kernel


class Use(NamedTuple):
    """What was used since some start, in seconds: of the clock, of all cores, of this process and its children."""

    clock: float
    all: float
    own: float


def use_now() -> Use:
    """What was used until now. Of guests of this machine, and what a host took from it, counts as used by others."""
    total = psutil.cpu_times()._asdict()
    resting = total.get("idle", 0.0) + total.get("iowait", 0.0)
    twice = total.get("guest", 0.0) + total.get("guest_nice", 0.0)  # within user and nice, too
    own = os.times()
    return Use(time.monotonic(), sum(total.values()) - resting - twice, sum(own[:4]))


def others_since(before: Use, now: Callable[[], Use] = use_now) -> float:
    """Cores that other programs used on average since then, 0 or more.

    >>> others_since(Use(0, 100, 7), lambda: Use(10, 130, 22))
    1.5
    """
    after = now()
    clock = max(after.clock - before.clock, 1e-9)
    return max(0.0, ((after.all - before.all) - (after.own - before.own)) / clock)


def crowded(others: float, threads: int, cores: int) -> bool:
    """Whether so many cores of other programs, and as many threads of ours, are more than there are.

    >>> crowded(1.0, threads=2, cores=2), crowded(1.0, threads=2, cores=8), crowded(0.05, threads=2, cores=2)
    (True, False, False)
    """
    return others > LEAST and others + threads > cores + LEAST
