"""The networks of the conditional GAN.  Mirza & Osindero 2014, arXiv:1411.1784, section 4.1, for MNIST.

    G: z 100 - 200 ReLU,  y - 1000 ReLU,  together - 1200 ReLU - 784 sigmoid
    D: x - maxout 240 x 5,  y - maxout 50 x 5,  together - maxout 240 x 4 - 1, a logit here

z ~ U(0, 1)^100 ("within the unit hypercube"), y one-hot. Images here are in [-1, 1], theirs in [0, 1]: G ends with
2 sigmoid - 1, and D first maps its input to [0, 1].
NOTE: dropout of .5 "was applied to both": here to every hidden layer of both, and to no input. Whether G's is on in use
is not stated. It is where `masks` are a part of the noise. G learns to make its kinds of each digit of what is dropped,
and hardly uses z: after training with dropout, and without it in use, samples of a class are one picture
(docs/results/conditional.md).
NOTE: initial weights are not stated: those of the first GAN (maxout.py), of which theirs is an extension.
"""

from functools import partial
from math import prod

import torch
from jaxtyping import Float
from torch import Tensor, nn

from energan.engine.game import Noise
from energan.engine.noise import uniform
from energan.networks.dense.maxout import Maxout
from energan.networks.layers import Dropout, dropped
from energan.networks.layers.bounded import Sigmoid
from energan.networks.layers.initialisation import fill
from energan.utils.specification import recorded


@recorded
class Generator(nn.Module):
    """noise (n, sum(self.noise)), y (n, classes) -> (n, *shape) in [-1, 1].

    sizes: of the layers of z, of y, and of both together. masks: after z, the noise has a number in [0, 1) for each of
    their units, which is dropped where its number is below the rate, in use too. Without, dropout is off in use.
    """

    def __init__(
        self,
        z: int = 100,
        classes: int = 10,
        shape: tuple[int, ...] = (1, 28, 28),
        *,
        sizes: tuple[int, int, int] = (200, 1000, 1200),
        dropout: float = 0.5,
        masks: bool = False,
        weights: float = 0.05,
    ) -> None:
        super().__init__()
        self.shape, self.rate, self.noise = shape, dropout, (z, *(sizes if masks and dropout else ()))
        of_z, of_y, size = sizes
        self.of_z = nn.Sequential(nn.Linear(z, of_z), nn.ReLU(), Dropout(dropout))
        self.of_y = nn.Sequential(nn.Linear(classes, of_y), nn.ReLU(), Dropout(dropout))
        self.net = nn.Sequential(
            nn.Linear(of_z + of_y, size), nn.ReLU(), Dropout(dropout),
            nn.Linear(size, prod(shape)), Sigmoid(),
        )  # fmt: skip
        fill(self, partial(nn.init.uniform_, a=-weights, b=weights))

    def forward(self, noise: Float[Tensor, "n k"], y: Float[Tensor, "n classes"]) -> Tensor:
        z, *masks = noise.split(self.noise, 1)
        u = masks or (None, None, None)
        both = torch.cat([self._hidden(self.of_z, z, u[0]), self._hidden(self.of_y, y.to(z.dtype), u[1])], 1)
        return 2 * self.net[3:](self._hidden(self.net, both, u[2])).view(z.shape[0], *self.shape) - 1

    def _hidden(self, layers: nn.Sequential, x: Tensor, u: Tensor | None) -> Tensor:
        """What a linear layer, its ReLU and its dropout give, the first three; u: the numbers of its mask."""
        return layers[:3](x) if u is None else dropped(layers[:2](x), u, self.rate)


@recorded
def masked_noise(z: int, masks: int) -> Noise:
    """z of U(0, 1)^z, and the numbers of the masks, in [0, 1): a noise that means two things, and is no `uniform`."""
    return uniform(z + masks, low=0.0)


def noise_of(G: Generator) -> Noise:
    """What G draws from: `masked_noise` where its units have masks, else U(0, 1)^z."""
    z, *masks = G.noise
    return masked_noise(z, sum(masks)) if masks else uniform(z, low=0.0)


@recorded
class Discriminator(nn.Module):
    """x (n, *shape) in [-1, 1], y (n, classes) -> logits (n,).

    Units are those of the layers of x, of y, and of both together.
    """

    def __init__(
        self,
        classes: int = 10,
        shape: tuple[int, ...] = (1, 28, 28),
        *,
        units: tuple[int, int, int] = (240, 50, 240),
        pieces: tuple[int, int, int] = (5, 5, 4),
        dropout: float = 0.5,
        weights: float = 0.005,
    ) -> None:
        super().__init__()
        of_x, of_y, joint = units
        self.of_x = nn.Sequential(Maxout(prod(shape), of_x, pieces[0]), Dropout(dropout))
        self.of_y = nn.Sequential(Maxout(classes, of_y, pieces[1]), Dropout(dropout))
        self.net = nn.Sequential(Maxout(of_x + of_y, joint, pieces[2]), Dropout(dropout), nn.Linear(joint, 1))
        fill(self, partial(nn.init.uniform_, a=-weights, b=weights))

    def forward(self, x: Float[Tensor, " n *shape"], y: Float[Tensor, "n classes"]) -> Float[Tensor, " n"]:
        both = torch.cat([self.of_x((x.flatten(1) + 1) / 2), self.of_y(y.to(x.dtype))], 1)
        return self.net(both).squeeze(1)
