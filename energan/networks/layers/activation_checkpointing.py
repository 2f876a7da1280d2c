"""Activations that are worked out a second time in the backward pass, instead of being kept.  Chen et al. 2016,
arXiv:1604.06174.

The same gradient to the last bit in float32 (the nets' layers are pure functions; under bf16 autocast each pass rounds
its weights' gradients before they are added), a third more products, and of each segment only its input in memory.
What remains is the largest segment itself, at full resolution. Layers that draw from the engine's stream (dropout)
would draw other numbers the second time, and must not be inside.
"""

from contextlib import AbstractContextManager, nullcontext
from functools import partial

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from energan.engine.cross_rank import among, synchronised
from energan.engine.distributed import Ranks


def recomputed(layer: nn.Module, x: Tensor, *, on: bool) -> Tensor:
    """layer(x); `on`, and where a gradient is wanted, keeping nothing but x."""
    if not on or not torch.is_grad_enabled():
        return layer(x)
    ranks = among()
    if ranks.count == 1:
        return checkpoint(layer, x, use_reentrant=False, preserve_rng_state=False)
    # on a GPU the backward pass, and the second forward pass in it, are another thread's, which has no open blocks
    around = partial(_first_and_second, ranks)
    return checkpoint(layer, x, use_reentrant=False, preserve_rng_state=False, context_fn=around)


def _first_and_second(ranks: Ranks) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    """The contexts of the two passes: the second takes statistics over the same ranks as the first."""
    return nullcontext(), synchronised(ranks)


def in_segments(net: nn.Sequential, x: Tensor, *, on: bool) -> Tensor:
    """net(x), whose segments start at each convolution; `on`, keeping nothing but their inputs."""
    if not on:
        return net(x)
    starts = [i for i, layer in enumerate(net) if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)]
    for start, stop in zip([0, *starts[1:]], [*starts[1:], len(net)], strict=True):
        x = recomputed(net[start:stop], x, on=True)
    return x
