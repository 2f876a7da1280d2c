"""SRResNet, and SRGAN's discriminator.  Ledig et al. 2016, arXiv:1609.04802, figure 4.

    G   x - conv 9 x 9, PReLU =: a - B residual blocks - conv 3 x 3, BN, + a -
        (conv 3 x 3, 4 times as many maps - pixel shuffle - PReLU) for each doubling - conv 9 x 9 to the image
        a block: conv 3 x 3, BN, PReLU, conv 3 x 3, BN, + its input;  64 maps, B = 16
    D   y - conv 3 x 3, 64, LeakyReLU 0.2 - conv 3 x 3, BN, LeakyReLU with 64, 128, 128, 256, 256, 512, 512 maps, the
        first of these and then every other one with stride 2 - dense 1024, LeakyReLU - dense 1

Batch norm has standing statistics in use (layers/batch_norm.py), so a picture does not depend on its neighbours, and a
part of it not on the rest: that is what lets `energan upscale` work in tiles. Borders are padded with zeros (grey).
A PReLU has a slope for each map. Weights are torch's, which the paper does not state.
NOTE: the paper's x is in [0, 1], ours in [-1, 1] as all images here; the first layer makes no difference of it but
at borders, whose zeros are grey here and black there.
NOTE: `bicubic` adds x, bicubically enlarged, to what the net draws, which the paper does not: the net then learns what
is missing.
NOTE: without `norm` G has no batch norm, as EDSR's (Lim et al. 2017, arXiv:1707.02921). With it, colours of a picture
that is unlike the training pictures are a little off, by what its statistics differ from theirs.
"""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from energan.networks.layers import BatchNorm
from energan.utils.checks import at_least
from energan.utils.errors import UserError
from energan.utils.specification import recorded

STRIDES = (1, 2, 1, 2, 1, 2, 1, 2)  # of D's convolutions

LEAST = 16  # pixels a side of D's pictures


class Residual(nn.Module):
    """x (n, width, h, w) -> x + f(x)."""

    def __init__(self, width: int, norm: bool = True) -> None:
        super().__init__()
        first, second = (_convolution(width, width, norm=norm) for _ in range(2))
        self.net = nn.Sequential(*first, nn.PReLU(width), *second)

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        return x + self.net(x)


@recorded
class Generator(nn.Module):
    """x (n, channels, h, w) in [-1, 1] -> (n, channels, scale h, scale w), about in [-1, 1], of any h and w."""

    def __init__(
        self,
        scale: int = 4,
        *,
        channels: int = 3,
        width: int = 64,
        blocks: int = 16,
        bicubic: bool = False,
        norm: bool = True,
    ) -> None:
        super().__init__()
        at_least(1, channels=channels, width=width, blocks=blocks)
        doublings = scale.bit_length() - 1
        if scale < 2 or 2**doublings != scale:
            raise UserError(f"`scale` is 2, 4, 8, ...: pixels double again and again; got {scale}")
        self.scale, self.bicubic = scale, bicubic
        self.first = nn.Sequential(nn.Conv2d(channels, width, 9, padding=4), nn.PReLU(width))
        self.blocks = nn.Sequential(
            *(Residual(width, norm) for _ in range(blocks)), *_convolution(width, width, norm=norm)
        )
        double = (
            (nn.Conv2d(width, 4 * width, 3, padding=1), nn.PixelShuffle(2), nn.PReLU(width)) for _ in range(doublings)
        )
        self.last = nn.Sequential(
            *(layer for each in double for layer in each), nn.Conv2d(width, channels, 9, padding=4)
        )

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h2 w2"]:
        a = self.first(x)
        y = self.last(a + self.blocks(a))
        return y + F.interpolate(x, scale_factor=self.scale, mode="bicubic") if self.bicubic else y


@recorded
class Discriminator(nn.Module):
    """y (n, channels, size, size) -> logits (n,)."""

    def __init__(self, size: int = 96, *, channels: int = 3, width: int = 64, hidden: int = 1024) -> None:
        super().__init__()
        at_least(1, channels=channels, width=width, hidden=hidden)
        if size < LEAST:
            raise UserError(f"SRGAN's discriminator takes pictures of {LEAST} pixels a side or more, not {size}")
        maps = [width * 2 ** (i // 2) for i in range(len(STRIDES))]
        layers: list[nn.Module] = [nn.Conv2d(channels, width, 3, padding=1), nn.LeakyReLU(0.2)]
        for a, b, stride in zip(maps, maps[1:], STRIDES[1:], strict=False):
            layers += [*_convolution(a, b, stride), nn.LeakyReLU(0.2)]
        side = -(-size // LEAST)
        dense = [nn.Linear(maps[-1] * side * side, hidden), nn.LeakyReLU(0.2), nn.Linear(hidden, 1), nn.Flatten(0)]
        self.net = nn.Sequential(*layers, nn.Flatten(), *dense)

    def forward(self, y: Float[Tensor, "n c h w"]) -> Float[Tensor, " n"]:
        return self.net(y)


def _convolution(inputs: int, outputs: int, stride: int = 1, *, norm: bool = True) -> tuple[nn.Module, ...]:
    conv = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=not norm)
    return (conv, BatchNorm(outputs)) if norm else (conv,)
