"""Statistics of the batch over all ranks: Trainer(..., sync_batch_stats=True).

The objective of each rank may then depend on every rank's rows. All ranks minimise the mean of their objectives,
so the gradient of a sum over ranks is the sum of the ranks' gradients.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, final

import torch
from jaxtyping import Float
from torch import Tensor

from energan.engine.distributed import ALONE, Ranks
from energan.engine.precision import wide


@final
class _Synchronised(threading.local):
    """A thread's open blocks; the last one counts."""

    def __init__(self) -> None:
        self.open: list[Ranks] = []


_blocks = _Synchronised()


@contextmanager
def synchronised(ranks: Ranks) -> Iterator[None]:
    """Inside the block, layers and losses take statistics of the batch over all ranks."""
    if ranks.count == 1:
        yield
        return
    _blocks.open.append(ranks)
    try:
        yield
    finally:
        _blocks.open.pop()


def among() -> Ranks:
    """Returns the ranks over which layers and losses take statistics of the batch."""
    return _blocks.open[-1] if _blocks.open else ALONE


def gathered(x: Float[Tensor, " n *d"]) -> Float[Tensor, " all *d"]:
    """Returns all ranks' rows, in their order; outside of `synchronised`, x. Differentiable any number of times."""
    ranks = among()
    if ranks.count == 1:
        return x
    spread = [torch.zeros_like(x)] * ranks.count
    spread[ranks.rank] = x
    return _Sum.apply(torch.cat(spread), ranks)


def batch_norm(x: Float[Tensor, "n c ..."], weight: Tensor | None, bias: Tensor | None) -> Float[Tensor, "n c ..."]:
    """torch's batch_norm in training mode, by the moments of all ranks' rows (as many on each).

    Moments of equal parts: mean = E m_r, var = E v_r + E (m_r - mean)^2, which loses nothing to rounding.
    """
    var, mean = torch.var_mean(wide(x), [0, *range(2, x.ndim)], correction=0)
    means, variances = gathered(torch.stack([mean, var])[None]).unbind(1)  # (ranks, c) each
    mean = means.mean(0)
    scale = (variances.mean(0) + (means - mean).square().mean(0) + 1e-5).rsqrt()
    scale = scale if weight is None else scale * weight
    shift = -mean * scale if bias is None else bias - mean * scale
    shape = (1, -1, *(1,) * (x.ndim - 2))
    return torch.addcmul(shift.view(shape), wide(x), scale.view(shape)).to(x.dtype)


class _Sum(torch.autograd.Function):
    """The sum over ranks."""

    @staticmethod
    def forward(x: Tensor, ranks: Ranks) -> Tensor:
        return ranks.sum_(x.contiguous().clone())

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Ranks], output: Tensor) -> None:
        ctx.ranks = inputs[1]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return _Sum.apply(gradients[0], ctx.ranks), None
