"""The networks of LAPGAN.  Denton et al. 2015, arXiv:1506.05751, the authors' settings for CIFAR-10.

    a level   G: [z, l] - 7 x 7 x 64 ReLU - 7 x 7 x 64 ReLU - 5 x 5 x channels, stride 1, the maps as large as l
              D: h + l - 5 x 5 x 64 ReLU - 5 x 5 x 64 ReLU, stride 2, both unpadded - dropout .5 - 1, a logit here
    coarsest  G: z 100 - 8000 ReLU - 8000 sigmoid - pixels, tanh here, weights ~ N(0, .05)
              D: pixels - 1600 ReLU - 1600 ReLU - 1, dropout .5 of both, weights ~ N(0, .005)

l (n, channels, s, s) is the low-pass image; z (n, 1, s, s) one more plane of noise, U(-1, 1), at the coarsest level
(n, 100). A class y (n, classes), one-hot, is a further plane of a level's images, ReLU(W y), in G and in D; at the
coarsest level it stands beside z, and beside the pixels. What a level adds is not bounded.
NOTE: theirs have no tanh at the coarsest level either, whose pixels have mean 0 and deviation 1; here they are in
[-1, 1], and with it 7 x 7 digits are learned several times faster (Adam, 2,000 steps: their energy distance from real
ones is 0.06 with, 0.17 without).
NOTE: asked for a class, the authors' coarsest G has two layers of ReLU; here it is the same one with and without.
"""

from math import prod

import torch
from jaxtyping import Float
from torch import Tensor, nn

from energan.networks.layers import Dropout, initialise
from energan.networks.layers.bounded import Sigmoid
from energan.utils.errors import UserError
from energan.utils.specification import recorded

LEAST = 9  # pixels a side, of which two unpadded 5 x 5 convolutions leave one


class Plane(nn.Module):
    """y (n, classes) -> ReLU(W y) as one plane (n, 1, size, size)."""

    def __init__(self, classes: int, size: int) -> None:
        super().__init__()
        self.size, self.linear = size, nn.Linear(classes, size * size)

    def forward(self, y: Float[Tensor, "n classes"]) -> Float[Tensor, "n 1 s s"]:
        return self.linear(y).relu().view(-1, 1, self.size, self.size)


@recorded
class Generator(nn.Module):
    """z (n, 1, size, size), l (n, channels, size, size), y (n, classes) -> h (n, channels, size, size), any numbers.

    classes 0: without y.
    """

    def __init__(self, size: int, *, channels: int = 1, width: int = 64, classes: int = 0) -> None:
        super().__init__()
        self.plane = Plane(classes, size) if classes else None
        self.net = nn.Sequential(
            nn.Conv2d(1 + channels + bool(classes), width, 7, padding=3), nn.ReLU(),
            nn.Conv2d(width, width, 7, padding=3), nn.ReLU(),
            nn.Conv2d(width, channels, 5, padding=2),
        )  # fmt: skip

    def forward(self, z: Tensor, low: Tensor, y: Tensor | None = None) -> Tensor:
        return self.net(torch.cat([z, low, *_planes(self.plane, y)], 1))


@recorded
class Discriminator(nn.Module):
    """h and l (n, channels, size, size), y (n, classes) -> logits (n,). classes 0: without y.

    Without l, h is an image, which is their sum. UserError for fewer than 9 pixels a side.
    """

    def __init__(
        self, size: int, *, channels: int = 1, width: int = 64, dropout: float = 0.5, classes: int = 0
    ) -> None:
        super().__init__()
        if size < LEAST:
            raise UserError(f"LAPGAN's discriminator needs images of {LEAST} pixels a side or more, got {size}")
        left = (size - 4 - 5) // 2 + 1
        self.plane = Plane(classes, size) if classes else None
        self.net = nn.Sequential(
            nn.Conv2d(channels + bool(classes), width, 5), nn.ReLU(),
            nn.Conv2d(width, width, 5, 2), nn.ReLU(),
            nn.Flatten(), Dropout(dropout), nn.Linear(width * left * left, 1),
        )  # fmt: skip

    def forward(self, h: Tensor, low: Tensor | None = None, y: Tensor | None = None) -> Float[Tensor, " n"]:
        image = h if low is None else h + low
        return self.net(torch.cat([image, *_planes(self.plane, y)], 1)).squeeze(1)


@recorded
class CoarseGenerator(nn.Module):
    """z (n, z), y (n, classes) -> images (n, *shape) in [-1, 1]. size: units of both hidden layers."""

    def __init__(self, z: int, shape: tuple[int, int, int], *, size: int = 8000, classes: int = 0) -> None:
        super().__init__()
        self.shape = shape
        self.net = nn.Sequential(
            nn.Linear(z + classes, size), nn.ReLU(),
            nn.Linear(size, size), Sigmoid(),
            nn.Linear(size, prod(shape)), nn.Tanh(),
        )  # fmt: skip
        initialise(self, 0.05)

    def forward(self, z: Float[Tensor, "n z"], y: Tensor | None = None) -> Tensor:
        return self.net(_beside(z, y)).view(-1, *self.shape)


@recorded
class CoarseDiscriminator(nn.Module):
    """x (n, *shape), y (n, classes) -> logits (n,). size: units of both hidden layers."""

    def __init__(
        self, shape: tuple[int, int, int], *, size: int = 1600, dropout: float = 0.5, classes: int = 0
    ) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(prod(shape) + classes, size), nn.ReLU(), Dropout(dropout),
            nn.Linear(size, size), nn.ReLU(), Dropout(dropout),
            nn.Linear(size, 1),
        )  # fmt: skip
        initialise(self, 0.005)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Float[Tensor, " n"]:
        return self.net(_beside(x.flatten(1), y)).squeeze(1)


def _planes(plane: Plane | None, y: Tensor | None) -> tuple[Tensor, ...]:
    return () if plane is None or y is None else (plane(y),)


def _beside(rows: Tensor, y: Tensor | None) -> Tensor:
    return rows if y is None else torch.cat([rows, y.to(rows.dtype)], 1)
