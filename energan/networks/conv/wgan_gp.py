"""The MNIST networks of WGAN-GP.  Gulrajani et al. 2017, arXiv:1704.00028, the authors' code; images 28 x 28.

    G: z 128 - 4 x 4 x 256 ReLU - deconv 128 ReLU - crop to 7 x 7 - deconv 64 ReLU - deconv 1
    D: conv 64 - conv 128 - conv 256 (4 x 4), LeakyReLU 0.2 each - 1

Kernels 5 x 5, stride 2. norm: False is WGAN-GP's, True their WGAN's: batch norm in G before each ReLU, in D after the
second and third convolution. Images here are in [-1, 1], theirs in [0, 1]: G ends with 2 sigmoid - 1, and D, which sees
twice theirs less 1, has the same functions within reach (penalty and clipping then count in the unit of this range).
Weights are uniform with their deviations, sqrt(4 / (in + out)) for convolutions and sqrt(2 / (in + out)) for dense
layers, in and out counting what a number sums over and goes to; biases 0. Padding is symmetric (theirs has its
odd pixel on one side).

`mlp_generator` is the G with which WGAN trained and GAN did poorly: Arjovsky et al. 2017, arXiv:1701.07875, 4.3.
"""

from math import prod

from torch import Tensor, nn

from energan.networks.dense.perceptron import Perceptron
from energan.networks.layers import BatchNorm
from energan.networks.layers.bounded import Sigmoid
from energan.networks.layers.initialisation import fill
from energan.utils.specification import recorded


def _uniform(weight: Tensor) -> None:
    # stride 2: of a kernel's numbers each output of a deconvolution sums a quarter, each input of a convolution reaches
    # a quarter. Both keep their weight as (a, b, 5, 5) with b on the whole kernel's side.
    a, b, kernel = weight.shape[0], weight.shape[1], weight[0, 0].numel()
    variance = 4 / (a * kernel / 4 + b * kernel) if weight.ndim == 4 else 2 / (a + b)
    bound = (3 * variance) ** 0.5
    nn.init.uniform_(weight, -bound, bound)


def _norm(features: int, norm: bool) -> list[nn.Module]:
    return [BatchNorm(features)] if norm else []


@recorded
class Generator(nn.Module):
    """z (n, z) -> (n, channels, 28, 28) in [-1, 1]."""

    def __init__(self, z: int = 128, *, channels: int = 1, width: int = 64, norm: bool = False) -> None:
        super().__init__()

        def deconv(a: int, b: int) -> list[nn.Module]:
            layer = nn.ConvTranspose2d(a, b, 5, 2, padding=2, output_padding=1, bias=not norm)
            return [layer, *_norm(b, norm), nn.ReLU()]

        dense = [nn.Linear(z, 64 * width, bias=not norm), *_norm(64 * width, norm), nn.ReLU()]
        self.first = nn.Sequential(*dense, nn.Unflatten(1, (4 * width, 4, 4)), *deconv(4 * width, 2 * width))
        last = nn.ConvTranspose2d(width, channels, 5, 2, padding=2, output_padding=1)
        self.rest = nn.Sequential(*deconv(2 * width, width), last, Sigmoid())
        fill(self, _uniform)

    def forward(self, z: Tensor) -> Tensor:
        return 2 * self.rest(self.first(z)[:, :, :7, :7]) - 1


@recorded
class Critic(nn.Module):
    """x (n, channels, 28, 28) -> f(x) (n,), any real number: `read` of `maps`, which are (n, features, 4, 4)."""

    def __init__(self, *, channels: int = 1, width: int = 64, norm: bool = False) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(channels, width, 5, 2, 2), nn.LeakyReLU(0.2)]
        for a, b in ((width, 2 * width), (2 * width, 4 * width)):
            layers += [nn.Conv2d(a, b, 5, 2, 2, bias=not norm), *_norm(b, norm), nn.LeakyReLU(0.2)]
        self.net, self.features = nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * width, 1)), 4 * width
        fill(self, _uniform)

    def maps(self, x: Tensor) -> Tensor:
        return self.net[:-2](x)

    def read(self, maps: Tensor) -> Tensor:
        return self.net[-2:](maps).squeeze(1)

    def forward(self, x: Tensor) -> Tensor:
        return self.read(self.maps(x))


@recorded
def mlp_generator(z: int, shape: tuple[int, ...], *, layers: int = 4, size: int = 512) -> nn.Sequential:
    """z (n, z) -> (n, *shape) in [-1, 1]: `layers` weight layers, ReLU, no batch norm; torch's initial weights.

    The authors' code counts the output among its four layers and leaves it linear; tanh keeps the house's range.
    """
    return nn.Sequential(Perceptron([z] + [size] * (layers - 1) + [prod(shape)], shape=shape), nn.Tanh())
