"""The networks of conditional faces.  Gauthier 2015, "Conditional generative adversarial nets for convolutional face
generation", for images of 32 x 32.

    G: [z 100, y] - 8000 ReLU - 8000 sigmoid = 80 x 10 x 10 - one deconvolution, 5 x 5, stride 3 - 3 x 32 x 32
    D: x - maxout convolutions 8 x 8 x 64, 8 x 8 x 64, 5 x 5 x 192, of two pieces, pooled to 16, 7, 5 - maxout 500 x 5
       - [that, y] - 1, a logit here

y (n, attributes) are real numbers; G has them beside the noise, D before its last unit only.
Readings: padding by 4, 3, 3 and pools of 4, 4, 2 pixels, stride 2, give the sizes 16, 7, 5, as in the maxout nets of
the library that the author used. The output's unit is not stated: tanh, for images in [-1, 1]. Nor are initial weights:
in G ~ N(0, 2 / inputs), so that noise and attributes move the sigmoids from the start (torch's own leave them near .5,
and all images of an untrained G alike); in D torch's own.
NOTE: y before the last unit only makes D's logit f(x) + <v, y>. The gradient that G gets of an image then has the same
direction whatever it was asked for: nothing teaches G its attributes, which are noise to it. `convolutional` has
DCGAN's networks and a projection in its place, f(x) + <V y, phi(x)>, which says whether they suit the image.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import max_pool2d

from energan.networks.conv import dcgan
from energan.networks.dense.maxout import Maxout
from energan.networks.layers import Dropout
from energan.networks.layers.bounded import Sigmoid
from energan.networks.layers.condition import Joined, Projection
from energan.utils.specification import recorded

SIDE = 32

PLACES = 10 * 10  # of the generator's first maps


@recorded
class Generator(nn.Module):
    """z (n, z), y (n, attributes) -> (n, channels, 32, 32) in [-1, 1].

    size and maps: 8000 and 80 in the paper, units of the first layer and maps of the second.
    """

    def __init__(self, z: int, attributes: int, *, channels: int = 3, size: int = 8000, maps: int = 80) -> None:
        super().__init__()
        first, second = nn.Linear(z + attributes, size), nn.Linear(size, maps * PLACES)
        self.net = nn.Sequential(
            first, nn.ReLU(), second, Sigmoid(),
            nn.Unflatten(1, (maps, 10, 10)), nn.ConvTranspose2d(maps, channels, 5, 3), nn.Tanh(),
        )  # fmt: skip
        for layer in (first, second):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)

    def forward(self, z: Float[Tensor, "n z"], y: Float[Tensor, "n attributes"]) -> Tensor:
        return self.net(torch.cat([z, y.to(z.dtype)], 1))


class MaxoutConvolution(nn.Module):
    """The largest of two convolutions for each map, then max pooling: (n, k, h, w) -> (n, maps, h', w')."""

    def __init__(self, inputs: int, maps: int, kernel: int, padding: int, pool: int) -> None:
        super().__init__()
        self.maps, self.pool = maps, pool
        self.convolution = nn.Conv2d(inputs, 2 * maps, kernel, padding=padding)

    def forward(self, x: Tensor) -> Tensor:
        both = self.convolution(x).unflatten(1, (self.maps, 2)).amax(2)
        return max_pool2d(both, self.pool, 2, ceil_mode=True)


@recorded
class Discriminator(nn.Module):
    """x (n, channels, 32, 32) in [-1, 1], y (n, attributes) -> logits (n,).

    width and units: 64 and 500 in the paper, maps of the first convolution and maxout units of the dense layer.
    """

    def __init__(
        self, attributes: int, *, channels: int = 3, width: int = 64, units: int = 500, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.net = nn.Sequential(
            MaxoutConvolution(channels, width, 8, 4, 4),
            MaxoutConvolution(width, width, 8, 3, 4),
            MaxoutConvolution(width, 3 * width, 5, 3, 2),
            nn.Flatten(), Maxout(3 * width * 5 * 5, units, 5), Dropout(dropout),
        )  # fmt: skip
        self.last = nn.Linear(units + attributes, 1)

    def forward(self, x: Float[Tensor, "n c h w"], y: Float[Tensor, "n attributes"]) -> Float[Tensor, " n"]:
        seen = self.net(x)
        return self.last(torch.cat([seen, y.to(seen.dtype)], 1)).squeeze(1)


def convolutional(z: int, attributes: int, *, channels: int = 3, width: int = 64) -> tuple[nn.Module, nn.Module]:
    """DCGAN's networks for 32 x 32, told attributes: G(z, y) has them beside the noise, D(x, y) by a projection."""
    G = Joined(dcgan.Generator(z + attributes, channels=channels, size=SIDE, width=width), attributes)
    return G, Projection(dcgan.Discriminator(channels=channels, size=SIDE, width=width), attributes)
