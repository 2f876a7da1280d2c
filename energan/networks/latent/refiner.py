"""A net that makes an image from an image of the same size, from the same start: R of two_stage.py. It is ours.

    R: x - conv w (5 x 5) - conv 2w, 4w (4 x 4, stride 2) - two residual blocks of 4w (3 x 3) - deconv 2w, w (4 x 4,
    stride 2) - conv to the image (5 x 5) = r;   R(x) = tanh(r + 2 x)

ReLU, batch norm before each but the first. Weights ~ N(0, 1 / numbers summed), the last layer's a hundredth of that:
R starts near the identity, for tanh(2 x) is near x where pixels are dark, middling or bright.
"""

from functools import partial

from torch import Tensor, nn

from energan.networks.layers import BatchNorm, Double, Halve
from energan.networks.layers.initialisation import fill
from energan.utils.specification import recorded


class Residual(nn.Module):
    """x + f(x), of as many maps."""

    def __init__(self, maps: int) -> None:
        super().__init__()
        first, second = (nn.Conv2d(maps, maps, 3, padding=1, bias=False) for _ in range(2))
        self.net = nn.Sequential(first, BatchNorm(maps), nn.ReLU(), second, BatchNorm(maps))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.net(x)


@recorded
class Refiner(nn.Module):
    """x (n, channels, h, w) in [-1, 1] -> images of the same shape; h and w divisible by 4."""

    def __init__(self, *, channels: int = 3, width: int = 32) -> None:
        super().__init__()
        w = width
        layers: list[nn.Module] = [nn.Conv2d(channels, w, 5, padding=2), nn.ReLU()]
        for a, b in ((w, 2 * w), (2 * w, 4 * w)):
            layers += [Halve(a, b, bias=False), BatchNorm(b), nn.ReLU()]
        layers += [Residual(4 * w), Residual(4 * w)]
        for a, b in ((4 * w, 2 * w), (2 * w, w)):
            layers += [Double(a, b, bias=False), BatchNorm(b), nn.ReLU()]
        last = nn.Conv2d(w, channels, 5, padding=2)
        self.net = nn.Sequential(*layers, last)
        fill(self, partial(nn.init.kaiming_normal_, nonlinearity="linear"))
        last.weight.data.mul_(0.01)

    def forward(self, x: Tensor) -> Tensor:
        return (self.net(x) + 2 * x).tanh()
