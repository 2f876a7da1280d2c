"""The networks of stacked GANs on MNIST.  Huang et al. 2016, arXiv:1612.04357, and the authors' code.

    E_0   x - conv 32, pool - conv 32, pool - h_1 256 ReLU           kernels 5 x 5, no padding
    E_1   h_1 - y 10, logits
    G_1   (z_1, y) - 512 - 512 - 256; batch norm before each ReLU but the last, which holds it to the range of h_1
    G_0   z_0 - 128, beside h_1 - 128 x 4 x 4 - deconv 128 (8 x 8) - 64 (12 x 12) - 64 (24 x 24) - 1 (28 x 28) sigmoid;
          kernels 5 x 5; batch norm before each ReLU
    D_1   256 - 256                                     of h_1
    D_0   conv 32 - 64 - 128 - 256; 5 x 5, stride 2     of x
    Q_i   z_i once more, sigmoid, from D_i's last hidden layer

z ~ U(0, 1), 50 numbers each. Images here are in [-1, 1], theirs in [0, 1]: E_0 and D_0 first map them to [0, 1], and
G_0 ends with 2 sigmoid - 1. Biases start at 0, G's weights ~ N(0, .02); E's are torch's. Their two scripts have other
discriminators, `script`:
    independent   weights ~ N(0, .02), LeakyReLU 0.2 throughout
    joint         dense weights from Glorot's distribution, with ReLU; convolutions ~ N(0, .01), LeakyReLU 0.2
"""

from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from energan.networks.layers import BatchNorm, initialise
from energan.networks.layers.bounded import Sigmoid, sigmoid
from energan.networks.layers.initialisation import fill
from energan.utils.specification import recorded

Script = Literal["independent", "joint"]


class Judged(NamedTuple):
    logits: Float[Tensor, " n"]  # of being real
    z: Float[Tensor, "n z"]  # Q's estimate of the noise, in (0, 1)


@recorded
class Encoder(nn.Module):
    """x (n, 1, 28, 28) in [-1, 1] -> logits (n, classes): E_1(E_0(x)); the two are players of their own too."""

    def __init__(self, *, h: int = 256, classes: int = 10) -> None:
        super().__init__()
        convolutions = [
            nn.Conv2d(1, 32, 5),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(32, 32, 5),
            nn.ReLU(),
            nn.MaxPool2d(2),
        ]
        self.E_0 = nn.Sequential(_Unit(), *convolutions, nn.Flatten(), nn.Linear(32 * 4 * 4, h), nn.ReLU())
        self.E_1 = nn.Linear(h, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.E_1(self.E_0(x))

    @torch.no_grad()
    def scale_features(self, x: Float[Tensor, "n 1 28 28"], square: float) -> None:
        """Changes weights so that h_1 of images x has this mean square, and logits stay as they are.

        The conditional loss of G_0 is in the unit of h_1 squared: its weight beside the others is the encoder's scale.
        """
        factor = (square / self.E_0(x).square().mean()).sqrt()
        for weight in self.E_0[-2].parameters():
            weight.mul_(factor)  # a ReLU follows, so that h_1 is scaled, too
        self.E_1.weight.div_(factor)


@recorded
class FeatureGenerator(nn.Module):
    """G_1: y (n, classes) one-hot, z_1 (n, z) -> h_1 (n, h), >= 0."""

    def __init__(self, *, h: int = 256, z: int = 50, classes: int = 10, hidden: int = 512) -> None:
        super().__init__()
        layers = [*_dense(z + classes, hidden), *_dense(hidden, hidden), nn.Linear(hidden, h), nn.ReLU()]
        self.net = nn.Sequential(*layers)
        initialise(self, 0.02)

    def forward(self, y: Tensor, z: Tensor) -> Tensor:
        return self.net(torch.cat([z, y], 1))


@recorded
class ImageGenerator(nn.Module):
    """G_0: h_1 (n, h), z_0 (n, z) -> images (n, 1, 28, 28) in [-1, 1]. width: 32 in the paper, of 4 width maps."""

    def __init__(self, *, h: int = 256, z: int = 50, width: int = 32) -> None:
        super().__init__()
        self.embed = nn.Sequential(*_dense(z, 128))

        def deconv(a: int, b: int, stride: int) -> list[nn.Module]:  # twice the side, or 4 pixels more
            up = nn.ConvTranspose2d(a, b, 5, stride, 2 * (stride - 1), stride - 1, bias=False)
            return [up, BatchNorm(b), nn.ReLU()]

        layers = [*_dense(h + 128, 64 * width), nn.Unflatten(1, (4 * width, 4, 4)), *deconv(4 * width, 4 * width, 2)]
        layers += [*deconv(4 * width, 2 * width, 1), *deconv(2 * width, 2 * width, 2)]
        self.net = nn.Sequential(*layers, nn.ConvTranspose2d(2 * width, 1, 5), Sigmoid())
        initialise(self, 0.02)

    def forward(self, h: Tensor, z: Tensor) -> Tensor:
        return 2 * self.net(torch.cat([h, self.embed(z)], 1)) - 1


class Discriminator(nn.Module):
    """D_i and Q_i: what `trunk` makes `features` of -> Judged."""

    def __init__(self, trunk: nn.Module, features: int, z: int, script: Script = "independent") -> None:
        super().__init__()
        self.trunk, self.real, self.noise = trunk, nn.Linear(features, 1), nn.Linear(features, z)
        if script == "independent":
            initialise(self, 0.02)
            return
        fill(self, nn.init.xavier_uniform_)
        for layer in trunk.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.normal_(layer.weight, std=0.01)

    def forward(self, x: Tensor) -> Judged:
        shared = self.trunk(x)
        return Judged(self.real(shared).squeeze(1), sigmoid(self.noise(shared)))


@recorded
def feature_discriminator(
    *, h: int = 256, z: int = 50, hidden: int = 256, script: Script = "independent"
) -> Discriminator:
    """D_1 and Q_1, of h_1 (n, h)."""
    layers = [nn.Linear(h, hidden), _dense_unit(script), nn.Linear(hidden, hidden), _dense_unit(script)]
    return Discriminator(nn.Sequential(*layers), hidden, z, script)


@recorded
def image_discriminator(
    *, z: int = 50, width: int = 32, hidden: int = 256, script: Script = "independent"
) -> Discriminator:
    """D_0 and Q_0, of x (n, 1, 28, 28) in [-1, 1]. width: maps of the first layer."""
    layers: list[nn.Module] = [_Unit()]
    for a, b in ((1, width), (width, 2 * width), (2 * width, 4 * width)):
        layers += [nn.Conv2d(a, b, 5, 2, 2), nn.LeakyReLU(0.2)]  # 14, 7, 4 pixels a side
    layers += [nn.Flatten(), nn.Linear(64 * width, hidden), _dense_unit(script)]
    return Discriminator(nn.Sequential(*layers), hidden, z, script)


def _dense_unit(script: Script) -> nn.Module:
    """What follows a dense layer of D_i."""
    return nn.ReLU() if script == "joint" else nn.LeakyReLU(0.2)


class _Unit(nn.Module):
    """[-1, 1] -> [0, 1]."""

    def forward(self, x: Tensor) -> Tensor:
        return (x + 1) / 2


def _dense(a: int, b: int) -> list[nn.Module]:
    return [nn.Linear(a, b, bias=False), BatchNorm(b), nn.ReLU()]
