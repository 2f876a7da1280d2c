"""The networks of InfoGAN on MNIST.  Chen et al. 2016, arXiv:1606.03657, appendix C.1, table 1.

    G      [z, c] 74 - 1024 - 7 x 7 x 128 - deconv 64 - deconv 1 sigmoid     batch norm and ReLU after each but the last
    trunk  x - conv 64 - conv 128 - 1024                                     LeakyReLU; batch norm but for the first
    D      trunk - 1
    Q      trunk - 128 - the codes                                           batch norm and LeakyReLU after 128

Kernels 4 x 4, stride 2; weights ~ N(0, .02). Images here are in [-1, 1], theirs in [0, 1]: G ends with 2 sigmoid - 1,
and the trunk first maps them to [0, 1]. The slope of LeakyReLU is 0.1 in the paper, 0.01 in the authors' code.

width: 64 in the paper, maps of the first convolution. units: of the dense layers, 1024; those of Q are an eighth.
size: a multiple of 4, pixels a side; 28 in the paper.
"""

from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor, nn

from energan.networks.layers import BatchNorm, Double, Halve, initialise
from energan.networks.layers.bounded import Sigmoid
from energan.utils.errors import UserError
from energan.utils.specification import recorded


class Recognised(NamedTuple):
    """What Q says of the codes that drew an image."""

    logits: Float[Tensor, "n k"]  # of the categories
    mean: Float[Tensor, "n d"]  # of the numbers
    log_sigma: Float[Tensor, "n d"] | None  # of the numbers; None: sigma = 1


@recorded
class Generator(nn.Module):
    """Noise and codes, side by side (n, z) -> (n, channels, size, size) in [-1, 1]."""

    def __init__(self, z: int = 74, *, channels: int = 1, size: int = 28, width: int = 64, units: int = 1024) -> None:
        super().__init__()
        side = _quarter(size)
        first = 2 * width * side**2
        self.net = nn.Sequential(
            nn.Linear(z, units, bias=False), BatchNorm(units), nn.ReLU(),
            nn.Linear(units, first, bias=False), BatchNorm(first), nn.ReLU(), nn.Unflatten(1, (2 * width, side, side)),
            Double(2 * width, width, bias=False), BatchNorm(width), nn.ReLU(),
            Double(width, channels), Sigmoid(),
        )  # fmt: skip
        initialise(self, 0.02)

    def forward(self, z: Float[Tensor, "n z"]) -> Float[Tensor, "n c h w"]:
        return 2 * self.net(z) - 1


def _quarter(size: int) -> int:
    if size < 4 or size % 4:
        raise UserError(f"these networks need images of a multiple of 4 pixels a side, got {size}")
    return size // 4


class _Trunk(nn.Sequential):
    """Images (n, channels, size, size) in [-1, 1] -> features (n, units)."""

    def __init__(self, channels: int, size: int, width: int, units: int, slope: float) -> None:
        super().__init__(
            Halve(channels, width), nn.LeakyReLU(slope),
            Halve(width, 2 * width, bias=False), BatchNorm(2 * width), nn.LeakyReLU(slope),
            nn.Flatten(), nn.Linear(2 * width * _quarter(size) ** 2, units, bias=False),
            BatchNorm(units), nn.LeakyReLU(slope),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return super().forward((x + 1) / 2)


class _Codes(nn.Module):
    """Q's own layers: features (n, units) -> Recognised."""

    def __init__(self, categories: int, numbers: int, sigma: bool, units: int, slope: float) -> None:
        super().__init__()
        hidden = max(1, units // 8)
        self.net = nn.Sequential(nn.Linear(units, hidden, bias=False), BatchNorm(hidden), nn.LeakyReLU(slope))
        self.sizes = (categories, numbers, numbers if sigma else 0)
        self.last = nn.Linear(hidden, sum(self.sizes))

    def forward(self, features: Tensor) -> Recognised:
        logits, mean, log_sigma = self.last(self.net(features)).split(self.sizes, 1)
        return Recognised(logits, mean, log_sigma if self.sizes[2] else None)


@recorded
class Discriminator(nn.Module):
    """D and Q on one trunk: x (n, channels, size, size) in [-1, 1] -> (logits (n,), Recognised).

    sigma: whether Q says how sure it is of the numbers, too.
    """

    def __init__(
        self,
        categories: int = 10,
        numbers: int = 2,
        *,
        sigma: bool = False,
        channels: int = 1,
        size: int = 28,
        width: int = 64,
        units: int = 1024,
        slope: float = 0.1,
    ) -> None:
        super().__init__()
        self.trunk = _Trunk(channels, size, width, units, slope)
        self.real = nn.Linear(units, 1)
        self.codes = _Codes(categories, numbers, sigma, units, slope)
        initialise(self, 0.02)

    def forward(self, x: Float[Tensor, "n c h w"]) -> tuple[Float[Tensor, " n"], Recognised]:
        shared = self.trunk(x)
        return self.real(shared).squeeze(1), self.codes(shared)


@recorded
class Alone(nn.Module):
    """D on a trunk of its own: x (n, channels, size, size) in [-1, 1] -> logits (n,)."""

    def __init__(
        self, *, channels: int = 1, size: int = 28, width: int = 64, units: int = 1024, slope: float = 0.1
    ) -> None:
        super().__init__()
        self.net = nn.Sequential(_Trunk(channels, size, width, units, slope), nn.Linear(units, 1))
        initialise(self, 0.02)

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, " n"]:
        return self.net(x).squeeze(1)


@recorded
class Recogniser(nn.Module):
    """Q on a trunk of its own: x (n, channels, size, size) in [-1, 1] -> Recognised."""

    def __init__(
        self,
        categories: int = 10,
        numbers: int = 2,
        *,
        sigma: bool = False,
        channels: int = 1,
        size: int = 28,
        width: int = 64,
        units: int = 1024,
        slope: float = 0.1,
    ) -> None:
        super().__init__()
        self.net = nn.Sequential(
            _Trunk(channels, size, width, units, slope), _Codes(categories, numbers, sigma, units, slope)
        )
        initialise(self, 0.02)

    def forward(self, x: Float[Tensor, "n c h w"]) -> Recognised:
        return self.net(x)
