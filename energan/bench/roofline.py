"""The roofline of this machine: its measured ceilings, and the least time that they allow a counted step.

Williams, Waterman & Patterson 2009, doi:10.1145/1498765.1498785, with one roof for each kind of memory.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from energan.bench.operations import GROUPS, Operation, Step

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}

SIDES = {"cpu": (512, 1024, 2048), "cuda": (1024, 2048, 4096, 8192)}  # of square matrices

MOVED = tuple(2**k for k in (17, 19, 21, 23, 25, 28))  # bytes; the last is beyond the caches

BEYOND = "Python, launching, waiting"  # a step's time that is no operation's own

SECONDS = 0.05  # of trying, for each kernel and size


class Machine(NamedTuple):
    """A machine's ceilings.

    products  operations/s of matrix products and convolutions, by the type of their numbers
    memory    (bytes, bytes/s) of the best kernel that moves so many, in rising order; small ones stay in the caches
    """

    device: str
    threads: int
    products: dict[str, float]
    memory: tuple[tuple[int, float], ...]

    def bandwidth(self, moved: int) -> float:
        """The ceiling in bytes/s of an operation that moves so many: the best measured at this size or any larger.

        Between two sizes that were measured it is that of the smaller: too fast rather than too slow. Data are taken
        to be in the fastest cache that holds them all, so what was evicted in the meantime is time above the floor.
        """
        levels = [i for i, (size, _) in enumerate(self.memory) if size <= moved]
        return max(rate for _, rate in self.memory[levels[-1] if levels else 0 :])

    def arithmetic(self, flops: int, dtype: str) -> float:
        """The least seconds for so many operations; a type that was not measured counts as the fastest measured one."""
        return flops / self.products.get(dtype, max(self.products.values()))

    def traffic(self, moved: int) -> float:
        """The least seconds for one operation to move so many bytes."""
        return moved / self.bandwidth(moved)

    def least(self, op: Operation) -> float:
        """The least seconds for one operation: max(operations / ceiling, bytes / bandwidth)."""
        return max(self.arithmetic(op.flops, op.dtype), self.traffic(op.moved))


def floor(machine: Machine, operations: Iterable[Operation]) -> float:
    """The least seconds for these operations, one after another: the sum of each one's `Machine.least`.

    Nothing is assumed to be fused or to overlap; who fuses operations may be faster than this. It holds for kernels
    that compute what was counted: a convolution of fewer multiplications (Winograd, no padding) may beat it.
    """
    return sum(machine.least(op) for op in operations)


def fused_floor(machine: Machine, step: Step, turns: Iterable[str]) -> float:
    """The least seconds for these turns if all but products and updates were free, by perfect fusion.

    Products count their operations and no bytes; each turn's updates move weights and moments once each way, and
    gradients once. Never above `floor`.
    """
    chosen = set(turns)
    operations = [op for op in step.operations if op.turn in chosen]
    products = sum(machine.arithmetic(op.flops, op.dtype) for op in operations)
    updates = sum(machine.traffic(moved) for turn, moved in step.updates.items() if turn in chosen)
    return min(products + updates, floor(machine, operations))


class Grouped(NamedTuple):
    """One kind of operation within a step: their own time, the floor, how much they compute and move."""

    group: str
    seconds: float
    floor: float
    flops: int
    moved: int

    @property
    def gap(self) -> float:
        return self.seconds - self.floor


def grouped(machine: Machine, step: Step, seconds: float) -> list[Grouped]:
    """The groups of a step that takes so many `seconds`, and what is beyond them; largest gap first."""
    groups = []
    for group in GROUPS:
        ops = [op for op in step.operations if op.group == group]
        sums = sum(op.flops for op in ops), sum(op.moved for op in ops)
        groups.append(Grouped(group, sum(op.seconds for op in ops), floor(machine, ops), *sums))
    beyond = max(0.0, seconds - sum(g.seconds for g in groups))
    return sorted([*groups, Grouped(BEYOND, beyond, 0.0, 0, 0)], key=lambda g: -g.gap)


def synchronise(device: torch.device) -> None:
    """Waits until a GPU has finished its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def ceilings(
    device: str, *, sides: tuple[int, ...] = (), sizes: tuple[int, ...] = MOVED, seconds: float = SECONDS
) -> Machine:
    """This machine's ceilings, with the threads in use: some seconds of measuring.

    Products: the best of square matrices of each of `sides`, b as it is and transposed, and of a convolution. Memory:
    the best of a copy, a triad, a scaling in place and a sum, that move `sizes` bytes as they are counted (a copy: two
    for each written), which leaves out that a cache may read what it is about to write.
    """
    where = torch.device(device)
    sides = sides or SIDES[where.type]
    products = {
        name: max(flops / _fastest(run, where, seconds) for flops, run in _products(sides, dtype, where))
        for name, dtype in DTYPES.items()
    }
    memory = tuple(
        (size, max(size / _fastest(run, where, seconds) for run in _movers(size // 4, where))) for size in sorted(sizes)
    )
    return Machine(device, torch.get_num_threads(), products, memory)


def _products(
    sides: tuple[int, ...], dtype: torch.dtype, where: torch.device
) -> Iterator[tuple[int, Callable[[], Tensor]]]:
    """(operations, the product) of each kind."""
    # random numbers: a GPU multiplies zeros and ones faster, at a higher clock
    randn = partial(torch.randn, generator=torch.Generator(where).manual_seed(0), device=where)
    for n in sides:
        a, b, c = (randn(n, n).to(dtype) for _ in range(3))
        yield 2 * n**3, lambda a=a, b=b, c=c: torch.mm(a, b, out=c)  # type: ignore[misc]
        yield 2 * n**3, lambda a=a, b=b, c=c: torch.mm(a, b.t(), out=c)  # type: ignore[misc]
    maps, n, side = min(256, sides[-1]), 32 if where.type == "cpu" else 256, 16
    x = randn(n, maps, side, side).to(dtype, memory_format=torch.channels_last)
    w = randn(maps, maps, 3, 3).to(dtype, memory_format=torch.channels_last)
    yield 2 * n * side**2 * w.numel(), lambda: conv2d(x, w, padding=1)


def _movers(floats: int, where: torch.device) -> Iterator[Callable[[], Tensor]]:
    """Kernels that move so many float32: half read and half written; two thirds and a third; in place; all read."""
    a, b = (torch.ones(floats // 2, device=where) for _ in range(2))
    yield lambda: b.copy_(a)
    yield lambda: a.mul_(1.0)
    third = floats // 3
    c = torch.ones(third, device=where)
    yield lambda: torch.add(a[:third], b[:third], alpha=3.0, out=c)
    whole = torch.ones(floats, device=where)
    yield whole.sum


def _fastest(run: Callable[[], Tensor], where: torch.device, seconds: float) -> float:
    """The best seconds of a run within `seconds` of trying; short runs are timed several at once."""

    def took(times: int) -> float:
        synchronise(where)
        began = time.perf_counter()
        for _ in range(times):
            run()
        synchronise(where)
        return (time.perf_counter() - began) / times

    took(1)
    best = took(1)
    times, end = max(1, int(seconds / 20 / best)), time.perf_counter() + seconds - best
    while time.perf_counter() < end:
        best = min(best, took(times))
    return best
