"""FastGAN's networks, for images of 64 pixels or other sizes.  Liu, Zhu, Song & Elgammal 2021, arXiv:2101.04775,
section 3, by copies of the authors' code.

    G   ConvTranspose 4 - GLU, then at each size: nearest neighbours x 2 - Conv 3x3 - GLU. Maps of a low size, pooled to
        4 x 4, say which maps count at a size 16 times larger (skip-layer excitation): from 4 to 64, from 8 to 128.
    D   Conv 4x4 s2, then at each size two ways down, averaged: Conv 4x4 s2 - Conv 3x3, and pooling - Conv 1x1; then
        Conv 1x1 - Conv 4x4. All layers have a spectral norm.
    R   from D's last maps the whole image at half its size, and from a quarter of the maps before that quarter of the
        image: nearest neighbours x 2 - Conv 3x3 - GLU each.

Batch norm after each weight layer but the first and the last of G and D; LeakyReLU 0.2 in D; tanh at the end of G and
R; weights ~ N(0, .02). x (n, channels, height, width) in [-1, 1]. width: maps of G at full size and half of D's at half
size; they double as the size halves.

NOTE: the authors' networks are for 256 to 1024 pixels; these have their blocks, at each size once. Theirs convolve
twice at every second size of G, add noise to its maps there (here an image is a function of z), gate D's maps as G's,
and have a second score and a third decoder, for the image made small.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from energan.networks.conv.dcgan import doublings
from energan.networks.layers import BatchNorm, Halve, initialise, spectral_norm
from energan.utils.errors import UserError
from energan.utils.specification import recorded

FAR = 4  # doublings between maps and those that they gate: 16 times larger

FEWEST = 16  # maps of a decoder


def _larger(inputs: int, outputs: int) -> nn.Sequential:
    """(n, inputs, h, w) -> (n, outputs, 2 h, 2 w)."""
    convolution = nn.Conv2d(inputs, 2 * outputs, 3, 1, 1, bias=False)
    return nn.Sequential(nn.Upsample(scale_factor=2), convolution, BatchNorm(2 * outputs, 0.02), nn.GLU(1))


class _Gate(nn.Module):
    """Skip-layer excitation: low maps (n, a, h, w), high maps (n, b, H, W) -> the high ones, each times 0 to 1."""

    def __init__(self, low: int, high: int) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.AdaptiveAvgPool2d(4), nn.Conv2d(low, high, 4), nn.SiLU(), nn.Conv2d(high, high, 1), nn.Sigmoid()
        )

    def forward(self, low: Tensor, high: Tensor) -> Tensor:
        return high * self.net(low)


@recorded
class Generator(nn.Module):
    """z (n, z) -> (n, channels, size, size), or (n, channels, *size), in [-1, 1].

    modulate: (i, what the i-th batch norm gives) -> what its GLU gets, for a G that is told a class.
    """

    def __init__(self, z: int, *, channels: int = 3, size: int | Sequence[int] = 64, width: int = 16) -> None:
        super().__init__()
        count, first = doublings(size)
        maps = [width * 2**i for i in reversed(range(count))]  # at twice the first size, ... at full size
        self.normed = [2 * k for k in (maps[0], *maps)]  # maps of each batch norm
        opening = nn.ConvTranspose2d(z, 2 * maps[0], first, bias=False)
        self.opening = nn.Sequential(opening, BatchNorm(2 * maps[0], 0.02), nn.GLU(1))
        self.larger = nn.ModuleList(_larger(a, b) for a, b in itertools.pairwise([maps[0], *maps]))
        here = [maps[0], *maps]  # at the first size, at twice that, ...
        self.gates = nn.ModuleList(_Gate(here[i], here[i + FAR]) for i in range(len(here) - FAR))
        self.closing = nn.Sequential(nn.Conv2d(maps[-1], channels, 3, 1, 1), nn.Tanh())
        initialise(self, 0.02)

    def forward(self, z: Tensor, modulate: Callable[[int, Tensor], Tensor] | None = None) -> Tensor:
        def play(i: int, block: nn.Module, x: Tensor) -> Tensor:
            if modulate is None:
                return block(x)
            *normed, glu = cast("nn.Sequential", block)
            for layer in normed:
                x = layer(x)
            return glu(modulate(i, x))

        maps = [play(0, self.opening, z[:, :, None, None])]
        for i, block in enumerate(self.larger, 1):
            x = play(i, block, maps[-1])
            maps.append(self.gates[i - FAR](maps[i - FAR], x) if i >= FAR else x)
        return self.closing(maps[-1])


class _Smaller(nn.Module):
    """(n, inputs, h, w) -> (n, outputs, h / 2, w / 2), by two ways."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.long = nn.Sequential(
            Halve(inputs, outputs, bias=False), BatchNorm(outputs, 0.02), nn.LeakyReLU(0.2),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), BatchNorm(outputs, 0.02), nn.LeakyReLU(0.2),
        )  # fmt: skip
        self.short = nn.Sequential(
            nn.AvgPool2d(2), nn.Conv2d(inputs, outputs, 1, bias=False), BatchNorm(outputs, 0.02), nn.LeakyReLU(0.2)
        )

    def forward(self, x: Tensor) -> Tensor:
        return (self.long(x) + self.short(x)) / 2**0.5


