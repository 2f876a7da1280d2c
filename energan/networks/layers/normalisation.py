"""Normalisations of weights and by a reference batch; pure functions of weights and input, like all layers here."""

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, linear

from energan.engine.precision import exact, wide
from energan.networks.layers.strided import Halve, halve
from energan.utils.errors import UserError
from energan.utils.specification import recorded


class WeightNorm(nn.Module):
    """A linear layer with w = g v / ||v|| for each unit.  Salimans & Kingma 2016, arXiv:1602.07868.

    v ~ N(0, std), g = 1, bias 0: their initialisation before the pass over data (initialise_by_data) that
    sets g and the bias. `fixed_gain`: g stays as it is; its gradient is cut, so that it remains a model's own weight.
    """

    def __init__(
        self, features: int, units: int, bias: bool = True, *, std: float = 0.05, fixed_gain: bool = False
    ) -> None:
        super().__init__()
        self.fixed_gain = fixed_gain
        self.direction = nn.Parameter(std * torch.randn(units, features))
        self.gain = nn.Parameter(torch.ones(units))
        self.bias = nn.Parameter(torch.zeros(units)) if bias else None

    def weight(self) -> Tensor:
        """(units, features), of length `gain` in each row."""
        gain = self.gain.detach() if self.fixed_gain else self.gain
        return self.direction * (gain / self.direction.square().sum(1).sqrt())[:, None]

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.weight(), self.bias)


class SpectralNorm(nn.Module):
    """A linear or convolutional layer with weight W / sigma(W).  Miyato et al. 2018, arXiv:1802.05957.

    sigma = u^T W v is the largest singular value of W as an (out, rest) matrix, by power iteration; u and v are
    constants in its gradient, as theirs (so is what they depend on in second derivatives). The departure: they make one
    iteration a step and carry u from step to step; here u is a function of W alone, found by 2^doublings iterations
    from a fixed start (the smaller Gram matrix squared `doublings` times), so that a step writes nothing.
    For random Gaussian weights sigma comes out 0 to 1 % too small at 7 doublings.

    UserError for other layers, and for padding other than by zeros.
    """

    start: Tensor

    def __init__(self, layer: nn.Linear | nn.Conv2d, doublings: int = 7) -> None:
        super().__init__()
        if not isinstance(layer, nn.Linear | nn.Conv2d) or getattr(layer, "padding_mode", "zeros") != "zeros":
            raise UserError(f"SpectralNorm wraps a Linear or a Conv2d padded with zeros, not {layer}")
        self.layer, self.doublings = layer, doublings
        side = min(layer.weight.flatten(1).shape)
        start = torch.randn(side, generator=torch.Generator().manual_seed(0))  # the same in all of many models
        self.register_buffer("start", start / start.norm())

    def sigma(self) -> Tensor:
        """The largest singular value of the weight, (), in float32 or wider."""
        w = wide(self.layer.weight.flatten(1))
        with exact(w.device):
            if w.shape[0] > w.shape[1]:
                w = w.T
            fixed = w.detach() / w.detach().abs().max().clamp(min=1e-30)  # whose squares overflow for no weight
            power = fixed @ fixed.T
            for _ in range(self.doublings):
                power = _unit(power)
                power = power @ power
            u = _unit(power @ self.start.to(w.dtype))
            return torch.dot(u, w @ _unit(fixed.T @ u))

    def forward(self, x: Tensor) -> Tensor:
        layer = self.layer
        weight = layer.weight / self.sigma().clamp(min=1e-30).to(layer.weight.dtype)
        if isinstance(layer, nn.Linear):
            return linear(x, weight, layer.bias)
        if isinstance(layer, Halve):
            return halve(x, weight, layer.bias)
        return conv2d(x, weight, layer.bias, layer.stride, layer.padding, layer.dilation, layer.groups)


@recorded
def spectral_norm(net: nn.Module) -> nn.Module:
    """The net itself, each of its linear and convolutional layers now under a SpectralNorm."""
    for path, layer in list(net.named_modules()):
        if isinstance(layer, nn.Linear | nn.Conv2d):
            net.set_submodule(path, SpectralNorm(layer))
    return net


def _unit(x: Tensor) -> Tensor:
    return x / (x.norm() + 1e-30)


class VirtualBatchNorm(nn.Module):
    """Batch normalisation of each sample by a fixed reference batch and itself.  Salimans et al. 2016, section 3.5.

        m = x / (n + 1) + n / (n + 1) m_ref,  of x and of x^2;   y = gain (x - mean) / sqrt(var + 1e-5) + bias

    (N, c) or (N, c, h, w), the moments of maps being over h and w too. The first n rows are the reference, put there by
    `Virtual`; they are normalised by their own moments alone. UserError outside of `Virtual`.
    """

    def __init__(self, features: int, gain_std: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(features) + gain_std * torch.randn(features))
        self.bias = nn.Parameter(torch.zeros(features))
        self.references = 0  # n: `Virtual` sets it

    def forward(self, x: Tensor) -> Tensor:
        n = self.references
        if n == 0:
            raise UserError("a VirtualBatchNorm needs its net to be wrapped: Virtual(net, reference)")
        rows = wide(x).flatten(2) if x.ndim > 2 else wide(x)[..., None]  # (N, c, hw)
        mean, var = rows.mean(2), rows.var(2, correction=0)  # (N, c): of each row
        reference = rows[:n].transpose(0, 1).flatten(1)  # (c, n hw)
        m, v = reference.mean(1), reference.var(1, correction=0)
        # the share of its own moments: the variance of a mixture, which E x^2 - (E x)^2 would lose to rounding
        own = torch.cat([rows.new_zeros(n), rows.new_full((x.shape[0] - n,), 1 / (n + 1))])[:, None]
        centre = own * mean + (1 - own) * m
        spread = own * var + (1 - own) * v + own * (1 - own) * (mean - m).square()
        y = (rows - centre[..., None]) * (self.weight / (spread + 1e-5).sqrt())[..., None] + self.bias[:, None]
        return y.view(x.shape).to(x.dtype)


class Virtual(nn.Module):
    """A net with VirtualBatchNorm layers, and their reference batch: fixed inputs (n, ...) of the net, a buffer.

    The reference goes through the net in front of every batch, and its rows are dropped from what comes out (a tensor,
    or a tuple of them). Models trained as one must share it. UserError without a row, or without such layers.
    """

    reference: Tensor

    def __init__(self, net: nn.Module, reference: Tensor) -> None:
        super().__init__()
        layers = [layer for layer in net.modules() if isinstance(layer, VirtualBatchNorm)]
        if not layers or len(reference) == 0:
            raise UserError("Virtual needs a reference of at least 1 sample and a net with VirtualBatchNorm layers")
        for layer in layers:
            layer.references = len(reference)
        self.net = net
        self.register_buffer("reference", reference.detach().clone())

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        n = len(self.reference)
        y = self.net(torch.cat([self.reference.to(x.dtype), x]))
        return tuple(part[n:] for part in y) if isinstance(y, tuple) else y[n:]
