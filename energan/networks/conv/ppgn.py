"""The networks of DGN-AM and plug and play: Nguyen et al. 2016, arXiv:1605.09304; Nguyen et al. 2016, arXiv:1612.00005.

    R   h 4096 - 2048 - 1024 - 500 - 1024 - 2048 - 4096, ReLU: the denoising auto-encoder of PPGN-h's codes
    G   h 4096 - 4096 - 4096 - 4096 as 256 x 4 x 4 - up 256, conv 512 - up 256, conv 256 - up 128, conv 128 - up 64
        - up 32 - up 3, its middle 227 x 227 of 256; LeakyReLU 0.3, the last linear
    D   conv 32 (7 x 7, stride 4) - 64 (5 x 5) - 128 (stride 2) - 256 - 256 (stride 2), mean over places - 256 - 1;
        ReLU, dropout 0.5 before each dense layer; with a code, h - 1024 - 512 beside the mean, and 512 for 256 then

up is a transposed convolution, 4 x 4, stride 2; kernels else 3 x 3. G and D are DeePSiM's (Dosovitskiy & Brox 2016,
arXiv:1602.02644) as Evolving-AI-Lab/ppgn, KamitaniLab/End2EndDeepImageReconstruction and chuanzihe/ppgn-on-pytorch have
them: G's convolutions have no bias, and the last one alone gives D the code. R's widths are unconfirmed, its linear
output is a reading. D's softmax of two is here the logistic function of one logit, their difference.

Images here are in [-1, 1], theirs of 0 to 255 less the mean: G divides its output by 127.5 and D multiplies its input,
so that mid-grey stands for their mean. width (64 is theirs) scales maps and dense layers; size is the images' side, 227
theirs: smaller ones leave out G's last levels but the linear one, and D strides less at first.
Weights ~ N(0, 2 s^2 / numbers summed), biases 0: s = 0.9 in G's convolutions and 0.1 in D's first and dense layers,
which is how we read their fillers' coefficients; else 1. (Caffe's own filler counts the maps that a transposed layer
gives instead of those that it takes, and their G's plain convolutions are of that kind too.)
"""

import itertools
from collections.abc import Sequence
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, nn

from energan.networks.dense.perceptron import Perceptron
from energan.networks.layers import Double, Dropout
from energan.networks.layers.initialisation import fill
from energan.utils.errors import UserError
from energan.utils.specification import recorded

SIZES = (4096, 2048, 1024, 500, 1024, 2048, 4096)

GREY = 127.5  # half of 255


@recorded
def denoiser(sizes: Sequence[int] = SIZES) -> Perceptron:
    """R: h + noise (n, sizes[0]) -> h (n, sizes[0]). UserError unless it ends with as many numbers as it starts."""
    if len(sizes) < 2 or sizes[0] != sizes[-1]:
        raise UserError(f"a denoiser gives what it takes, so its sizes begin and end alike; got {tuple(sizes)}")
    return Perceptron(sizes)


