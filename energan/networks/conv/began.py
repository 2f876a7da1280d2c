"""BEGAN.  Berthelot, Schumm & Metz 2017, arXiv:1703.10717, section 3.5 and figure 1.

    Dec, and G: h - 8 x 8 x n - [3 x 3 n, 3 x 3 n, nearest x 2] ... 3 x 3 n, 3 x 3 n - 3 x 3 channels
    Enc:        3 x 3 n - [3 x 3 in, 3 x 3 in, 3 x 3 in stride 2] i = 1, 2, ... - 3 x 3, 3 x 3 - h

ELU after each convolution but the last; the dense layers to and from h are linear; no batch norm. Readings where the
paper is silent, as in the re-implementation: the strided convolutions are third ones with i n maps; weights start by
Glorot's rule, biases at 0 (torch's own start would lose the signal to the biases within so many layers). G has Dec's
architecture with z in the place of h, and weights of its own. `start` is the last bias of G and Dec, the grey level of
all their pixels at first: where images have a ground of another level than 0, D learns that before all else.

Outputs are linear. Clamp samples to [-1, 1] where they are shown or scored (`Game.sample`), never in training, where a
clamp would take the gradient from pixels out of range.

size: 8 * 2^k pixels. For MNIST the paper has no nets; `perceptron.Autoencoder((784, 512, 256, 64), activation="elu")`
and `perceptron.Perceptron((64, 256, 512, 784), activation="elu", shape=(1, 28, 28))` are a fully connected pair.
"""

from math import log2

from torch import Tensor, nn

from energan.networks.layers.initialisation import fill
from energan.utils.errors import UserError
from energan.utils.specification import recorded


def _levels(size: int) -> int:
    """How many times 8 x 8 doubles to size x size."""
    levels = int(log2(size)) - 3 if size >= 8 else -1
    if levels < 0 or 8 * 2**levels != size:
        raise UserError(f"BEGAN's networks need images of 8, 16, 32, 64, ... pixels a side, got {size}")
    return levels


def _conv(a: int, b: int, stride: int = 1) -> list[nn.Module]:
    return [nn.Conv2d(a, b, 3, stride, 1), nn.ELU()]


@recorded
class Generator(nn.Module):
    """z (n, z) -> (n, channels, size, size), linear; the decoder of D has this architecture too."""

    def __init__(self, z: int = 64, *, channels: int = 3, size: int = 64, width: int = 128, start: float = 0.0) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Linear(z, 64 * width), nn.Unflatten(1, (width, 8, 8))]
        for level in range(_levels(size) + 1):
            layers += [nn.Upsample(scale_factor=2)] if level else []
            layers += _conv(width, width) + _conv(width, width)
        last = nn.Conv2d(width, channels, 3, 1, 1)
        self.net = nn.Sequential(*layers, last)
        fill(self, nn.init.xavier_uniform_)
        assert last.bias is not None
        nn.init.constant_(last.bias, start)

    def forward(self, z: Tensor) -> Tensor:
        return self.net(z)


@recorded
class Autoencoder(nn.Module):
    """x (n, channels, size, size) -> (reconstruction (n, channels, size, size), code (n, code))."""

    def __init__(
        self, *, channels: int = 3, size: int = 64, width: int = 128, code: int = 64, start: float = 0.0
    ) -> None:
        super().__init__()
        layers, before, levels = _conv(channels, width), width, _levels(size)
        for level in range(levels + 1):
            maps = width * (level + 1)
            layers += _conv(before, maps) + _conv(maps, maps)
            layers += _conv(maps, maps, stride=2) if level < levels else []
            before = maps
        self.encoder = nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * before, code))
        fill(self.encoder, nn.init.xavier_uniform_)
        self.decoder = Generator(code, channels=channels, size=size, width=width, start=start)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        code = self.encoder(x)
        return self.decoder(code), code
