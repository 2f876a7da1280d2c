"""CycleGAN's generator.  Zhu et al. 2017, arXiv:1703.10593, appendix 7.2, after Johnson et al. 2016, arXiv:1603.08155.

    conv 7 x 7, 64 - conv 3 x 3, stride 2, 128 - 256 - residual blocks of 256 - deconv 3 x 3, stride 2, 128 - 64 -
    conv 7 x 7 to the image, tanh

6 blocks for 128 pixels a side, 9 for 256. A block is two 3 x 3 convolutions, ReLU after the first. Instance norm,
without gains and biases as in the code, follows each convolution but the last. The borders of
the 7 x 7 and the residual convolutions are reflected, of the others zeros, as in the code. Weights ~ N(0, 0.02).
"""

from jaxtyping import Float
from torch import Tensor, nn

from energan.networks.layers import initialise
from energan.utils.checks import at_least
from energan.utils.errors import UserError
from energan.utils.specification import recorded

MULTIPLE = 4  # of pixels a side that images have: two layers halve them


def check_sides(size: int) -> None:
    """UserError unless images of so many pixels a side can be halved twice, and reflected then."""
    if size % MULTIPLE or size < 2 * MULTIPLE:
        raise UserError(f"CycleGAN's generators see squares of 8, 12, 16, ... pixels a side, and not {size}")


class Residual(nn.Module):
    """x (n, width, h, w) -> x + f(x)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.ReflectionPad2d(1), *_normed(nn.Conv2d(width, width, 3, bias=False)), nn.ReLU(),
            nn.ReflectionPad2d(1), *_normed(nn.Conv2d(width, width, 3, bias=False)),
        )  # fmt: skip

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        return x + self.net(x)


@recorded
def resnet(*, channels: int = 3, outputs: int = 3, width: int = 64, blocks: int = 9) -> nn.Sequential:
    """x (n, channels, h, w) -> y (n, outputs, h, w) in [-1, 1]; h and w are multiples of 4, 8 or more."""
    at_least(1, channels=channels, outputs=outputs, width=width, blocks=blocks)
    w1, w2, w4 = width, 2 * width, 4 * width
    net = nn.Sequential(
        nn.ReflectionPad2d(3), *_normed(nn.Conv2d(channels, w1, 7, bias=False)), nn.ReLU(),
        *_normed(nn.Conv2d(w1, w2, 3, 2, 1, bias=False)), nn.ReLU(),
        *_normed(nn.Conv2d(w2, w4, 3, 2, 1, bias=False)), nn.ReLU(),
        *(Residual(w4) for _ in range(blocks)),
        *_normed(nn.ConvTranspose2d(w4, w2, 3, 2, 1, output_padding=1, bias=False)), nn.ReLU(),
        *_normed(nn.ConvTranspose2d(w2, w1, 3, 2, 1, output_padding=1, bias=False)), nn.ReLU(),
        nn.ReflectionPad2d(3), nn.Conv2d(w1, outputs, 7), nn.Tanh(),
    )  # fmt: skip
    return initialise(net, 0.02)  # type: ignore[return-value]


def _normed(conv: nn.Conv2d | nn.ConvTranspose2d) -> tuple[nn.Module, nn.Module]:
    return conv, nn.InstanceNorm2d(conv.out_channels)
