"""tanh and sigmoid at the end of a net, whose gradient lives where bfloat16 would round the output to its bound.

bfloat16 has 8 bits, so that tanh(3.5) and sigmoid(6.3) are 1 there, and their gradients, 1 - y^2 and y (1 - y), are 0:
a pixel that has once become so white stays white. Here both are computed in float32 or wider; what comes out is rounded
to the input's type, its gradient is not. In float32 all is as ever.
"""

from torch import Tensor, nn

from energan.engine.precision import wide


def tanh(x: Tensor) -> Tensor:
    """In x's type.

    >>> import torch
    >>> x = torch.tensor([4.0], dtype=torch.bfloat16, requires_grad=True)
    >>> tanh(x).backward()
    >>> x.grad, x.tanh().item()
    (tensor([0.0013], dtype=torch.bfloat16), 1.0)
    """
    return wide(x).tanh().to(x.dtype)


def sigmoid(x: Tensor) -> Tensor:
    """In x's type.

    >>> import torch
    >>> x = torch.tensor([8.0], dtype=torch.bfloat16, requires_grad=True)
    >>> sigmoid(x).backward()
    >>> x.grad, x.sigmoid().item()
    (tensor([0.0003], dtype=torch.bfloat16), 1.0)
    """
    return wide(x).sigmoid().to(x.dtype)


class Tanh(nn.Module):
    """x -> tanh(x), in (-1, 1)."""

    def forward(self, x: Tensor) -> Tensor:
        return tanh(x)


class Sigmoid(nn.Module):
    """x -> sigmoid(x), in (0, 1)."""

    def forward(self, x: Tensor) -> Tensor:
        return sigmoid(x)
