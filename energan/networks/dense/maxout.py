"""The networks of the first GAN.  Goodfellow et al. 2014, arXiv:1406.2661, the authors' settings for MNIST.

    G: z 100 - 1200 ReLU - 1200 ReLU - 784 sigmoid, weights ~ U(-.05, .05); the output starts at the pixels' means
    D: 784 - maxout 240 x 5 - maxout 240 x 5 - 1, weights ~ U(-.005, .005); dropout keeps .8 of the input, .5 of the
       hidden units, and scales by the inverse

z ~ U(-sqrt 3, sqrt 3)^100. Images here are in [-1, 1], theirs in [0, 1]: G ends with 2 sigmoid - 1, and D first maps
its input to [0, 1].
"""

from functools import partial
from math import prod

import torch
from torch import Tensor, nn

from energan.networks.layers import Dropout
from energan.networks.layers.bounded import Sigmoid
from energan.networks.layers.initialisation import fill
from energan.utils.errors import UserError
from energan.utils.specification import recorded


class Maxout(nn.Module):
    """The largest of `pieces` linear maps for each unit, (n, features) -> (n, units).  arXiv:1302.4389."""

    def __init__(self, features: int, units: int, pieces: int) -> None:
        super().__init__()
        self.units, self.pieces = units, pieces
        self.linear = nn.Linear(features, units * pieces)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x).view(x.shape[0], self.units, self.pieces).amax(2)


@recorded
class Generator(nn.Module):
    """z (n, z) -> (n, *shape) in [-1, 1].

    mean, (*shape) or one number in [-1, 1], is the training images' mean: the output's bias starts at its logit
    (clipped 1e-7 from black and white, as theirs), else at 0, grey. UserError for a mean of another shape.
    """

    def __init__(
        self,
        z: int = 100,
        shape: tuple[int, ...] = (1, 28, 28),
        *,
        size: int = 1200,
        mean: Tensor | float | None = None,
    ) -> None:
        super().__init__()
        self.shape = shape
        last = nn.Linear(size, prod(shape))
        self.net = nn.Sequential(nn.Linear(z, size), nn.ReLU(), nn.Linear(size, size), nn.ReLU(), last, Sigmoid())
        fill(self, partial(nn.init.uniform_, a=-0.05, b=0.05))
        if isinstance(mean, float):
            mean = torch.full(shape, mean)
        if mean is not None:
            if mean.shape != shape:
                raise UserError(f"the mean of images of {shape} cannot be {tuple(mean.shape)}")
            last.bias.data.copy_(((mean.flatten() + 1) / 2).logit(1e-7))

    def forward(self, z: Tensor) -> Tensor:
        return 2 * self.net(z).view(z.shape[0], *self.shape) - 1


@recorded
class Discriminator(nn.Module):
    """x (n, *shape) in [-1, 1] -> logits (n,)."""

    def __init__(self, shape: tuple[int, ...] = (1, 28, 28), *, units: int = 240, pieces: int = 5) -> None:
        super().__init__()
        self.net = nn.Sequential(
            Dropout(0.2), Maxout(prod(shape), units, pieces),
            Dropout(0.5), Maxout(units, units, pieces),
            Dropout(0.5), nn.Linear(units, 1),
        )  # fmt: skip
        fill(self, partial(nn.init.uniform_, a=-0.005, b=0.005))

    def forward(self, x: Tensor) -> Tensor:
        return self.net((x.flatten(1) + 1) / 2).squeeze(1)