def maps_of(size: int | Sequence[int], width: int) -> list[int]:
    """How many maps D has at each size, from half the image's on."""
    return [2 * width * 2**i for i in range(doublings(size)[0])]


@recorded
class Discriminator(nn.Module):
    """x (n, channels, size, size), or (n, channels, *size) -> (scores (n, 1), maps of the last two sizes).

    UserError for fewer than 16 pixels a side.
    """

    def __init__(self, *, channels: int = 3, size: int | Sequence[int] = 64, width: int = 16) -> None:
        super().__init__()
        count, last = doublings(size)
        if count < 2:
            raise UserError(
                f"FastGAN's D reads maps of two sizes: images must have 16 pixels a side or more, got {size}"
            )
        maps = maps_of(size, width)
        self.features = (maps[-2], maps[-1])
        self.opening = nn.Sequential(Halve(channels, maps[0]), nn.LeakyReLU(0.2))
        self.smaller = nn.ModuleList(_Smaller(a, b) for a, b in itertools.pairwise(maps))
        closing = nn.Conv2d(maps[-1], maps[-1], 1, bias=False)
        self.closing = nn.Sequential(
            closing, BatchNorm(maps[-1], 0.02), nn.LeakyReLU(0.2), nn.Conv2d(maps[-1], 1, last, bias=False)
        )
        initialise(self, 0.02)
        spectral_norm(self)

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        before, here = x, self.opening(x)
        for block in self.smaller:
            before, here = here, block(here)
        return self.closing(here).flatten(1), (before, here)


@recorded
class Decoders(nn.Module):
    """D's last two maps, and x -> (what is decoded of them, what that is in x), both (n, 2 channels, h / 2, w / 2).

    The first channels are of the whole image, the others of one of its quarters: the i-th image of a batch gives its
    quarter i mod 4. Batches are drawn at random, so that is any quarter of any image, each as often as the others.

    features: how many maps the two are. size: x's.
    """

    def __init__(self, features: Sequence[int], *, channels: int = 3, size: int | Sequence[int] = 64) -> None:
        super().__init__()
        count, _ = doublings(size)
        self.part, self.whole = (_decoder(maps, channels, count - 1) for maps in features)
        initialise(self, 0.02)

    def forward(self, maps: Sequence[Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
        before, last = maps
        decoded = torch.cat([self.whole(last), self.part(_quarters(before))], 1)
        return decoded, torch.cat([interpolate(x, scale_factor=0.5, mode="area"), _quarters(x)], 1)


def _decoder(maps: int, channels: int, doublings: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for _ in range(doublings):
        layers.append(_larger(maps, max(maps // 2, FEWEST)))
        maps = max(maps // 2, FEWEST)
    return nn.Sequential(*layers, nn.Conv2d(maps, channels, 3, 1, 1), nn.Tanh())


def _quarters(x: Tensor) -> Tensor:
    """(n, c, h, w) -> a quarter of each, (n, c, h / 2, w / 2): upper left, upper right, lower left, lower right, ..."""
    h, w = x.shape[2] // 2, x.shape[3] // 2
    number = torch.arange(len(x), device=x.device)[:, None, None, None]
    half = torch.where(number % 4 < 2, x[:, :, :h], x[:, :, h:])
    return torch.where(number % 2 < 1, half[..., :w], half[..., w:])
