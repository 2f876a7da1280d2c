"""What the tests of networks ask of a network: counts, layers in order, values."""

import torch
from torch import Tensor, nn


def count(net: nn.Module) -> int:
    return sum(w.numel() for w in net.parameters())


def kinds(net: nn.Module) -> list[str]:
    """The layers in order, without containers."""
    return [type(m).__name__ for m in net.modules() if not list(m.children())]


def weight_layers(net: nn.Module) -> list[nn.Module]:
    return [m for m in net.modules() if isinstance(m, nn.Linear | nn.Conv2d | nn.ConvTranspose2d)]


def number(x: Tensor) -> float:
    return float(x.detach())


def images(n: int = 3, side: int = 28, channels: int = 1) -> Tensor:
    return torch.rand(n, channels, side, side) * 2 - 1
