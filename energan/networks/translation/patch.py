"""The discriminator of patches: one logit for each square of an image.  Isola et al. 2016, arXiv:1611.07004, 6.1.2.

    pixels a square   layers, kernels 4 x 4
    1                 64 - 128 - 1, kernels 1 x 1
    16, 34, 70, ...   64 - 128 - ... (stride 2) - twice the maps, at most 512 (stride 1) - 1 (stride 1)

leaky ReLU 0.2 after each but the last; instance norm in each but the first and the last. 70 has three layers of stride
2; each more doubles the square and adds 2. CycleGAN (arXiv:1703.10593) has the same, without gains and biases of the
norm. Weights ~ N(0, 0.02); gains start at 1, the code's at N(1, 0.02).
"""

from torch import nn

from energan.networks.layers import Halve, initialise
from energan.utils.checks import at_least
from energan.utils.errors import UserError
from energan.utils.specification import recorded

PIXEL = 1  # a side, of the square that needs no neighbours

SQUARES = (PIXEL, 16, 34, 70, 142, 286)  # pixels a side, of nets with 0, 1, 2, ... layers of stride 2


def strides(patch: int) -> int:
    """Layers of stride 2 of the net that sees squares of `patch` pixels a side. UserError for other squares."""
    if patch not in SQUARES:
        raise UserError(f"`patch` is one of {', '.join(map(str, SQUARES))} pixels a side, and not {patch}")
    return SQUARES.index(patch)


def check_side(size: int, patch: int) -> None:
    """UserError for images of too few pixels a side to have a logit, and norms of more than one pixel."""
    least = 2 if patch == PIXEL else 3 * 2 ** strides(patch)
    if size < least:
        raise UserError(f"a discriminator of squares of {patch} pixels needs images of {least} or more: lower `patch`")


@recorded
def patch_critic(*, channels: int = 6, patch: int = 70, width: int = 64, affine: bool = True) -> nn.Sequential:
    """Images (n, channels, h, w) -> logits (n, 1, h', w').

    channels: of a pair, of both together. affine: whether the norm has gains and biases. UserError for other squares.
    """
    at_least(1, channels=channels, width=width)
    layers = strides(patch)
    if patch == PIXEL:
        net = [nn.Conv2d(channels, width, 1), nn.LeakyReLU(0.2)]
        net += [*_layer(width, 2 * width, 1, 1, affine), nn.Conv2d(2 * width, 1, 1)]
        return initialise(nn.Sequential(*net), 0.02)  # type: ignore[return-value]
    net = [Halve(channels, width), nn.LeakyReLU(0.2)]
    maps = width
    for i in range(1, layers + 1):
        before, maps = maps, width * min(2**i, 8)
        net += _layer(before, maps, 4, 2 if i < layers else 1, affine)
    net.append(nn.Conv2d(maps, 1, 4, 1, 1))
    return initialise(nn.Sequential(*net), 0.02)  # type: ignore[return-value]


def _layer(a: int, b: int, kernel: int, stride: int, affine: bool) -> list[nn.Module]:
    padding = 1 if kernel > 1 else 0
    conv = nn.Conv2d(a, b, kernel, stride, padding, bias=False)
    return [conv, nn.InstanceNorm2d(b, affine=affine), nn.LeakyReLU(0.2)]
