"""PixelDA's networks for digits.  Bousmalis et al. 2016, arXiv:1612.05424, figure 2, and the authors' code.

    G   z (n, 10) - linear, batch norm, ReLU - one plane beside x (n, c, 28, 28) - conv 64, ReLU - 6 residual blocks of
        64 - conv c (1 x 1), tanh
    D   x - conv 64 - conv 128, 256, 512 (stride 2, batch norm) until 4 x 4 - 1      LeakyReLU 0.2, dropout and noise
    T   DANN's features and classifier (networks.conv.dann)

Kernels are 3 x 3. After each convolution of D a tenth of its outputs is dropped, and noise of deviation 0.2 is added.
Weights of G and D ~ N(0, .02); T's are torch's, which the paper does not state.
"""

import itertools

import torch
from torch import Tensor, nn

from energan.networks.conv import dann
from energan.networks.latent.refiner import Residual
from energan.networks.layers import BatchNorm, Dropout, GaussianNoise, initialise
from energan.utils.specification import recorded

LEAST = 4  # pixels a side of D's last maps


@recorded
class Generator(nn.Module):
    """x (n, channels, size, size) in [-1, 1], z (n, z) -> images of x's shape in [-1, 1].

    width: maps of each convolution. blocks: residual blocks, of two convolutions each.
    """

    def __init__(self, z: int = 10, *, channels: int = 3, size: int = 28, width: int = 64, blocks: int = 6) -> None:
        super().__init__()
        self.plane = nn.Sequential(nn.Linear(z, size * size, bias=False), BatchNorm(size * size), nn.ReLU())
        residual = [Residual(width) for _ in range(blocks)]
        first, last = nn.Conv2d(channels + 1, width, 3, padding=1), nn.Conv2d(width, channels, 1)
        self.net = nn.Sequential(first, nn.ReLU(), *residual, last, nn.Tanh())
        initialise(self, 0.02)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        plane = self.plane(z).view(len(x), 1, *x.shape[2:])
        return self.net(torch.cat([x, plane.to(x.dtype)], 1))


@recorded
class Discriminator(nn.Module):
    """x (n, channels, size, size) -> logit of being of the target domain (n,).

    width: maps of the first convolution; they double as resolution halves. dropout: share of outputs dropped. noise:
    standard deviation of what is added to them. Both are off in use.
    """

    def __init__(
        self, *, channels: int = 3, size: int = 28, width: int = 64, dropout: float = 0.1, noise: float = 0.2
    ) -> None:
        super().__init__()
        sides, maps = [size], [width]
        while sides[-1] > LEAST:
            sides.append((sides[-1] + 1) // 2)  # 28, 14, 7, 4
            maps.append(2 * maps[-1])
        layers: list[nn.Module] = [nn.Conv2d(channels, width, 3, padding=1), nn.LeakyReLU(0.2)]
        layers += [Dropout(dropout), GaussianNoise(noise)]
        for a, b in itertools.pairwise(maps):
            layers += [nn.Conv2d(a, b, 3, 2, 1, bias=False), BatchNorm(b), nn.LeakyReLU(0.2)]
            layers += [Dropout(dropout), GaussianNoise(noise)]
        self.net = nn.Sequential(*layers, nn.Flatten(), nn.Linear(maps[-1] * sides[-1] ** 2, 1), nn.Flatten(0))
        initialise(self, 0.02)

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


@recorded
def classifier(classes: int = 10, *, channels: int = 3, size: int = 28) -> nn.Sequential:
    """x (n, channels, size, size) -> logits (n, classes). UserError for images that are too small."""
    return nn.Sequential(dann.encoder(channels=channels, size=size), dann.classifier(classes, size=size))
