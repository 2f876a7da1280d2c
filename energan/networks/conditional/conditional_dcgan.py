"""The conditional DCGAN of MNIST.  Radford, Metz & Chintala 2015, arXiv:1511.06434, and the authors' code; 28 x 28.

    G: [z, y] - 1024 - 7 x 7 x 128 - deconv 64 - deconv 1        ReLU after each but the last
    D: conv 64 - conv 128 - 1024 - 1                             LeakyReLU 0.2 after each but the last

y (n, classes) is joined to the input of every layer, to maps as constant planes. Kernels 5 x 5, stride 2; batch norm
without gains and biases before each activation but D's first; weights ~ N(0, .02), biases 0. Images here are in
[-1, 1], theirs in [0, 1]: G ends with 2 sigmoid - 1, and D first maps them to [0, 1]. Padding is symmetric.

width: 64 in the paper; units of the dense layers: 1024.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from energan.networks.layers import BatchNorm, initialise
from energan.networks.layers.bounded import Sigmoid
from energan.utils.specification import recorded


def told(x: Tensor, y: Tensor) -> Tensor:
    """x (n, k) or (n, k, h, w) with y beside it, as planes of maps."""
    y = y.to(x.dtype).view(*y.shape, *(1,) * (x.ndim - 2)).expand(-1, -1, *x.shape[2:])
    return torch.cat([x, y], 1)


@recorded
class Generator(nn.Module):
    """z (n, z), y (n, classes) -> (n, channels, 28, 28) in [-1, 1]."""

    def __init__(self, z: int = 100, *, classes: int, channels: int = 1, width: int = 64, units: int = 1024) -> None:
        super().__init__()
        deconvolutions = (
            nn.ConvTranspose2d(2 * width + classes, width, 5, 2, 2, 1, bias=False),
            nn.ConvTranspose2d(width + classes, channels, 5, 2, 2, 1),
        )
        self.layers = nn.ModuleList([
            nn.Sequential(nn.Linear(z + classes, units, bias=False), BatchNorm(units, affine=False), nn.ReLU()),
            nn.Sequential(
                nn.Linear(units + classes, 98 * width, bias=False), BatchNorm(98 * width, affine=False), nn.ReLU(),
                nn.Unflatten(1, (2 * width, 7, 7)),
            ),
            nn.Sequential(deconvolutions[0], BatchNorm(width, affine=False), nn.ReLU()),
            nn.Sequential(deconvolutions[1], Sigmoid()),
        ])  # fmt: skip
        initialise(self, 0.02)

    def forward(self, z: Float[Tensor, "n z"], y: Float[Tensor, "n classes"]) -> Float[Tensor, "n c 28 28"]:
        x = z
        for layer in self.layers:
            x = layer(told(x, y))
        return 2 * x - 1


@recorded
class Discriminator(nn.Module):
    """x (n, channels, 28, 28) in [-1, 1], y (n, classes) -> logits (n,)."""

    def __init__(self, *, classes: int, channels: int = 1, width: int = 64, units: int = 1024) -> None:
        super().__init__()
        second = nn.Conv2d(width + classes, 2 * width, 5, 2, 2, bias=False)
        dense = nn.Linear(98 * width + classes, units, bias=False)
        self.layers = nn.ModuleList([
            nn.Sequential(nn.Conv2d(channels + classes, width, 5, 2, 2), nn.LeakyReLU(0.2)),
            nn.Sequential(second, BatchNorm(2 * width, affine=False), nn.LeakyReLU(0.2), nn.Flatten()),
            nn.Sequential(dense, BatchNorm(units, affine=False), nn.LeakyReLU(0.2)),
            nn.Linear(units + classes, 1),
        ])  # fmt: skip
        initialise(self, 0.02)

    def forward(self, x: Float[Tensor, "n c 28 28"], y: Float[Tensor, "n classes"]) -> Float[Tensor, " n"]:
        x = (x + 1) / 2
        for layer in self.layers:
            x = layer(told(x, y))
        return x.squeeze(1)
