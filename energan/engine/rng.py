"""Counter-based random numbers (as Salmon et al. 2011) for layers: a pure function of one key a turn."""

from collections.abc import Iterator
from contextlib import contextmanager
from math import tau

import torch
from torch import Tensor

from energan.utils.specification import inside, named


@named
@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Torch's global generator seeded inside the block (weights are initialised from it) and put back after."""
    with torch.random.fork_rng(), inside(seeded, seed=seed):
        torch.manual_seed(seed)
        yield


# keys, () int64, how many tensors each has given, and which part of a batch is theirs; the last is open
_streams: list[tuple[Tensor, list[int], int]] = []


@contextmanager
def stream(key: Tensor, part: int = 0) -> Iterator[None]:
    """Inside the block, layers count through the random numbers that belong to `key`, a () int64.

    part: which of a batch's equal parts the rows are. Each part has numbers of its own: for `stream_uniform`, and a
    layer that sees the batch's rows in their order, those that its rows would have if the batch were not divided.
    """
    _streams.append((key, [0], part))
    try:
        yield
    finally:
        _streams.pop()


def stream_uniform(like: Tensor) -> Tensor:
    """U[0, 1) in the shape of `like`: the next numbers of the open stream, or torch's own where none is open."""
    if not _streams:
        return torch.rand_like(like, dtype=torch.float32)
    # 24 bits are what a float32 in [0, 1) can hold
    return (_words(like.numel(), like.device) >> 8).to(torch.float32).mul(2.0**-24).view(like.shape)


def stream_normal(like: Tensor) -> Tensor:
    """N(0, 1) in the shape of `like`, in float32 or wider: the stream's next, or torch's own where none is open.

    Box & Muller 1958, two numbers from each 32 bits, 16 for the radius: none is beyond 4.9, which noise in a layer
    does not miss and which halves what it costs.
    """
    dtype = torch.promote_types(like.dtype, torch.float32)
    if not _streams:
        return torch.randn_like(like, dtype=dtype)
    words = _words((like.numel() + 1) // 2, like.device)
    radius = ((words & 0xFFFF).to(dtype).add(0.5).mul(2.0**-16).log() * -2).sqrt()
    angle = (words >> 16).to(dtype).mul(tau * 2.0**-16)
    return torch.cat([radius * angle.cos(), radius * angle.sin()])[: like.numel()].view(like.shape)


def _words(n: int, device: torch.device) -> Tensor:
    """The next n 32-bit integers of the open stream, (n,) int64."""
    key, given, part = _streams[-1]
    given[0] += 1
    count = torch.arange(part * n, (part + 1) * n, device=device)
    seed = _mix(key + 0x9E3779B9 * given[0])
    return _mix(_mix(count ^ seed) + seed)


def _mix(x: Tensor) -> Tensor:
    """A bijection of 32-bit integers (kept in int64) whose output bits each depend on all input bits."""
    word = 0xFFFFFFFF
    x = x & word
    x = ((x ^ (x >> 16)) * 0x7FEB352D) & word
    x = ((x ^ (x >> 15)) * 0x846CA68B) & word
    return x ^ (x >> 16)
