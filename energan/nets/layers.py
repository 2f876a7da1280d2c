"""The layers that adversarial training needs otherwise than torch has them."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import batch_norm, linear

from energan.errors import UserError
from energan.nets.normalisation import WeightNorm
from energan.noise import stream_normal, stream_uniform
from energan.precision import wide
from energan.synchronised import among, gathered
from energan.synchronised import batch_norm as batch_norm_of_ranks


class BatchNorm(nn.Module):
    """Batch normalisation (Ioffe & Szegedy 2015) with standing statistics, for (n, c) or (n, c, h, w).

    While training it normalises by the batch and writes nothing, so that a training step is a pure function; by that
    of all ranks, where they synchronise.
    For use (`eval()`), it normalises by `mean` and `var`, which `standing_statistics` measured once: then one
    sample never depends on its neighbours.
    """

    mean: Tensor
    var: Tensor

    def __init__(self, features: int, gain_std: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(features) + gain_std * torch.randn(features))
        self.bias = nn.Parameter(torch.zeros(features))
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("var", torch.ones(features))

    def forward(self, x: Tensor) -> Tensor:
        if self.training and among().count > 1:
            return batch_norm_of_ranks(x, self.weight, self.bias)
        if self.training:
            return batch_norm(x, None, None, self.weight, self.bias, training=True)
        return batch_norm(x, self.mean, self.var, self.weight, self.bias, training=False)


class Dropout(nn.Module):
    """Inverted dropout (Srivastava et al. 2014) whose masks come from the engine's stream: they repeat and batch."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return x
        return x * (stream_uniform(x) >= self.rate).to(x.dtype) / (1 - self.rate)


class GaussianNoise(nn.Module):
    """x + sigma n, n ~ N(0, 1) from the engine's stream: it repeats and batches. Off for use."""

    def __init__(self, sigma: float) -> None:
        super().__init__()
        self.sigma = sigma

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.sigma == 0:
            return x
        return x + self.sigma * stream_normal(x).to(x.dtype)


class MinibatchDiscrimination(nn.Module):
    """How near the others of its batch each sample is.  Salimans et al. 2016, arXiv:1606.03498, section 3.2.

        M_i = T f_i,  o_b(i) = sum_{j != i} exp(-||M_ib - M_jb||_1) + bias_b         (n, f) -> (n, f + kernels)

    o is joined to the features f. As in the authors' code T is weight-normalised and the bias starts at -1, unless
    `initialise_by_data` sets both. For use (`eval()`) each sample counts as alone, so o is the bias: a score must
    not depend on what else is scored.
    """

    def __init__(self, features: int, kernels: int = 100, dimensions: int = 5) -> None:
        super().__init__()
        self.kernels, self.dimensions = kernels, dimensions
        self.tensor = WeightNorm(features, kernels * dimensions, bias=False)
        self.bias = nn.Parameter(torch.full((kernels,), -1.0))

    def forward(self, f: Tensor) -> Tensor:
        near = wide(self.bias).expand(len(f), -1)
        if self.training:
            with torch.autocast(f.device.type, enabled=False):
                m = self.tensor(wide(f)).view(len(f), self.kernels, self.dimensions)
            distances = (m[:, None] - gathered(m)).abs().sum(3)  # (n, n, kernels), or (n, all ranks' n, kernels)
            near = near + (-distances).exp().sum(1) - 1  # less itself, at distance 0
        return torch.cat([f, near.to(f.dtype)], 1)


@torch.no_grad()
def standing_statistics(nets: Iterable[nn.Module], run: Callable[[], Any], batches: int) -> None:
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


@torch.no_grad()
def initialise_by_data(net: nn.Module, x: Tensor) -> nn.Module:
    """Gains and biases such that over the batch x (n, ...) all units start alike; the net, ready to train.

        WeightNorm               pre-activations of mean 0 and standard deviation 1, for each unit
        MinibatchDiscrimination  for each kernel, nearest others at a mean distance of 2; o of mean 0

    Salimans & Kingma 2016, arXiv:1602.07868, section 3, and the authors' code of arXiv:1606.03498 (on 500 images).
    Layers are set in the order in which the net runs them, each on what those before it give; noise layers are on, from
    torch's generator. UserError for fewer than 2 rows, and for rows that a layer cannot tell apart.
    """
    hooks = [m.register_forward_pre_hook(_fit) for m in net.modules() if type(m) in FITS]
    try:
        net.train()(x)
    finally:
        for hook in hooks:
            hook.remove()
    return net


def _fit(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    FITS[type(layer)](layer, inputs[0])


def _fit_weight_norm(layer: WeightNorm, x: Tensor) -> None:
    if layer.bias is None:
        return  # the tensor of a MinibatchDiscrimination, set with it
    y = linear(x, layer.weight())
    scale = 1 / _apart(y.std(0, correction=0))
    layer.gain.mul_(scale)
    layer.bias.copy_(-y.mean(0) * scale)


def _fit_minibatch(layer: MinibatchDiscrimination, f: Tensor) -> None:
    m = layer.tensor(f).view(len(f), layer.kernels, layer.dimensions).transpose(0, 1)
    others = torch.cdist(m, m, p=1) + torch.full((len(f),), torch.inf, dtype=f.dtype, device=f.device).diag()
    scale = 1 / _apart(others.amin(2).mean(1) / 2)  # (kernels,)
    layer.tensor.gain.mul_(scale.repeat_interleave(layer.dimensions))
    layer.bias.copy_(-(-others * scale[:, None, None]).exp().sum(2).mean(1))


def _apart(spread: Tensor) -> Tensor:
    if not bool((spread > 0).all()):
        raise UserError("weights cannot be initialised by images which a layer cannot tell apart")
    return spread


FITS: dict[type[nn.Module], Callable[[Any, Tensor], None]] = {
    WeightNorm: _fit_weight_norm,
    MinibatchDiscrimination: _fit_minibatch,
}


def initialise(net: nn.Module, std: float) -> nn.Module:
    """Weights of every linear and convolutional layer ~ N(0, std), their biases 0."""
    return fill(net, partial(nn.init.normal_, std=std))


def fill(net: nn.Module, weight: Callable[[Tensor], Any]) -> nn.Module:
    """Weights of every linear and convolutional layer filled by `weight` (one of nn.init), their biases 0."""
    for layer in net.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            weight(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return net
