"""The U-Net of pix2pix.  Isola et al. 2016, arXiv:1611.07004, appendix 6.1.

    down  64 - 128 - 256 - 512 - ... - 512     conv 4 x 4, stride 2; leaky ReLU 0.2; norm, but in the first and the last
    up    512 - ... - 256 - 128 - 64 - y       transposed conv 4 x 4, stride 2; ReLU; norm; tanh after the last

with as many layers down as halve `size` to one pixel. Each layer up sees the one before it and the one down that has
its size. The first three layers up drop half of their maps' numbers: that is the noise z, here as numbers in [0, 1) of
which those below 0.5 drop. On an image that is larger than `size` the noise repeats as tiles do.

The norm is instance norm with gains and biases, which is what batch norm is with the authors' batch of one image: so it
means one thing while training and in use. Weights ~ N(0, 0.02); gains start at 1, the code's at N(1, 0.02).
"""

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, relu

from energan.engine.game import Noise
from energan.engine.noise import uniform
from energan.networks.layers import Double, Halve, dropped, initialise
from energan.utils.checks import at_least
from energan.utils.errors import UserError
from energan.utils.specification import recorded

NOISY = 3  # layers up that drop numbers

RATE = 0.5  # of the numbers that are dropped


class UNet(nn.Module):
    """x (n, channels, h, w) and z (n, k) -> y (n, outputs, h, w) in [-1, 1]; h and w are multiples of `size`.

    Without z nothing is dropped, and nothing is scaled.
    """

    def __init__(self, channels: int, outputs: int, size: int, width: int) -> None:
        super().__init__()
        at_least(1, channels=channels, outputs=outputs, width=width)
        layers = depth(size)
        maps = [width * min(2**i, 8) for i in range(layers)]
        self.down, self.down_norm = nn.ModuleList(), nn.ModuleList()
        for i, (a, b) in enumerate(pairwise([channels, *maps])):
            normed = 0 < i < layers - 1  # the last layer's maps are of one pixel
            self.down.append(Halve(a, b, bias=not normed))
            self.down_norm.append(nn.InstanceNorm2d(b, affine=True) if normed else nn.Identity())
        self.up, self.up_norm = nn.ModuleList(), nn.ModuleList()
        for i, (a, b) in enumerate(pairwise([*reversed(maps), outputs])):
            last = i == layers - 1
            self.up.append(Double(2 * a if i else a, b, bias=last))
            self.up_norm.append(nn.Identity() if last else nn.InstanceNorm2d(b, affine=True))
        self.noise = noise_shapes(size, width)
        initialise(self, 0.02)

    def forward(self, x: Float[Tensor, "n c h w"], z: Float[Tensor, "n k"] | None = None) -> Float[Tensor, "n o h w"]:
        maps = []
        for i, (layer, norm) in enumerate(zip(self.down, self.down_norm, strict=True)):
            x = norm(layer(leaky_relu(x, 0.2) if i else x))
            maps.append(x)
        x = maps.pop()
        masks = [] if z is None else z.split([c * side * side for c, side in self.noise], 1)
        for i, (layer, norm) in enumerate(zip(self.up, self.up_norm, strict=True)):
            x = norm(layer(relu(x)))
            if i < len(masks):
                u = masks[i].unflatten(1, (self.noise[i][0], self.noise[i][1], -1))
                x = dropped(x, tiled(u, *x.shape[2:]), RATE)
            x = torch.cat([x, maps.pop()], 1) if maps else x
        return x.tanh()


def tiled(u: Float[Tensor, "n c side side"], h: int, w: int) -> Float[Tensor, "n c h w"]:
    """u, repeated as tiles where it is smaller."""
    side = u.shape[-1]
    return u.repeat(1, 1, -(-h // side), -(-w // side))[..., :h, :w]


def depth(size: int) -> int:
    """Layers that halve `size` to one pixel. UserError unless it is a power of two, 4 or more."""
    layers = size.bit_length() - 1
    if size < 4 or size != 2**layers:
        raise UserError(f"a U-Net sees squares of 4, 8, 16, ... pixels a side, and {size} is no such number")
    return layers


def noise_shapes(size: int, width: int) -> list[tuple[int, int]]:
    """Maps and side of each layer up that drops numbers."""
    layers = depth(size)
    return [(width * min(2 ** (layers - 2 - i), 8), 2 ** (i + 1)) for i in range(min(NOISY, layers - 1))]


@recorded
def unet(*, channels: int = 3, outputs: int = 3, size: int = 64, width: int = 64) -> UNet:
    """The generator: `UNet`. size: pixels a side, 4, 8, 16, ...; UserError for others."""
    return UNet(channels, outputs, size, width)


@recorded
def unet_noise(*, size: int = 64, width: int = 64) -> Noise:
    """z of `unet` of the same size and width: numbers in [0, 1)."""
    return uniform(sum(c * side * side for c, side in noise_shapes(size, width)), low=0.0)
