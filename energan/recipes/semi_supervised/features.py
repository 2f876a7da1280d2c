"""The frozen networks whose features recipes learn on: by name, or my.module:Net; and the features, kept in the cache.

A run that is rebuilt has the network as it was made. Its checkpoints have the weights: before the first step, they come
from here.
"""

import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from energan.utils.checks import at_least
from energan.utils.errors import UserError
from energan.utils.specification import named

if TYPE_CHECKING:
    from torch import Tensor, nn

    from energan.data import ImageSet
    from energan.networks.pretrained import FeatureNet

MOBILENET = "mobilenetv2"
LEAST = 32  # pixels a side that MobileNetV2 makes something of
SIZE = 128  # pixels a side by default; ImageNet's 224 take three to four times as long


def feature_net(name: str, image: tuple[int, int, int]) -> "FeatureNet":
    """The frozen network called so, of which `weights_of` brings the weights, for images of this shape.

    UserError for a name that there is not, and for a network that does not take such images.
    """
    import torch

    from energan.networks.conv.mobilenet_v2 import MobileNetFeatures
    from energan.networks.pretrained import FeatureNet, frozen, import_network

    if name == MOBILENET:
        at_least(LEAST, size=image[1])
        net: nn.Module = MobileNetFeatures()
    elif ":" in name:
        net = import_network(name, "features")
    else:
        raise UserError(f"there are no `features` {name!r}: give {MOBILENET}, or my.module:Net, a network of yours")
    net = frozen(net)
    try:
        with torch.no_grad():
            read = net(torch.zeros(2, *image))
        width = read.flatten(1).shape[1] if len(read) == 2 and read.is_floating_point() else 0
    except Exception as error:  # anyone's net may raise anything
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(f"`features` {name} does not take images of {image}: {reason}") from error
    if not width:
        raise UserError(f"`features` {name} must give a row of numbers for each image")
    return FeatureNet(net, width)


def weights_of(F: "FeatureNet", name: str, file: str) -> "Callable[[ImageSet], None]":
    """What brings F's trained weights before a run's first step, and standardises its features.

    file: a .safetensors file of a network of the user's own; "": such a network comes with its weights.
    """
    if file:
        return partial(_weights_of_file, F, file)
    return partial(_published if name == MOBILENET else _standardised, F)


@named
def _weights_of_file(F: "FeatureNet", path: str, data: "ImageSet") -> None:
    from energan.networks.pretrained import load_network_weights

    load_network_weights(F.net, Path(path))
    _standardised(F, data)


@named
def _published(F: "FeatureNet", data: "ImageSet") -> None:
    """ImageNet's weights."""
    from energan.networks.conv.mobilenet_v2 import mobilenet_v2

    weights = mobilenet_v2().state_dict()
    F.net.load_state_dict({name: w for name, w in weights.items() if name.startswith("features.")})
    _standardised(F, data)


@named
def _standardised(F: "FeatureNet", data: "ImageSet") -> None:
    F.standardise(_raw(data, F))


@named
def features_of(data: "ImageSet", F: "FeatureNet") -> "Tensor":
    """The features of each image as F gives them, (n, width), on the CPU; kept in the cache by images and weights."""
    return F.standardised(_raw(data, F).to(F.mean.device)).cpu()


def _raw(data: "ImageSet", F: "FeatureNet") -> "Tensor":
    """What F's net gives of each image, before it is standardised."""
    import torch

    from energan.data.pixels import to_unit
    from energan.inference.chunks import chunk_size
    from energan.utils.console import counted
    from energan.utils.files import cache_dir, read_weights, write_weights

    size = chunk_size(data.images.shape[2:].numel())
    chunks = data.images.split(size)
    digest = hashlib.sha256(f"features {tuple(data.images.shape)} {F.net}".encode())
    for chunk in chunks:
        digest.update(chunk.contiguous().numpy().data)
    for w in F.net.state_dict().values():
        digest.update(w.contiguous().cpu().numpy().tobytes())
    path = cache_dir() / "codes" / f"{digest.hexdigest()[:32]}.safetensors"
    if path.is_file():
        return read_weights(path)[0]["features"]
    with torch.no_grad():
        read = [
            F.raw(to_unit(chunk.to(F.mean.device))).float().cpu()
            for chunk in counted(chunks, len(data.images), f"features of {data.name}", each=size)
        ]
    write_weights(path, {"features": torch.cat(read)}, {"of": "images"})
    return torch.cat(read)
