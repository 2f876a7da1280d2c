"""The operations of a step, below autograd: the arithmetic, the bytes to move and the time of each.

Counted from one real step (forward, backward, optimizers), not from a table: whatever a game computes, also inside
torch.func, arrives here as operations on plain tensors.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from math import prod
from typing import Any, NamedTuple, final

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

GROUPS = ("products", "normalisation", "elementwise", "optimizer", "data and noise", "other")

FREE = {"empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided", "_unsafe_view", "_reshape_alias"}

OVERWRITES = {"copy_", "fill_", "zero_", "normal_", "uniform_", "random_", "bernoulli_", "exponential_"}

GATHERS = {"index", "index_select", "gather", "embedding"}  # which read of their first argument what they give

COPIES = {"_to_copy", "clone", "copy_", "fill_", "zero_", "zeros", "zeros_like", "new_zeros", "ones_like", "full"}

NORMS = ("batch_norm", "layer_norm", "group_norm")


class Operation(NamedTuple):
    """One operation of a step.

    name     aten's
    group    one of GROUPS; "other" are reductions, concatenations, indexing, padding
    turn     the game's turn that it belongs to
    flops    of products (matrix products and convolutions, forward and backward): a multiplication and an addition
             are two. 0 for all others, whose arithmetic is hidden by their bytes
    moved    bytes: each tensor read counts once, each written once, a broadcast one as large as it is in memory;
             views and allocations move nothing. What an operation does inside of itself is not seen
    dtype    of its first tensor, "float32"
    seconds  its own time, without Python's before and after it
    """

    name: str
    group: str
    turn: str
    flops: int
    moved: int
    dtype: str
    seconds: float


class Step(NamedTuple):
    """A step's operations in their order, and for each turn the least bytes that its players' updates move."""

    operations: list[Operation]
    updates: dict[str, int]


@final
class Counter(TorchDispatchMode):  # torch's own way to see operations is a class to derive from
    """Inside the block, every operation is recorded. `mark` is called at phases (phases.py); `turns`: their names."""

    def __init__(self, device: torch.device, turns: Sequence[str]) -> None:
        super().__init__()
        self._device, self._turns = device, iter(turns)
        self._turn, self._phase = "", "data"
        self._updates: dict[str, int] = {}
        self._seen: list[tuple[Operation, Callable[[], float]]] = []

    def mark(self, phase: str, moved: int) -> None:
        """A phase begins; "data" begins the next turn."""
        if phase == "data":
            self._turn = next(self._turns)
        self._phase = phase
        self._updates[self._turn] = self._updates.get(self._turn, 0) + moved

    def step(self) -> Step:
        """The counted step."""
        return Step([op._replace(seconds=seconds()) for op, seconds in self._seen], self._updates)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        seconds, out = self._timed(lambda: func(*args, **kwargs))
        name = func.overloadpacket.__name__
        if func.is_view or name in FREE:
            return out
        flops = _flops(func, args, kwargs, out)
        first = next(_tensors((args, kwargs, out)), None)
        dtype = str(first.dtype).removeprefix("torch.") if first is not None else ""
        group = self._group(func, name, flops)
        moved = _moved(func, name, args, kwargs, out)
        self._seen.append((Operation(name, group, self._turn, flops, moved, dtype, 0.0), seconds))
        return out

    def _timed(self, call: Callable[[], Any]) -> tuple[Callable[[], float], Any]:
        """The operation's result, and its seconds once they are known: on CUDA, after the step."""
        if self._device.type == "cuda":
            stream = torch.cuda.current_stream(self._device)
            start, stop = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            start.record(stream)
            out = call()
            stop.record(stream)
            return lambda: start.elapsed_time(stop) / 1e3, out
        began = time.perf_counter()
        out = call()
        took = time.perf_counter() - began
        return lambda: took, out

    def _group(self, func: Any, name: str, flops: int) -> str:
        if self._phase == "update":  # until the next turn draws: projections and averaged weights too
            return "optimizer"
        if self._phase in ("data", "noise"):
            return "data and noise"
        if flops:
            return "products"
        if any(norm in name for norm in NORMS):
            return "normalisation"
        pointwise = torch.Tag.pointwise in func.tags or name in COPIES or name.startswith("_foreach")
        return "elementwise" if pointwise else "other"


def _tensors(value: Any) -> Iterator[Tensor]:
    """The tensors in an argument or a result."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _tensors(item)
    elif isinstance(value, dict):
        yield from _tensors(list(value.values()))


def _flops(func: Any, args: Any, kwargs: Any, out: Any) -> int:
    """Of products; multiplications with padding count as if they were made."""
    if func.overloadpacket is torch.ops.aten.convolution:
        x, w, transposed = args[0], args[1], args[6]
        return _convolution(x if transposed else out, w)
    if func.overloadpacket is torch.ops.aten.convolution_backward:
        grad, x, w, transposed, wanted = args[0], args[1], args[2], args[7], args[10]
        return sum(wanted[:2]) * _convolution(x if transposed else grad, w)
    formula = flop_registry.get(func.overloadpacket)
    return int(formula(*args, **kwargs, out_val=out)) if formula else 0


def _convolution(places: Tensor, w: Tensor) -> int:
    """A multiplication and an addition of every weight for every image and place (torch's formula forgets groups)."""
    return 2 * places.shape[0] * prod(places.shape[2:]) * w.numel()


def _moved(func: Any, name: str, args: Any, kwargs: Any, out: Any) -> int:
    """Bytes read and written: see Operation."""
    read: dict[Any, int] = {}
    written: dict[Any, int] = {}
    unread = name.endswith("_like") or name.startswith("new_")  # asked for no more than its shape
    for i, argument in enumerate(() if unread else func._schema.arguments):
        argument_value = args[i] if i < len(args) else kwargs.get(argument.name)
        changed = argument.alias_info is not None and argument.alias_info.is_write
        # the fused optimizers' schemas say that gradients are written: they are, by a gradient scaler, unused here
        if changed and not (name.startswith("_fused") and argument.name == "grads"):
            written |= _sizes(argument_value)
            if argument.kwarg_only or name in OVERWRITES:  # out=, and what is written without being read
                continue
        read |= (
            {k: min(n, _size(out)) for k, n in _sizes(argument_value).items()}
            if name in GATHERS
            else _sizes(argument_value)
        )
    if not any(r.alias_info for r in func._schema.returns):
        written |= _sizes(out)
    return sum(read.values()) + sum(written.values())


def _sizes(value: Any) -> dict[Any, int]:
    """Each distinct tensor's bytes, so that x * x reads x once."""
    return {(t.data_ptr(), t.dtype, t.shape, t.stride()): _size(t) for t in _tensors(value)}


def _size(t: Tensor) -> int:
    """Bytes in memory; an expanded dimension has one row."""
    if not t.numel():
        return 0
    return t.element_size() * prod(n for n, stride in zip(t.shape, t.stride(), strict=True) if stride)
