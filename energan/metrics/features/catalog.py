"""The named feature networks: what an image is turned into before it is measured."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import NamedTuple

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from energan.engine.isolation import isolated
from energan.metrics.features.mnist_classifier import mnist_classifier
from energan.networks.conv.mobilenet_v2 import folded, mobilenet_v2
from energan.utils.console import counted
from energan.utils.errors import UserError
from energan.utils.files import digest_of
from energan.utils.hardware import pick_device

GPU_BATCHES = 10  # batches that a GPU describes at once


class Description(NamedTuple):
    """What a network says of n images.  `logits` is None where the network's classes are not the data's."""

    features: Float[Tensor, "n d"]
    logits: Float[Tensor, "n k"] | None


class Network(NamedTuple):
    """A feature network.  `load(device)` gives the function from uint8 images there to their description."""

    label: str  # how a result is named after it: label.format("FID")
    batch: int  # images described at once: bounds the memory, about 50 MB
    samples: int  # drawn to measure a run when it ends: half a minute's worth on one core
    load: Callable[[str], Callable[[Tensor], Description]]
    glance: int = 128  # drawn to say how training goes, at each look: seconds
    weights: Callable[[], str] = str  # a digest of them: others have other features


@cache
def _mnist(device: str) -> Callable[[Tensor], Description]:
    net = folded(mnist_classifier()).to(device)

    def describe(images: Tensor) -> Description:
        features = net.features(images)
        return Description(features, net.output(features))

    return describe


@cache
def _digest(make: Callable[[], nn.Module]) -> str:
    return digest_of(make().state_dict(), {})


@cache
def _mobilenetv2(device: str) -> Callable[[Tensor], Description]:
    net = folded(mobilenet_v2()).to(device)
    return lambda images: Description(net(images), None)


NETWORKS: dict[str, Network] = {
    "mnist": Network("MNIST-{}", 100, 10_000, _mnist, 500, partial(_digest, mnist_classifier)),
    "mobilenetv2": Network("{}-MobileNetV2", 8, 2_000, _mobilenetv2, weights=partial(_digest, mobilenet_v2)),
}


def network_named(name: str) -> Network:
    """The network of that name.  Raises UserError, with the names there are, for any other."""
    if name not in NETWORKS:
        raise UserError(f"unknown feature network {name!r}: choose one of {', '.join(NETWORKS)}")
    return NETWORKS[name]


@contextmanager
def _exact_convolutions() -> Iterator[None]:
    """Inside the block, a GPU convolves in float32, not in TF32: distances are the CPU's, to rounding."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before


@isolated(gradients=False)
def describe(images: UInt8[Tensor, "n c h w"], network: str | Network = "mnist", device: str = "auto") -> Description:
    """Features (n, d) and, where the classes are the data's own, logits (n, k), in float32 on the CPU.

    Images are drawn in small batches, so that memory stays bounded, and described on `device`: auto is a GPU where
    there is one.  Of images with an opacity, what is seen on white is described: the first three channels.

    Raises UserError for an unknown network, no images, or images that the network does not take (dtype, shape).
    """
    named = network_named(network) if isinstance(network, str) else network
    if len(images) == 0:
        raise UserError("there are no images to describe: give at least one")
    if images.ndim == 4 and images.shape[1] == 4:
        images = images[:, :3]
    device = pick_device(device)
    net, batch = named.load(device), named.batch if device == "cpu" else GPU_BATCHES * named.batch
    batches = counted(torch.split(images, batch), len(images), "describing images", each=batch)
    with _exact_convolutions():
        parts = [net(some.to(device)) for some in batches]
    parts = [Description(part.features.cpu(), None if part.logits is None else part.logits.cpu()) for part in parts]
    logits = [part.logits for part in parts if part.logits is not None]
    return Description(torch.cat([part.features for part in parts]), torch.cat(logits) if logits else None)
