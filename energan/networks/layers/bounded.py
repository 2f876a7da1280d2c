"""A sigmoid whose gradient lives where bfloat16 would round it to 1.

bfloat16 has 8 bits, so that sigmoid(6.3) is 1 there, and its gradient, y (1 - y), is 0: a pixel that has once become so
white stays white, and close below the gradient is up to twice as large as it should be. Here it is computed in float32
or wider; what comes out is rounded to the input's type, its gradient is not. In float32 all is as ever.

The tanh at the end of other nets is torch's, dead in bfloat16 from 3.5 on, on both sides: with a live gradient a GAN
drew digits a little worse with three seeds, and EBGAN-PT with one (docs/results/few-labels.md, improved GAN).
"""

from torch import Tensor, nn

from energan.engine.precision import wide


def sigmoid(x: Tensor) -> Tensor:
    """In x's type.

    >>> import torch
    >>> x = torch.tensor([8.0], dtype=torch.bfloat16, requires_grad=True)
    >>> sigmoid(x).backward()
    >>> x.grad, x.sigmoid().item()
    (tensor([0.0003], dtype=torch.bfloat16), 1.0)
    """
    return wide(x).sigmoid().to(x.dtype)


class Sigmoid(nn.Module):
    """x -> sigmoid(x), in (0, 1)."""

    def forward(self, x: Tensor) -> Tensor:
        return sigmoid(x)
