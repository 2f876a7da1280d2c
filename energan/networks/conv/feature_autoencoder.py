"""The networks of DFR, with MobileNetV2 in the place of VGG19.  "DFR: deep feature reconstruction for unsupervised
anomaly segmentation", Yang, Shi & Qi 2020, arXiv:2012.07122.

    F: images -> features of several layers, each averaged over 3 x 3 places and brought to one grid, side by side
    D: 1x1 (2 code) - 1x1 (code) - 1x1 (2 code) - 1x1 (features), ReLU between: it sees one place at a time

NOTE: the paper has many convolutions of VGG19; here are the blocks 3, 6 and 10 of MobileNetV2 (24, 32 and 64 maps, at
1/4, 1/8 and 1/16 of the image) on a grid of 1/8. Features are standardised by the training images' mean and deviation,
map by map, since MobileNetV2's differ in scale.
NOTE: the paper finds the size of the code by a principal component analysis; here it is an argument.
"""

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional as F

from energan.data.image_set import fixed_subset
from energan.data.pixels import to_unit
from energan.networks.conv.mobilenet_v2 import MobileNetV2, imagenet_input, mobilenet_v2
from energan.networks.layers import BatchNorm
from energan.utils.errors import UserError
from energan.utils.specification import recorded

BLOCKS = (3, 6, 10)  # of MobileNetV2.features

CHANNELS = 24 + 32 + 64  # of these blocks together

STRIDE = 8  # pixels of MobileNetV2's input a place

MEASURED = 512  # images that mean and deviation are of

TOGETHER = 32  # of them at a time


def check_side(side: int) -> None:
    """UserError unless MobileNetV2's layers fit onto one grid of such images."""
    if not isinstance(side, int) or side < 32 or side % 16:
        raise UserError(f"`side` must be a multiple of 16 from 32 on, got {side!r}")


@recorded
class Features(nn.Module):
    """x (n, c, h, w) in [-1, 1] -> (n, 120, side / 8, side / 8), of mean 0 and deviation 1 over the training images.

    c: 1 or 3; of 4, the first three count. Frozen: its weights and its mean are what `prepare` gave it.
    side: pixels that images are resized to; ImageNet's 224 take three times as long as 128.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, side: int = 128) -> None:
        super().__init__()
        check_side(side)
        self.side, self.blocks = side, nn.ModuleList(MobileNetV2().features.children())[: BLOCKS[-1] + 1]
        self.register_buffer("mean", torch.zeros(CHANNELS, 1, 1))
        self.register_buffer("deviation", torch.ones(CHANNELS, 1, 1))

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d h2 w2"]:
        return (self.plain(x) - self.mean) / self.deviation

    def plain(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d h2 w2"]:
        """The features as MobileNetV2 has them."""
        colours = x[:, :3] if x.shape[1] != 1 else x.expand(-1, 3, -1, -1)
        h, grid, read = imagenet_input((colours + 1) / 2, self.side), self.side // STRIDE, list[Tensor]()
        for i, block in enumerate(self.blocks):
            h = block(h)
            if i in BLOCKS:
                around = F.avg_pool2d(h, 3, 1, 1, count_include_pad=False)
                read.append(F.interpolate(around, (grid, grid), mode="bilinear", align_corners=False))
        return torch.cat(read, 1)


@recorded
class Autoencoder(nn.Module):
    """Features (n, d, h, w) -> (reconstruction (n, d, h, w), code (n, code, h, w)), each place by itself."""

    def __init__(self, features: int = CHANNELS, code: int = 32) -> None:
        super().__init__()
        wide = 2 * code
        self.encoder = nn.Sequential(
            nn.Conv2d(features, wide, 1), BatchNorm(wide), nn.ReLU(), nn.Conv2d(wide, code, 1),
        )  # fmt: skip
        self.decoder = nn.Sequential(
            nn.ReLU(), nn.Conv2d(code, wide, 1), BatchNorm(wide), nn.ReLU(), nn.Conv2d(wide, features, 1),
        )  # fmt: skip

    def forward(self, x: Float[Tensor, "n d h w"]) -> tuple[Tensor, Tensor]:
        code = self.encoder(x)
        return self.decoder(code), code


@torch.no_grad()
def prepare(net: Features, images: UInt8[Tensor, "n c h w"]) -> None:
    """Gives the net ImageNet's weights, and the mean and deviation of the features of these images.

    UserError where the weights cannot be had.
    """
    net.blocks.load_state_dict({
        k.removeprefix("features."): w
        for k, w in mobilenet_v2().state_dict().items()
        if k.startswith("features.") and int(k.split(".")[1]) <= BLOCKS[-1]
    })  # fmt: skip
    net.eval().requires_grad_(False)
    total, squares, count = torch.zeros(CHANNELS).double(), torch.zeros(CHANNELS).double(), 0
    for rows in fixed_subset(len(images), MEASURED).split(TOGETHER):
        read = net.plain(to_unit(images[rows])).double()
        total, squares = total + read.sum((0, 2, 3)), squares + read.square().sum((0, 2, 3))
        count += read[:, 0].numel()
    mean = total / count
    deviation = (squares / count - mean.square()).clamp(min=0).sqrt()
    net.mean.copy_(mean.view(-1, 1, 1))
    net.deviation.copy_(torch.where(deviation > 1e-3, deviation, 1).view(-1, 1, 1))
