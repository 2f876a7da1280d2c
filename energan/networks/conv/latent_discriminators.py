"""The networks of latent discriminators on MNIST: the KTH thesis "Updating the generator in PPGN-h with gradients
flowing through the encoder" and its code, hesampakdaman/ppgn-disc.

    E     x - conv1 64 - conv2 128, pool - conv3 256, pool - h 64 - logits 10; kernels 7 x 7
    G     h 64 - 64 x 5 x 5 - deconv 512 (5 x 5) - 256 (5 x 5) - 256 (7 x 7) - 1 (10 x 10)
    D     of x, 1 x 28 x 28: conv 256 - 256, pool - 256, pool - 512, pool - 1; kernels 3 x 3
    D_1   of h as 1 x 8 x 8: conv 256 - 256, pool - 512, pool - 1; kernels 2 x 2

All without padding, stride 1; ReLU, but for the last layer of each; max pooling by 2; no batch norm, no dropout.
h is the code, 64 numbers >= 0. width: 64 in the thesis; the maps of G and the critics are its multiples, E's are fixed.

Images here are in [-1, 1]. The thesis' are standardised, (p - .1307) / .3081 with pixels p in [0, 1], and its losses
and penalties count in that unit. E standardises within: its layer "x" gives the thesis' image, of which D and the image
loss are to be taken, as each D_i is of another layer. G, whose last layer gives standardised pixels, brings them back
within. nn.Sequential(Standardise(), D) takes images as they are here; its gradient is then 1.623 times D's.

Initial weights are those of the torch of then: uniform within 1 / sqrt(numbers summed), biases too.
"""

import itertools
from collections.abc import Sequence
from math import isqrt, prod

from torch import Tensor, nn
from torch.nn.functional import pad

from energan.utils.errors import UserError
from energan.utils.specification import recorded

MEAN, STD = 0.1307, 0.3081  # of MNIST's training pixels in [0, 1]

# of the encoder's layers that can be read by networks.layers.FeatureExtractor
SHAPES = {"x": (1, 28, 28), "conv1": (64, 22, 22), "conv2": (128, 8, 8), "conv3": (256, 1, 1), "h": (64,)}

SHAPES["logits"] = (10,)


@recorded
class Standardise(nn.Module):
    """Images in [-1, 1] -> in the thesis' units, -.424 to 2.821."""

    def forward(self, x: Tensor) -> Tensor:
        return ((x + 1) / 2 - MEAN) / STD


@recorded
class Encoder(nn.Module):
    """x (n, 1, 28, 28) in [-1, 1] -> logits (n, classes); its layers are `SHAPES`, each after ReLU and pooling."""

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.x = Standardise()
        self.conv1 = nn.Sequential(nn.Conv2d(1, 64, 7), nn.ReLU())
        self.conv2 = nn.Sequential(nn.Conv2d(64, 128, 7), nn.ReLU(), nn.MaxPool2d(2))
        self.conv3 = nn.Sequential(nn.Conv2d(128, 256, 7), nn.ReLU(), nn.MaxPool2d(2))
        self.h = nn.Sequential(nn.Flatten(), nn.Linear(256, 64), nn.ReLU())
        self.logits = nn.Linear(64, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.logits(self.h(self.conv3(self.conv2(self.conv1(self.x(x))))))


@recorded
class Generator(nn.Module):
    """h (n, h) -> images (n, 1, 28, 28), linear: in [-1, 1] once trained, but not clamped there."""

    def __init__(self, h: int = 64, *, width: int = 64) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Linear(h, 25 * width), nn.ReLU(), nn.Unflatten(1, (width, 5, 5))]
        maps = (width, 8 * width, 4 * width, 4 * width, 1)
        for (a, b), kernel in zip(itertools.pairwise(maps), (5, 5, 7, 10), strict=True):
            layers += [_then(nn.ConvTranspose2d(a, b, kernel)), nn.ReLU()]  # 9, 13, 19, 28 pixels a side
        self.net = nn.Sequential(*layers[:-1])

    def forward(self, h: Tensor) -> Tensor:
        return 2 * (STD * self.net(h) + MEAN) - 1


@recorded
class Critic(nn.Module):
    """What one layer of any encoder gives, (n, *shape) -> readings (n,), any real number.

    Maps (c, height, width) of 6 x 6 or more are read by kernels of 3 x 3, of 4 x 4 or more by 2 x 2; smaller ones and
    all else as a vector, laid out row by row as the smallest square that holds it (4 x 4 at least, zeros behind).
    One convolution to 4 width maps; then convolution and pooling in turn, to 4 width maps and at last 8, for as long
    as pooling has 2 x 2 numbers. Critic((1, 28, 28)) is the thesis' D, Critic((64,)) its D_1.

    UserError for a shape without numbers.
    """

    def __init__(self, shape: Sequence[int], *, width: int = 64) -> None:
        super().__init__()
        if min(shape, default=0) < 1:
            raise UserError(f"a critic cannot read features of shape {tuple(shape)}")
        least = min(shape[1:]) if len(shape) == 3 else 0
        numbers, square = prod(shape), max(4, isqrt(prod(shape) - 1) + 1)
        self.maps = tuple(shape) if least >= 4 else (1, square, square)
        self.missing = prod(self.maps) - numbers
        kernel = 3 if least >= 6 else 2
        high, wide = (side - kernel + 1 for side in self.maps[1:])
        stages = 0
        while min(high, wide) > kernel:
            high, wide, stages = (high - kernel + 1) // 2, (wide - kernel + 1) // 2, stages + 1
        layers: list[nn.Module] = [nn.Conv2d(self.maps[0], 4 * width, kernel), nn.ReLU()]
        for a, b in itertools.pairwise([4 * width] * stages + [8 * width]):
            layers += [nn.Conv2d(a, b, kernel), nn.ReLU(), nn.MaxPool2d(2)]
        self.net = nn.Sequential(*layers, nn.Flatten(), nn.Linear(8 * width * high * wide, 1))

    def forward(self, features: Tensor) -> Tensor:
        maps = pad(features.flatten(1), (0, self.missing)).unflatten(1, self.maps)
        return self.net(maps).squeeze(1)


def _then(layer: nn.ConvTranspose2d) -> nn.ConvTranspose2d:
    """As torch initialised it in 2017; of other layers' weights torch still thinks the same."""
    bound = (layer.in_channels * prod(layer.kernel_size)) ** -0.5
    for w in layer.parameters():
        nn.init.uniform_(w, -bound, bound)
    return layer
