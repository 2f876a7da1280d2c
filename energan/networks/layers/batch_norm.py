"""The layers that adversarial training needs otherwise than torch has them."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import batch_norm

from energan.engine.cross_rank import among
from energan.engine.cross_rank import batch_norm as batch_norm_of_ranks


class BatchNorm(nn.Module):
    """Batch normalisation (Ioffe & Szegedy 2015) with standing statistics, for (n, c) or (n, c, h, w).

    While training it normalises by the batch and writes nothing, so that a training step is a pure function; by that
    of all ranks, where they synchronise.
    For use (`eval()`), it normalises by `mean` and `var`, which `measure_batch_norm` measured once: then one
    sample never depends on its neighbours.
    affine False: it has neither gains nor biases.
    """

    mean: Tensor
    var: Tensor

    def __init__(self, features: int, gain_std: float = 0.0, *, affine: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(features) + gain_std * torch.randn(features)) if affine else None
        self.bias = nn.Parameter(torch.zeros(features)) if affine else None
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("var", torch.ones(features))

    def forward(self, x: Tensor) -> Tensor:
        if self.training and among().count > 1:
            return batch_norm_of_ranks(x, self.weight, self.bias)
        mean, var = (None, None) if self.training else (self.mean, self.var)
        # without a gain torch's CUDA kernel has no gradient for a bias, and its CPU one rounds moments of bfloat16
        gain = torch.ones_like(self.mean) if self.weight is None else self.weight
        return batch_norm(x, mean, var, gain, self.bias, training=self.training)


@torch.no_grad()
def measure_batch_norm(nets: Iterable[nn.Module], run: Callable[[], Any], batches: int) -> None:
    """Measures the mean and variance of every BatchNorm that `run` passes through, over `batches` calls of it.

    `run` passes one batch through the nets (fresh noise for a generator, real images for an energy). The variance is
    that of all batches' inputs together, so it includes what differs between batches. Leaves the nets in eval mode.
    """
    nets = list(nets)
    sums: dict[BatchNorm, list[Tensor]] = {}

    def record(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        assert isinstance(layer, BatchNorm)
        x = inputs[0].to(torch.float64).transpose(0, 1).flatten(1)  # (c, n h w)
        moments = sums.setdefault(layer, [torch.zeros_like(x[:, 0]) for _ in range(3)])
        moments[0] += x.sum(1)
        moments[1] += x.square().sum(1)
        moments[2] += x.shape[1]

    layers = [m for net in nets for m in net.modules() if isinstance(m, BatchNorm)]
    hooks = [m.register_forward_pre_hook(record) for m in layers]
    for net in nets:
        net.eval()  # dropout off, as in use
    for layer in layers:
        layer.train()
    for _ in range(batches if layers else 0):
        run()
    for hook in hooks:
        hook.remove()
    for layer, (total, squares, count) in sums.items():
        layer.mean.copy_(total / count)
        layer.var.copy_(squares / count - (total / count).square())
    for net in nets:
        net.eval()