@recorded
class Generator(nn.Module):
    """h (n, h) -> images (n, channels, size, size), linear: in [-1, 1] once trained, but not clamped there.

    UserError for a size outside 8 to 256, or an odd width.
    """

    def __init__(self, h: int = 4096, *, channels: int = 3, size: int = 227, width: int = 64) -> None:
        super().__init__()
        if not 8 <= size <= 256 or width < 2 or width % 2:
            raise UserError(f"G makes images of 8 to 256 pixels a side with an even width, not {size} with {width}")
        levels = (size - 1).bit_length() - 2  # how often 4 x 4 doubles to hold size x size
        self.edge, self.size = (4 * 2**levels - size) // 2, size
        layers: list[nn.Module] = []
        for a, b in itertools.pairwise([h] + [64 * width] * 3):
            layers += [fill(nn.Linear(a, b), _msra), nn.LeakyReLU(0.3)]
        layers.append(nn.Unflatten(1, (4 * width, 4, 4)))
        a = 4 * width
        for up, same in _LEVELS[: levels - 1]:
            layers += [_up(a, a := up * width // 2), nn.LeakyReLU(0.3)]
            if same:
                layers += [_convolution(a, a := same * width // 2), nn.LeakyReLU(0.3)]
        self.net = nn.Sequential(*layers, _up(a, channels))

    def forward(self, h: Tensor) -> Tensor:
        inner = slice(self.edge, self.edge + self.size)
        return self.net(h)[:, :, inner, inner] / GREY


@recorded
class Discriminator(nn.Module):
    """x (n, channels, size, size) in [-1, 1], with h its code h (n, h) -> logits (n,), of being real.

    UserError for a size below 21, or an odd width.
    """

    def __init__(self, h: int | None = None, *, channels: int = 3, size: int = 227, width: int = 64) -> None:
        super().__init__()
        if size < 21 or width < 2 or width % 2:
            raise UserError(f"D reads images of 21 or more pixels a side with an even width, not {size} with {width}")
        stride = min(4, (size - 7) // 14)  # leaves 15 x 15 or more, of which the others leave 1 x 1
        maps = (channels, width // 2, width, 2 * width, 4 * width, 4 * width)
        layers: list[nn.Module] = []
        for (a, b), kernel, step in zip(itertools.pairwise(maps), (7, 5, 3, 3, 3), (stride, 1, 2, 1, 2), strict=True):
            layers += [fill(nn.Conv2d(a, b, kernel, step), _msra if layers else _faint), nn.ReLU()]
        self.maps = nn.Sequential(*layers)
        code = [nn.Linear(h, 16 * width), nn.ReLU(), nn.Linear(16 * width, 8 * width), nn.ReLU()] if h else None
        self.code = fill(nn.Sequential(*code), _msra) if code else None
        read, hidden = (12 * width, 8 * width) if h else (4 * width, 4 * width)
        dense = [Dropout(0.5), nn.Linear(read, hidden), nn.ReLU(), Dropout(0.5), nn.Linear(hidden, 1)]
        self.top = fill(nn.Sequential(*dense), _faint)

    def forward(self, x: Tensor, h: Tensor | None = None) -> Tensor:
        if (self.code is None) != (h is None):
            raise UserError(f"this D judges images {'without' if self.code is None else 'with'} their codes")
        features = self.maps(GREY * x).mean((2, 3))
        if self.code is not None:
            features = torch.cat([self.code(h), features], 1)
        return self.top(features).squeeze(1)


@recorded
class Bounds(nn.Module):
    """The lowest and the highest code of each unit, (2, *shape): 0 and, once `measure`d, mean + 3 standard deviations.

    DGN-AM's, for codes behind a ReLU. Before, the highest are infinite.
    """

    limits: Tensor

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.register_buffer("limits", torch.stack([torch.zeros(shape), torch.full(shape, torch.inf)]))

    def forward(self) -> Tensor:
        return self.limits

    def measure(self, codes: Tensor) -> None:
        """By the codes of real images, (n, *shape)."""
        self.limits[1] = upper_bound(codes)


_LEVELS = ((8, 16), (8, 8), (4, 4), (2, 0), (1, 0))  # maps of each up, and of the convolution behind it, in width / 2


def _up(a: int, b: int) -> nn.ConvTranspose2d:
    layer = Double(a, b, bias=False)
    nn.init.normal_(layer.weight, std=0.9 * (2 / (4 * a)) ** 0.5)  # each number sums a quarter of the kernel
    return layer


def _convolution(a: int, b: int) -> nn.Module:
    return fill(nn.Conv2d(a, b, 3, padding=1, bias=False), partial(_msra, scale=0.9))


def _msra(weight: Tensor, scale: float = 1.0) -> None:
    nn.init.normal_(weight, std=scale * (2 / weight[0].numel()) ** 0.5)


_faint = partial(_msra, scale=0.1)


def upper_bound(codes: Float[Tensor, " n *d"], deviations: float = 3.0) -> Float[Tensor, "*d"]:
    """Mean + 3 standard deviations of each unit over the codes of real images: where DGN-AM clips."""
    return codes.mean(0) + deviations * codes.std(0, correction=0)
