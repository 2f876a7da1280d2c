"""DCGAN.  Radford, Metz & Chintala 2015, arXiv:1511.06434, section 3.

Strided (transposed) convolutions, no hidden dense layers; batch norm except at the generator's output and the
discriminator's input; ReLU and tanh in G, LeakyReLU 0.2 in D; weights ~ N(0, .02), gains of batch norm ~ N(1, .02).
Kernels are 4 x 4 with stride 2, "(64)4c2s" in EBGAN's appendix C (DCGAN's own code has 5 x 5).

width: feature maps of the layer at half resolution; they double as resolution halves.
size: 2^k >= 8 pixels a side; or height and width, as (64, 96), which are halved together until the shorter one is 4 to
7. G begins there, with 4 x 6 in place of DCGAN's 4 x 4, and D ends there.
"""

import itertools
from collections.abc import Sequence
from math import log2

from torch import Tensor, nn

from energan.networks.layers import BatchNorm, Double, Halve, initialise
from energan.utils.errors import UserError
from energan.utils.specification import recorded


def levels(size: int) -> int:
    """How many times 4 x 4 doubles to size x size."""
    levels = int(log2(size)) - 2 if size >= 8 else 0
    if levels < 1 or 4 * 2**levels != size:
        raise UserError(f"the convolutional networks need images of 8, 16, 32, 64, ... pixels a side, got {size}")
    return levels


def doublings(size: int | Sequence[int]) -> tuple[int, tuple[int, int]]:
    """How often which height and width double to `size`.  UserError where they do not.

    >>> doublings(64), doublings((64, 96)), doublings((48, 80))
    ((4, (4, 4)), (4, (4, 6)), (3, (6, 10)))
    """
    if isinstance(size, int):
        return levels(size), (4, 4)
    h, w = size
    count = int(log2(min(h, w))) - 2 if min(h, w) >= 8 else 0
    if count < 1 or h % 2**count or w % 2**count:
        raise UserError(
            f"the convolutional networks cannot halve {h} x {w} pixels until the shorter side is 4 to 7: both must be "
            f"8 or more, and multiples of {2 ** max(count, 1)}"
        )
    return count, (h >> count, w >> count)


@recorded
class Generator(nn.Module):
    """z (n, z) -> (n, channels, size, size), or (n, channels, *size), in [-1, 1]."""

    def __init__(self, z: int, *, channels: int = 3, size: int | Sequence[int] = 64, width: int = 64) -> None:
        super().__init__()
        count, first = doublings(size)
        maps = [width * 2**i for i in reversed(range(count))]  # 512, 256, 128, 64 at size 64
        opening = nn.ConvTranspose2d(z, maps[0], first, bias=False)
        layers: list[nn.Module] = [opening, BatchNorm(maps[0], 0.02), nn.ReLU()]
        for a, b in itertools.pairwise(maps):
            layers += [Double(a, b, bias=False), BatchNorm(b, 0.02), nn.ReLU()]
        self.net = nn.Sequential(*layers, Double(maps[-1], channels), nn.Tanh())
        initialise(self, 0.02)

    def forward(self, z: Tensor) -> Tensor:
        return self.net(z[:, :, None, None])


@recorded
class Discriminator(nn.Module):
    """x (n, channels, size, size), or (n, channels, *size) -> logits (n,): `read` of `maps`, (n, features, 4, 4).

    norm: Whether layers but the first and the last have batch norm.
    """

    def __init__(
        self, *, channels: int = 3, size: int | Sequence[int] = 64, width: int = 64, norm: bool = True
    ) -> None:
        super().__init__()
        count, last = doublings(size)
        maps = [width * 2**i for i in range(count)]  # 64, 128, 256, 512 at size 64
        layers: list[nn.Module] = [Halve(channels, maps[0]), nn.LeakyReLU(0.2)]
        for a, b in itertools.pairwise(maps):
            between = [BatchNorm(b, 0.02)] if norm else []
            layers += [Halve(a, b, bias=not norm), *between, nn.LeakyReLU(0.2)]
        self.net, self.features = nn.Sequential(*layers, nn.Conv2d(maps[-1], 1, last)), maps[-1]
        initialise(self, 0.02)

    def maps(self, x: Tensor) -> Tensor:
        return self.net[:-1](x)

    def read(self, maps: Tensor) -> Tensor:
        return self.net[-1](maps).flatten()

    def forward(self, x: Tensor) -> Tensor:
        return self.read(self.maps(x))
