"""Initial weights: drawn from a distribution, or fitted to a batch of data."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from energan.networks.layers.minibatch_discrimination import MinibatchDiscrimination
from energan.networks.layers.normalisation import WeightNorm
from energan.utils.errors import UserError


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
    place = next((w.device for w in net.parameters()), x.device)
    try:
        net.train()(x.to(place))
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
