"""Alternative settings, timed on this machine in turns with the recipe's own."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch

from energan.bench.auto_batch import room
from energan.bench.operations import Operation
from energan.bench.roofline import Grouped, Machine, ceilings, floor
from energan.bench.timing import Bench, count, quartiles, warmed_up
from energan.data import ImageSet
from energan.experiment import Experiment
from energan.utils.errors import UserError


def predicted(groups: list[Grouped], machine: Machine, operations: list[Operation]) -> tuple[float, float]:
    """Seconds of another step, by its count and a step that was measured: two guesses, between which it should lie.

    One lets each group stay as many times its floor as it was measured to be, as where kernels are slow; the other as
    many seconds above it, as where starting them is.
    """
    times = seconds = 0.0
    for g in groups:
        least = floor(machine, [op for op in operations if op.group == g.group])
        times += least * g.seconds / g.floor if g.floor else g.seconds
        seconds += least + max(0.0, g.gap)
    return times, seconds


@contextmanager
def threads(n: int) -> Iterator[None]:
    """Inside the block, torch uses n threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class Tried(NamedTuple):
    """The result of another setting: its flags, its images/s as a multiple of the recipe's own, and the prediction.

    predicted  by the count: the least and the most; None where nothing was
    why        it could not be tried, or ""
    """

    flags: str
    ratio: tuple[float, float, float] | None
    predicted: tuple[float, float] | None
    why: str = ""


def changes(run: Experiment) -> list[tuple[str, dict[str, Any], int]]:
    """The settings to try beside a run: (flags, the arguments that they change, threads)."""
    now = torch.get_num_threads()
    other = "fp32" if run.precision == "bf16" else "bf16"
    tried: list[tuple[str, dict[str, Any], int]] = [(f"--precision {other}", {"precision": other}, now)]
    tried += [(f"--batch {n}", {"batch": n}, now) for n in (2 * run.batch, run.batch // 2) if n >= 2]
    if run.device == "cpu":
        most = os.cpu_count() or 1
        tried += [(f"OMP_NUM_THREADS={n}", {}, n) for n in {1, now // 2, min(2 * now, most)} - {0, now}]
    if run.device != "cpu":
        graph = "off" if run.graph != "off" else "on"
        tried.append((f"--graph {graph}", {"graph": graph}, now))
    if run.compile:
        tried.append(("--no-compile", {"compile": False}, now))
    return tried


def attempt(
    base: Bench, groups: list[Grouped], machine: Machine, make: Callable[..., Experiment], data: ImageSet,
    change: tuple[str, dict[str, Any], int], repeats: int,
) -> Tried:  # fmt: skip
    """Times another setting, in turns with the run's own, whose groups were measured on this machine."""
    flags, arguments, n = change
    now = torch.get_num_threads()
    if arguments.get("batch", 0) > base.run.batch and not room(base.one.device):
        return Tried(flags, None, None, "there may be too little memory")
    try:
        run = make(**arguments)
        with threads(n):
            other = warmed_up(run, data)
            there = machine if n == now else ceilings(run.device)
            operations = count(run, data).operations
        larger = run.batch / base.run.batch
        ratios = [larger * _seconds(base, now) / _seconds(other, n) for _ in range(repeats)]
    except (UserError, torch.OutOfMemoryError) as error:
        return Tried(flags, None, None, str(error).splitlines()[0])
    if arguments.keys() & {"compile", "graph"}:  # what these gain, counting does not tell
        return Tried(flags, quartiles(ratios), None)
    whole = sum(g.seconds for g in groups)
    low, high = sorted(larger * whole / seconds for seconds in predicted(groups, there, operations))
    return Tried(flags, quartiles(ratios), (low, high))


def _seconds(bench: Bench, n: int) -> float:
    """Seconds of a step with n threads; the first step after a change starts them, and is not timed."""
    changed = n != torch.get_num_threads()
    with threads(n):
        if changed:
            bench.step()
        return bench.seconds()
