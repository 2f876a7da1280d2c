"""Other settings, tried on this machine in turns with a run's own; and the batch that is fastest here."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch

from energan.console import say
from energan.counting import Operation
from energan.data import Images
from energan.errors import UserError
from energan.machine import peak_memory
from energan.roofline import Grouped, Machine, ceilings, floor
from energan.run import Run
from energan.timing import Bench, count, quartiles, ready

GAIN = 0.05  # by which images/s must grow for a batch to be doubled
FIRST = 16  # images of the first batch that is tried


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
    """So many threads inside the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class Tried(NamedTuple):
    """Another setting: its flags, its images/s as a multiple of the recipe's own (quartiles), what was foretold.

    predicted  by the count: the least and the most; None where nothing was
    why        it could not be tried, or ""
    """

    flags: str
    ratio: tuple[float, float, float] | None
    predicted: tuple[float, float] | None
    why: str = ""


def changes(run: Run) -> list[tuple[str, dict[str, Any], int]]:
    """(flags, what they change, threads) of what is tried beside a run."""
    now = torch.get_num_threads()
    other = "fp32" if run.precision == "bf16" else "bf16"
    tried: list[tuple[str, dict[str, Any], int]] = [(f"--precision {other}", {"precision": other}, now)]
    tried += [(f"--batch {n}", {"batch": n}, now) for n in (2 * run.batch, run.batch // 2) if n >= 2]
    if run.device == "cpu":
        most = os.cpu_count() or 1
        tried += [(f"OMP_NUM_THREADS={n}", {}, n) for n in {1, now // 2, min(2 * now, most)} - {0, now}]
    if run.compile:
        tried.append(("--no-compile", {"compile": False}, now))
    return tried


def attempt(
    base: Bench, groups: list[Grouped], machine: Machine, make: Callable[..., Run], data: Images,
    change: tuple[str, dict[str, Any], int], repeats: int,
) -> Tried:  # fmt: skip
    """Another setting, in turns with the run's own, whose groups were measured on this machine."""
    flags, arguments, n = change
    now = torch.get_num_threads()
    if arguments.get("batch", 0) > base.run.batch and not room(base.one.device):
        return Tried(flags, None, None, "there may be too little memory")
    try:
        run = make(**arguments)
        with threads(n):
            other = ready(run, data)
            there = machine if n == now else ceilings(run.device)
            operations = count(run, data).operations
        larger = run.batch / base.run.batch
        ratios = [larger * _seconds(base, now) / _seconds(other, n) for _ in range(repeats)]
    except (UserError, torch.OutOfMemoryError) as error:
        return Tried(flags, None, None, str(error).splitlines()[0])
    if "compile" in arguments:  # what compiling gains, counting does not tell
        return Tried(flags, quartiles(ratios), None)
    whole = sum(g.seconds for g in groups)
    low, high = sorted(larger * whole / seconds for seconds in predicted(groups, there, operations))
    return Tried(flags, quartiles(ratios), (low, high))


def _seconds(bench: Bench, n: int) -> float:
    """Of a step with n threads; the first after a change starts them, and is not timed."""
    changed = n != torch.get_num_threads()
    with threads(n):
        if changed:
            bench.step()
        return bench.seconds()


def room(device: torch.device) -> bool:
    """Whether as much memory as was needed so far at most is there once more, for twice the batch."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        held, most = torch.cuda.memory_reserved(device), torch.cuda.max_memory_reserved(device)
        return free + held > 2 * most
    return _available() > peak_memory()


def _available() -> int:
    """Bytes that this process may still take, of the machine's and its control group's."""
    known = Path("/proc/meminfo"), Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if known[0].exists():
        lines = dict(line.split(":") for line in known[0].read_text().splitlines())
        free = int(lines["MemAvailable"].split()[0]) * 1024
    if known[1].exists() and (most := known[1].read_text().strip()) != "max":
        free = min(free, int(most) - int(known[2].read_text()))
    return free


def best_batch(make: Callable[[int], Run], data: Images, *, first: int = FIRST, repeats: int = 3) -> int:
    """The batch that is fastest here: doubled from `first` while images/s grow by more than GAIN and memory allows.

    make(n) is the run with batches of n; `data` its training images, of which no batch has more than there are. What
    was found is printed. UserError if not even the first fits.
    """
    best, rate, n = 0, 0.0, min(first, len(data.images))
    while n <= len(data.images):
        run = make(n)
        try:
            now = n / _fewest(run, data, repeats)
        except torch.OutOfMemoryError:
            say(f"--batch {n}: does not fit in memory")
            break
        say(f"--batch {n}: {now:.0f} images/s")
        if now < rate * (1 + GAIN):
            break
        best, rate, n = n, now, 2 * n
        if not room(torch.device(run.device)):
            say(f"--batch {n}: there may be too little memory")
            break
    if not best:
        raise UserError(f"--batch auto: not even {n} images fit in the memory of {run.device}; give a smaller --batch")
    say(f"--batch {best} is used")
    return best


def _fewest(run: Run, data: Images, repeats: int) -> float:
    """Seconds of the fastest of some steps."""
    if run.device != "cpu":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    bench = ready(run, data)
    return min(bench.seconds() for _ in range(repeats))
