"""S: an image -> the noise that would draw its like.  Reed et al. 2016, arXiv:1605.05396, section 5.6.

    convolutions 4 x 4 of stride 2 down to 4 x 4, batch norm after each but the first, LeakyReLU 0.2; then 4 x 4 to z

The paper does not say what S is: this is the image's part of its discriminator (gan_cls.py), without the words.
"""

import itertools

from jaxtyping import Float
from torch import Tensor, nn

from energan.networks.conv.dcgan import levels
from energan.networks.layers import BatchNorm, initialise


class StyleEncoder(nn.Module):
    """x (n, channels, size, size) -> z (n, z). size: 2^k >= 8.

    Example:
        >>> import torch
        >>> StyleEncoder(10, channels=3, size=16, width=4)(torch.zeros(2, 3, 16, 16)).shape
        torch.Size([2, 10])
    """

    def __init__(self, z: int, *, channels: int = 3, size: int = 64, width: int = 32) -> None:
        super().__init__()
        maps = [width * 2**i for i in range(levels(size))]
        layers: list[nn.Module] = [nn.Conv2d(channels, maps[0], 4, 2, 1), nn.LeakyReLU(0.2)]
        for a, b in itertools.pairwise(maps):
            layers += [nn.Conv2d(a, b, 4, 2, 1, bias=False), BatchNorm(b, 0.02), nn.LeakyReLU(0.2)]
        self.net = nn.Sequential(*layers, nn.Conv2d(maps[-1], z, 4), nn.Flatten())
        initialise(self, 0.02)

    def forward(self, x: Float[Tensor, "n k h w"]) -> Float[Tensor, "n z"]:
        return self.net(x)
