"""Activations that are worked out a second time in the backward pass, instead of being kept.  Chen et al. 2016,
arXiv:1604.06174.

The same gradient to the last bit in float32 (the nets' layers are pure functions; under bf16 autocast each pass rounds
its weights' gradients before they are added), a third more products, and of each segment only its input in memory.
What remains is the largest segment itself, at full resolution. Layers that draw from the engine's stream (dropout)
would draw other numbers the second time, and must not be inside.
"""

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


def recomputed(layer: nn.Module, x: Tensor, *, on: bool) -> Tensor:
    """layer(x); `on`, and where a gradient is wanted, keeping nothing but x."""
    if not on or not torch.is_grad_enabled():
        return layer(x)
    return checkpoint(layer, x, use_reentrant=False, preserve_rng_state=False)


def in_segments(net: nn.Sequential, x: Tensor, *, on: bool) -> Tensor:
    """net(x), whose segments start at each convolution; `on`, keeping nothing but their inputs."""
    if not on:
        return net(x)
    starts = [i for i, layer in enumerate(net) if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)]
    for start, stop in zip([0, *starts[1:]], [*starts[1:], len(net)], strict=True):
        x = recomputed(net[start:stop], x, on=True)
    return x
