"""Random numbers of weights and of layers, which no other thread can change.

Layers, such as dropout, draw from a counter-based RNG, as Salmon et al. 2011: a pure function of one key a turn, so
they can be drawn for hundreds of models at once under vmap.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from math import tau
from typing import Any, final

import torch
from torch import Tensor

from energan.engine.isolation import OperationsMode, isolated
from energan.utils.specification import inside, named


@named
@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Inside the block, torch's random numbers (of which weights are initialised) are those of the seed.

    They are what `torch.manual_seed(seed)` would give, but come from a generator of the block's own: torch's global
    generator, which all threads share, is neither used nor changed.

    >>> with seeded(0):
    ...     first = torch.rand(1)
    >>> with seeded(0):
    ...     again = torch.rand(1)
    >>> torch.equal(first, again)
    True
    """
    with isolated(gradients=torch.is_grad_enabled()), inside(seeded, seed=seed), _OwnGenerator(seed):
        yield


@final
class _OwnGenerator(OperationsMode):
    """This thread's operations that would draw from torch's global generator draw from one of its own, a device."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._seed = seed
        self._generators: dict[torch.device, torch.Generator] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        options = dict(kwargs or {})
        random = _taking_a_generator(func)
        if random is None or options.get("generator") is not None:
            return func(*args, **options)
        tensors = [x for x in args if isinstance(x, Tensor)]
        device = torch.device(options.get("device") or (tensors[0].device if tensors else "cpu"))
        if device not in self._generators:
            self._generators[device] = torch.Generator(device).manual_seed(self._seed)
        return random(*args, **options, generator=self._generators[device])


@cache
def _taking_a_generator(func: Any) -> Any:
    """The operation's form with the argument `generator`; None of one that is not random."""
    packet, overload = func.overloadpacket, func._overloadname
    sibling = "generator" if overload == "default" else f"{overload}_generator"
    for each in (func, getattr(packet, sibling) if sibling in packet.overloads() else None):
        if each is not None and any(argument.name == "generator" for argument in each._schema.arguments):
            return each
    return None


@final
class _Streams(threading.local):
    """A thread's streams: (key, () int64; number of tensors drawn by it; which part of a batch); the last is open."""

    def __init__(self) -> None:
        self.open: list[tuple[Tensor, list[int], int]] = []


_streams = _Streams()


@contextmanager
def stream(key: Tensor, part: int = 0) -> Iterator[None]:
    """Inside the block, layers draw the random numbers of `key`, one after another.

    Args:
        key: () int64.
        part: Which of a batch's equal parts the rows are. Each part has numbers of its own: for `stream_uniform`, in a
            layer that sees the batch's rows in their order, those that its rows have in the undivided batch.

    >>> with stream(torch.tensor(5)):
    ...     first = stream_uniform(torch.empty(3))
    >>> with stream(torch.tensor(5)):
    ...     torch.equal(first, stream_uniform(torch.empty(3)))
    True
    """
    _streams.open.append((key, [0], part))
    try:
        yield
    finally:
        _streams.open.pop()


def stream_uniform(like: Tensor) -> Tensor:
    """Returns U[0, 1) in the shape of `like`: the next numbers of the open stream; torch's own where none is open."""
    if not _streams.open:
        return torch.rand_like(like, dtype=torch.float32)
    # a float32 in [0, 1) has 24 bits
    return (_words(like.numel(), like.device) >> 8).to(torch.float32).mul(2.0**-24).view(like.shape)


def stream_normal(like: Tensor) -> Tensor:
    """Returns N(0, 1) in the shape of `like`, in float32 or wider: the stream's next; torch's own where none is open.

    Box & Muller 1958, two numbers from each 32 bits, 16 of them for the radius: none is beyond 4.9, which noise in a
    layer does not need, at half the cost.
    """
    dtype = torch.promote_types(like.dtype, torch.float32)
    if not _streams.open:
        return torch.randn_like(like, dtype=dtype)
    words = _words((like.numel() + 1) // 2, like.device)
    radius = ((words & 0xFFFF).to(dtype).add(0.5).mul(2.0**-16).log() * -2).sqrt()
    angle = (words >> 16).to(dtype).mul(tau * 2.0**-16)
    return torch.cat([radius * angle.cos(), radius * angle.sin()])[: like.numel()].view(like.shape)


def stream_draws() -> int:
    """Returns how many tensors of random numbers have been drawn from the open stream; 0 where none is open."""
    return _streams.open[-1][1][0] if _streams.open else 0


def _words(n: int, device: torch.device) -> Tensor:
    """Returns the next n 32-bit integers of the open stream, (n,) int64."""
    key, tensors, part = _streams.open[-1]
    tensors[0] += 1
    count = torch.arange(part * n, (part + 1) * n, device=device)
    seed = _mix(key + 0x9E3779B9 * tensors[0])
    return _mix(_mix(count ^ seed) + seed)


def _mix(x: Tensor) -> Tensor:
    """A bijection of 32-bit integers (in int64) whose output bits each depend on all input bits.

    It is lowbias32 of Wellons 2018, "Prospecting for hash functions" (nullprogram.com/blog/2018/07/31).
    """
    word = 0xFFFFFFFF
    x = x & word
    x = ((x ^ (x >> 16)) * 0x7FEB352D) & word
    x = ((x ^ (x >> 15)) * 0x846CA68B) & word
    return x ^ (x >> 16)
