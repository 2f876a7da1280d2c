"""The networks of VAE/GAN.  Larsen et al. 2015, arXiv:1512.09300, table 1, and andersbll/autoencoding_beyond_pixels.

    E: conv 64 - 128 - 256 - dense 1024 - mean, log variance of z
    G: z - 256 x s/8 x s/8 - deconv 256 - 128 - 32 - conv to the image, tanh
    D: conv 32 - 128 - 256 - 256 - dense 512 - 1;  f(x) are the last convolution's maps, before batch norm

for images of s x s, 64 or 32 pixels (32: 192 in the place of the first 256 of G and the second of D, as in the code).
Kernels 5 x 5, stride 2 but for D's first and G's last; batch norm before each ReLU but D's first. width: 64 as above;
all maps and units are its multiples.

`mlp_*` are the code's for MNIST: two hidden layers of 1024, batch norm and ReLU in each; its own use is a VAE and a
GAN, each alone, so f(x), here the second hidden layer before batch norm, is ours.

Weights ~ N(0, 1 / numbers summed): the code says "AutoFiller" of a library, which we read so.
"""

from functools import partial
from math import prod
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor, nn

from energan.networks.dense.perceptron import Perceptron, with_tanh
from energan.networks.latent.posterior import Posterior
from energan.networks.layers import BatchNorm
from energan.networks.layers.initialisation import fill
from energan.utils.errors import UserError
from energan.utils.specification import recorded

INIT = partial(nn.init.kaiming_normal_, nonlinearity="linear")


class Verdict(NamedTuple):
    logits: Float[Tensor, " n"]  # of being real
    features: Float[Tensor, "n f"]  # f(x)


class Discriminator(nn.Module):
    """x -> Verdict, from a net x -> f(x), and one f(x) -> logits."""

    def __init__(self, features: nn.Module, top: nn.Module) -> None:
        super().__init__()
        self.features, self.top = features, top

    def forward(self, x: Tensor) -> Verdict:
        maps = self.features(x)
        return Verdict(self.top(maps).flatten(), maps.flatten(1))


def _checked(size: int, width: int) -> int:
    """The second of three widths. UserError for sizes that the authors have no nets for."""
    if size not in (32, 64):
        raise UserError(f"the networks of VAE/GAN are for images of 32 or 64 pixels a side, got {size}")
    if width < 2:
        raise UserError(f"the networks of VAE/GAN need a width of 2 or more, got {width}")
    return 4 * width if size == 64 else 3 * width


def _conv(a: int, b: int) -> list[nn.Module]:
    return [nn.Conv2d(a, b, 5, 2, 2, bias=False), BatchNorm(b), nn.ReLU()]


def _deconv(a: int, b: int) -> list[nn.Module]:
    return [nn.ConvTranspose2d(a, b, 5, 2, 2, output_padding=1, bias=False), BatchNorm(b), nn.ReLU()]


def _dense(a: int, b: int) -> list[nn.Module]:
    return [nn.Linear(a, b, bias=False), BatchNorm(b), nn.ReLU()]


@recorded
def encoder(z: int, *, channels: int = 3, size: int = 64, width: int = 64) -> Posterior:
    """x (n, channels, size, size) -> Gaussian of z."""
    _checked(size, width)
    w, side = width, size // 8
    maps = [*_conv(channels, w), *_conv(w, 2 * w), *_conv(2 * w, 4 * w), nn.Flatten()]
    net = nn.Sequential(*maps, *_dense(4 * w * side**2, 16 * w), nn.Linear(16 * w, 2 * z))
    return Posterior(fill(net, INIT))


@recorded
def decoder(z: int, *, channels: int = 3, size: int = 64, width: int = 64, tanh: bool = True) -> nn.Sequential:
    """z (n, z) -> images (n, channels, size, size) in [-1, 1]; without tanh any numbers, such as a VAE's logits."""
    second, w, side = _checked(size, width), width, size // 8
    first = [*_dense(z, 4 * w * side**2), nn.Unflatten(1, (4 * w, side, side))]
    maps = [*_deconv(4 * w, second), *_deconv(second, 2 * w), *_deconv(2 * w, w // 2)]
    last = [nn.Conv2d(w // 2, channels, 5, padding=2), *([nn.Tanh()] if tanh else [])]
    net = nn.Sequential(*first, *maps, *last)
    fill(net, INIT)
    return net


@recorded
def discriminator(*, channels: int = 3, size: int = 64, width: int = 64) -> Discriminator:
    """x (n, channels, size, size) -> Verdict, of 4 width x size/8 x size/8 features."""
    second, w, side = _checked(size, width), width, size // 8
    first = [nn.Conv2d(channels, w // 2, 5, padding=2), nn.ReLU(), *_conv(w // 2, 2 * w), *_conv(2 * w, second)]
    last = nn.Conv2d(second, 4 * w, 5, 2, 2, bias=False)
    top = [BatchNorm(4 * w), nn.ReLU(), nn.Flatten(), *_dense(4 * w * side**2, 8 * w), nn.Linear(8 * w, 1)]
    net = Discriminator(nn.Sequential(*first, last), nn.Sequential(*top))
    fill(net, INIT)
    return net


@recorded
def mlp_encoder(z: int, shape: tuple[int, ...] = (1, 28, 28), *, size: int = 1024) -> Posterior:
    """x (n, *shape) -> Gaussian of z."""
    return Posterior(Perceptron((prod(shape), size, size, 2 * z), norm=True, init=INIT))


@recorded
def mlp_decoder(z: int, shape: tuple[int, ...] = (1, 28, 28), *, size: int = 1024) -> nn.Sequential:
    """z (n, z) -> images (n, *shape) in [-1, 1]."""
    return with_tanh(Perceptron((z, size, size, prod(shape)), norm=True, shape=shape, init=INIT))


@recorded
def mlp_discriminator(shape: tuple[int, ...] = (1, 28, 28), *, size: int = 1024) -> Discriminator:
    """x (n, *shape) -> Verdict, of `size` features."""
    net = Perceptron((prod(shape), size, size, 1), norm=True, init=INIT).net
    return Discriminator(nn.Sequential(nn.Flatten(), net[:4]), net[4:])
