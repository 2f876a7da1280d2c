"""The networks of text to image.  Reed et al. 2016, arXiv:1605.05396, section 4, and the authors' code; 64 x 64.

    G: h - 128 LeakyReLU; [z, 128] - 4 x 4 x 1024 - R - 8 x 8 x 512 - R - 256 - 128 - 3 tanh
    D: x - 64 - 128 - 256 - 4 x 4 x 512 - R; beside it h - 128 in each place; 1 x 1 x 512 - 1
    R: x + (1 x 1 to a quarter - 3 x 3 - 3 x 3 back), then the activation
    h: code of the words, standardised by those of the training images, once `standard.measure`d

Convolutions are 4 x 4 with stride 2 (transposed in G), those of R 1 x 1 and 3 x 3; batch norm after each but the first
of D and the last of both; ReLU in G, LeakyReLU 0.2 in D, none before D's R; weights ~ N(0, .02), gains of batch norm
~ N(1, .02).

width: feature maps at half resolution (G has twice as many, 128, as D has, 64, at 64 x 64; here `width` is D's); they
double as resolution halves. size: 2^k >= 8 pixels; other sizes have fewer or more levels. words: numbers of a code h.
NOTE: a code of length 1, as MiniLM's, is small beside z, and codes of one grammar are nearly the same: G takes long
to hear them, if they are not standardised.
"""

import itertools

import torch
from jaxtyping import Float
from torch import Tensor, nn

from energan.networks.conv.dcgan import levels
from energan.networks.layers import BatchNorm, Double, Halve, initialise
from energan.networks.layers.condition import Standard
from energan.utils.specification import recorded

CODE = 128  # numbers that words are compressed to


class Residual(nn.Module):
    """R: (n, maps, h, w) -> the same."""

    def __init__(self, maps: int, activation: nn.Module) -> None:
        super().__init__()
        inner = max(1, maps // 4)
        self.activation = activation
        self.net = nn.Sequential(
            nn.Conv2d(maps, inner, 1, bias=False), BatchNorm(inner, 0.02), activation,
            nn.Conv2d(inner, inner, 3, padding=1, bias=False), BatchNorm(inner, 0.02), activation,
            nn.Conv2d(inner, maps, 3, padding=1, bias=False), BatchNorm(maps, 0.02),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(x + self.net(x))


@recorded
class Generator(nn.Module):
    """z (n, z) and h (n, words) -> (n, channels, size, size) in [-1, 1]."""

    def __init__(self, z: int, words: int, *, channels: int = 3, size: int = 64, width: int = 64) -> None:
        super().__init__()
        maps = [2 * width * 2**i for i in reversed(range(levels(size)))]  # 1024, 512, 256, 128 at size 64
        self.standard = Standard(words)
        self.words = nn.Sequential(nn.Linear(words, CODE), nn.LeakyReLU(0.2))
        layers: list[nn.Module] = [nn.ConvTranspose2d(z + CODE, maps[0], 4, bias=False), BatchNorm(maps[0], 0.02)]
        layers += [Residual(maps[0], nn.ReLU())]
        for i, (a, b) in enumerate(itertools.pairwise(maps)):
            layers += [Double(a, b, bias=False), BatchNorm(b, 0.02)]
            layers += [nn.ReLU() if i else Residual(b, nn.ReLU())]
        self.net = nn.Sequential(*layers, Double(maps[-1], channels), nn.Tanh())
        initialise(self, 0.02)

    def forward(self, z: Float[Tensor, "n z"], h: Float[Tensor, "n words"]) -> Tensor:
        return self.net(torch.cat([z, self.words(self.standard(h))], 1)[:, :, None, None])


@recorded
class Discriminator(nn.Module):
    """x (n, channels, size, size) and h (n, words) -> logits (n,)."""

    def __init__(self, words: int, *, channels: int = 3, size: int = 64, width: int = 64) -> None:
        super().__init__()
        maps = [width * 2**i for i in range(levels(size))]  # 64, 128, 256, 512 at size 64
        layers: list[nn.Module] = [Halve(channels, maps[0])]
        for a, b in itertools.pairwise(maps):
            layers += [nn.LeakyReLU(0.2), Halve(a, b, bias=False), BatchNorm(b, 0.02)]
        self.image = nn.Sequential(*layers, Residual(maps[-1], nn.LeakyReLU(0.2)))
        self.standard = Standard(words)
        self.words = nn.Sequential(nn.Linear(words, CODE, bias=False), BatchNorm(CODE, 0.02), nn.LeakyReLU(0.2))
        self.both = nn.Sequential(
            nn.Conv2d(maps[-1] + CODE, maps[-1], 1, bias=False), BatchNorm(maps[-1], 0.02), nn.LeakyReLU(0.2),
            nn.Conv2d(maps[-1], 1, 4),
        )  # fmt: skip
        initialise(self, 0.02)

    def forward(self, x: Float[Tensor, "n k h w"], h: Float[Tensor, "n words"]) -> Tensor:
        image = self.image(x)
        words = self.words(self.standard(h))[:, :, None, None].expand(-1, -1, *image.shape[2:])
        return self.both(torch.cat([image, words], 1)).flatten()


class StyleEncoder(nn.Module):
    """S of section 5.6: x (n, channels, size, size) -> the noise that would draw its like, (n, z).

    The paper does not say what S is: here it is D's convolutions, then 4 x 4 to z.

    Example:
        >>> import torch
        >>> StyleEncoder(10, channels=3, size=16, width=4)(torch.zeros(2, 3, 16, 16)).shape
        torch.Size([2, 10])
    """

    def __init__(self, z: int, *, channels: int = 3, size: int = 64, width: int = 32) -> None:
        super().__init__()
        maps = [width * 2**i for i in range(levels(size))]
        layers: list[nn.Module] = [Halve(channels, maps[0]), nn.LeakyReLU(0.2)]
        for a, b in itertools.pairwise(maps):
            layers += [Halve(a, b, bias=False), BatchNorm(b, 0.02), nn.LeakyReLU(0.2)]
        self.net = nn.Sequential(*layers, nn.Conv2d(maps[-1], z, 4), nn.Flatten())
        initialise(self, 0.02)

    def forward(self, x: Float[Tensor, "n k h w"]) -> Float[Tensor, "n z"]:
        return self.net(x)
