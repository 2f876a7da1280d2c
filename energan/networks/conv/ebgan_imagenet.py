"""The generators of EBGAN's ImageNet experiments: noise into every layer.  arXiv:1609.03126, appendix C.

    128 x 128   (1024)4c-(512)4c2s-(256)4c2s-(128)4c2s-(64)4c2s-(64)4c2s-(3)3c             100-64-32-16-8-4 planes
    256 x 256   (2048)4c-(1024)4c2s-(512)4c2s-(256)4c2s-(128)4c2s-(64)4c2s-(64)4c2s-(3)3c  100-64-32-16-8-4-2 planes

"Each noise component is initialized into a 4D tensor and concatenated with current feature maps in the feature space."
Readings: the k-th number is that of the planes which join the k-th layer's input (100 at 1 x 1, 64 at 4 x 4, 32 at
8 x 8, ...), so the last layer, 3c, gets none; each plane has its own number at every pixel. As in DCGAN, to which the
paper refers: batch norm and ReLU after each layer but the last, tanh at the end, weights ~ N(0, .02).

All noise of an image is one vector, z (n, Generator.z): 31,844 numbers at 128, 64,612 at 256; the first 100 are those
of the 1 x 1 layer.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from energan.networks.layers import BatchNorm, initialise
from energan.networks.layers.activation_checkpointing import recomputed
from energan.utils.errors import UserError
from energan.utils.specification import recorded


class Setting(NamedTuple):
    """What the appendix says of a resolution."""

    maps: tuple[int, ...]  # of the generator's layers but the last
    planes: tuple[int, ...]  # of noise, joined to each of these layers' inputs


PUBLISHED = {
    128: Setting((1024, 512, 256, 128, 64, 64), (100, 64, 32, 16, 8, 4)),
    256: Setting((2048, 1024, 512, 256, 128, 64, 64), (100, 64, 32, 16, 8, 4, 2)),
}


def _sides(planes: Sequence[int]) -> list[int]:
    """Pixels a side of each layer's input."""
    return [1, *(4 * 2**i for i in range(len(planes) - 1))]


def noise_size(planes: Sequence[int]) -> int:
    """Numbers of an image's noise.

    >>> noise_size(PUBLISHED[128].planes)
    31844
    """
    return sum(count * side**2 for count, side in zip(planes, _sides(planes), strict=True))


@recorded
class Generator(nn.Module):
    """z (n, self.z) -> (n, channels, size, size) in [-1, 1], size = 4 * 2^(len(maps) - 1).

    maps, planes: one entry for each layer but the last.
    conditions: numbers at the end of z that join the first layer's input, beside its noise; self.z counts them.
    checkpoint_activations: whether the backward pass computes activations again, layer by layer, to save memory.
    """

    def __init__(
        self,
        maps: Sequence[int],
        planes: Sequence[int],
        *,
        channels: int = 3,
        checkpoint_activations: bool = False,
        conditions: int = 0,
    ) -> None:
        super().__init__()
        if len(maps) != len(planes) or not maps or min(planes) < 0 or planes[0] < 1:
            raise UserError(f"{len(maps)} layers need as many numbers of noise planes, not {list(planes)}")
        sides = _sides(planes)
        self.planes = [(count, side, side) for count, side in zip(planes, sides, strict=True)]
        self.z, self.conditions = noise_size(planes) + conditions, conditions
        self.checkpoint_activations = checkpoint_activations
        inputs = [planes[0] + conditions, *(a + b for a, b in zip(maps, planes[1:], strict=False))]
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.ConvTranspose2d(a, b, 4, min(side, 2), min(side - 1, 1), bias=False), BatchNorm(b, 0.02), nn.ReLU()
            )
            for a, b, side in zip(inputs, maps, sides, strict=True)
        )
        self.last = nn.Sequential(nn.Conv2d(maps[-1], channels, 3, 1, 1), nn.Tanh())
        initialise(self, 0.02)

    def forward(self, z: Tensor) -> Tensor:
        parts = z.split([*(count * h * w for count, h, w in self.planes), self.conditions], 1)
        noise = [part.unflatten(1, shape) for part, shape in zip(parts, self.planes, strict=False)]
        if self.conditions:
            noise[0] = torch.cat([noise[0], parts[-1][:, :, None, None]], 1)
        x = recomputed(self.layers[0], noise[0], on=self.checkpoint_activations)
        for layer, planes in zip(self.layers[1:], noise[1:], strict=True):
            x = recomputed(layer, torch.cat([x, planes.to(x.dtype)], 1), on=self.checkpoint_activations)
        return self.last(x)
