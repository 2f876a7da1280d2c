"""The networks of improved GANs on permutation-invariant MNIST.  Salimans et al. 2016, arXiv:1606.03498, and its code.

    G: z 100 - 500 softplus - 500 softplus - 784 sigmoid; batch norm without gain after each hidden weight layer, the
       last one weight-normalised; weights from Glorot's distribution
    D: 784 - 1000 - 500 - 250 - 250 - 250 ReLU - K, all weight-normalised, directions ~ N(0, .1); Gaussian noise on the
       input (.3) and on what each further layer reads (.5). Gains are fixed where D is initialised by data, but for the
       last layer's

z ~ U(0, 1)^100. Images here are in [-1, 1], theirs in [0, 1]: G ends with 2 sigmoid - 1, and D first maps its input to
[0, 1]. Minibatch discrimination (100 kernels of 5 dimensions) is in their nets for CIFAR-10 and SVHN only; here it
stands where it does there, in front of the last layer, which then reads its input without noise.
"""

import itertools
from collections.abc import Sequence
from math import prod
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor, nn

from energan.networks.layers import BatchNorm, GaussianNoise, MinibatchDiscrimination, WeightNorm
from energan.networks.layers.bounded import Sigmoid
from energan.networks.layers.initialisation import fill, initialise_by_data
from energan.utils.errors import UserError
from energan.utils.specification import recorded

SIZES = (784, 1000, 500, 250, 250, 250, 10)  # of the input, every hidden layer, the classes

FIRST = 500  # images that D is initialised by


class Read(NamedTuple):
    logits: Float[Tensor, "n classes"]
    features: Float[Tensor, "n units"]  # of the last hidden layer, before its noise


@recorded
class Generator(nn.Module):
    """z (n, z) -> (n, *shape) in [-1, 1]; hidden: units of each hidden layer."""

    def __init__(
        self, z: int = 100, shape: tuple[int, ...] = (1, 28, 28), *, hidden: Sequence[int] = (500, 500)
    ) -> None:
        super().__init__()
        self.shape = shape
        self.net = nn.Sequential()
        for a, b in itertools.pairwise([z, *hidden]):
            norm = BatchNorm(b)
            norm.register_parameter("weight", None)  # no gain
            self.net.extend([nn.Linear(a, b, bias=False), norm, nn.Softplus()])
        fill(self, nn.init.xavier_uniform_)
        last = WeightNorm([z, *hidden][-1], prod(shape))
        nn.init.xavier_uniform_(last.direction)
        self.net.extend([last, Sigmoid()])

    def forward(self, z: Tensor) -> Tensor:
        return 2 * self.net(z).view(z.shape[0], *self.shape) - 1


@recorded
class Discriminator(nn.Module):
    """Images or rows of sizes[0] numbers in [-1, 1] -> (logits (n, sizes[-1]), features (n, sizes[-2])).

    noise   of the input and of the hidden layers' outputs, standard deviations, the input's in pixels of [0, 1]
    kernels of minibatch discrimination, 0 for none; the features that are matched are in front of it
    fixed_gains  whether the hidden layers' gains stay as they are, as theirs

    Meant to be initialised by data: `by_images`. UserError for fewer than three sizes.
    """

    def __init__(
        self,
        sizes: Sequence[int] = SIZES,
        *,
        noise: tuple[float, float] = (0.3, 0.5),
        kernels: int = 0,
        fixed_gains: bool = True,
    ) -> None:
        super().__init__()
        if len(sizes) < 3 or min(sizes) < 1:
            raise UserError(f"D needs the sizes of its input, a hidden layer and its classes, got {tuple(sizes)}")
        of_input, of_hidden = noise
        self.hidden = nn.Sequential()
        for i, (a, b) in enumerate(itertools.pairwise(sizes[:-1])):
            layer = WeightNorm(a, b, std=0.1, fixed_gain=fixed_gains)
            self.hidden.extend([GaussianNoise(of_hidden if i else of_input), layer, nn.ReLU()])
        last = WeightNorm(sizes[-2] + kernels, sizes[-1], std=0.1)
        before = MinibatchDiscrimination(sizes[-2], kernels) if kernels else GaussianNoise(of_hidden)
        self.top = nn.Sequential(before, last)

    def forward(self, x: Tensor) -> Read:
        features = self.hidden((x.flatten(1) + 1) / 2)
        return Read(self.top(features), features)


def by_images(D: Discriminator, images: Float[Tensor, "n c h w"]) -> None:
    """Initialises D by images in [-1, 1]; FIRST of them, drawn at random, are enough."""
    initialise_by_data(D, images)
