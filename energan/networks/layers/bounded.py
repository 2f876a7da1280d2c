"""A sigmoid at the end of a net, in float32 also where the net is in bfloat16.

bfloat16 has 8 bits, so that sigmoid(6.3) is 1 there, and its gradient, y (1 - y), is 0: a pixel that has once become so
white stays white, and close below the gradient is up to twice as large as it should be. An image 2 y - 1 has steps of
1/256 near black. In float32 all is as ever. With bfloat16's the improved GAN learned nothing from images without labels
(two label seeds, docs/results/few-labels.md); with a live gradient and a rounded output it did with one of the two.

The tanh at the end of other nets is torch's, dead in bfloat16 from 3.5 on, on both sides: with a live gradient a GAN
drew digits a little worse with three seeds, and EBGAN-PT with one.
"""

from torch import Tensor, nn

from energan.engine.precision import wide


def sigmoid(x: Tensor) -> Tensor:
    """In float32 or wider.

    >>> import torch
    >>> x = torch.tensor([8.0], dtype=torch.bfloat16, requires_grad=True)
    >>> sigmoid(x).backward()
    >>> x.grad, x.sigmoid().item(), round(sigmoid(x).item(), 5)
    (tensor([0.0003], dtype=torch.bfloat16), 1.0, 0.99966)
    """
    return wide(x).sigmoid()


class Sigmoid(nn.Module):
    """x -> sigmoid(x), in (0, 1), in float32 or wider."""

    def forward(self, x: Tensor) -> Tensor:
        return sigmoid(x)
