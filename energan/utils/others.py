"""How much of the processors other programs use meanwhile, and whether threads have to wait for them.

Threads of one step wait for each other: where another program has one of two processors, a step took 34 times as long
with two threads as with one, and more (docs/results/speed.md).
"""

import os
import time
from collections.abc import Callable
from typing import NamedTuple

import psutil

LEAST = 0.1  # cores of others, up to which a machine is quiet: services, the kernel

MUCH = 0.5  # cores of others that are worth a word to somebody who times nothing

SHORTEST = 0.2  # seconds in which this can be told: clocks tick a hundred times in one


class Use(NamedTuple):
    """What was used since some start, in seconds: of the clock, of all cores, of this process and its children."""

    clock: float
    all: float
    own: float


def use_now() -> Use:
    """What was used until now. Of guests of this machine, and what a host took from it, counts as used by others.

    Where the system hides what others use, they use nothing.
    """
    own = os.times()
    try:
        total = psutil.cpu_times()._asdict()
    except (OSError, psutil.Error):
        return Use(time.monotonic(), sum(own[:4]), sum(own[:4]))
    resting = total.get("idle", 0.0) + total.get("iowait", 0.0)
    twice = total.get("guest", 0.0) + total.get("guest_nice", 0.0)  # within user and nice, too
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


def advice(before: Use, threads: int, cores: int, now: Callable[[], Use] = use_now) -> str:
    """A sentence for who trains with so many threads where others need the cores; "" else, or where it is too soon.

    All cores of the machine are seen, also where this process may use some of them only: then it may say too little, or
    too much.

    >>> advice(Use(0, 0, 0), threads=2, cores=2, now=lambda: Use(10, 12, 1))[:65]
    "other programs keep 1.1 of 2 cores at work, and this one's 2 thre"
    """
    after = now()
    others = others_since(before, lambda: after)
    free = max(1, round(cores - others))
    if others < MUCH or after.clock - before.clock < SHORTEST or threads <= free or not crowded(others, threads, cores):
        return ""
    return (
        f"other programs keep {others:.1f} of {cores} cores at work, and this one's {threads} threads wait for each "
        f"other: OMP_NUM_THREADS={free} may be many times as fast (and rounds otherwise)"
    )
