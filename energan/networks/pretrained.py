"""Trained networks of others: by a name of ours, or my.module:Net with the weights of a .safetensors file."""

from collections.abc import Callable
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from energan.networks.conv import latent_discriminators, sgan
from energan.networks.layers import FeatureExtractor
from energan.utils.errors import UserError
from energan.utils.files import read_weights
from energan.utils.imports import import_attribute
from energan.utils.specification import call_of, recorded, remember

ENCODERS: dict[str, Callable[[int], nn.Module]] = {  # classes -> the house's own, not trained
    "thesis": latent_discriminators.Encoder,
    "sgan": lambda classes: sgan.Encoder(classes=classes),
}


def extract_features(
    net: nn.Module, layers: tuple[str, ...], image: tuple[int, ...]
) -> tuple[FeatureExtractor, dict[str, tuple[int, ...]]]:
    """The net with its layers read, and the shape of each for one image of shape `image`.

    UserError for layers that there are not, and for a net that does not take such images.
    """
    E = FeatureExtractor(net, layers)
    try:
        with torch.no_grad():
            place = next((w.device for w in net.parameters()), None)
            read = E(torch.zeros(2, *image, device=place))
    except UserError:
        raise
    except Exception as error:  # anyone's net may raise anything
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(f"{type(net).__name__} does not take images of {image}: {reason}") from error
    if not isinstance(read.output, Tensor) or read.output.dim() != 2:
        raise UserError(f"{type(net).__name__} must give logits, (n, classes)")
    return E, {name: tuple(x.shape[1:]) for name, x in read.layers.items()}


@recorded
class FeatureNet(nn.Module):
    """Images (n, c, h, w) in [-1, 1] -> features (n, width), each of mean 0 and deviation 1 over the training images.

    Features that are computed already, (n, width), are returned as they are: so the network stands where images come,
    and costs nothing where their features are known.

    net    images -> (n, ...), flattened here
    width  features of an image

    Example:
        >>> F = FeatureNet(nn.Flatten(), 4)
        >>> F.standardise(torch.tensor([[0.0, 0, 0, 5], [2, 4, 6, 5]]))
        >>> F(torch.full((1, 1, 2, 2), 5.0))
        tensor([[4.0000, 1.5000, 0.6667, 0.0000]])
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, net: nn.Module, width: int) -> None:
        super().__init__()
        self.net, self.width = net, width
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))

    def raw(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n width"]:
        """The net's features as they are."""
        return self.net(x).flatten(1)

    def standardised(self, raw: Float[Tensor, "n width"]) -> Float[Tensor, "n width"]:
        """Of features as they are, those that this network gives."""
        return (raw - self.mean) * self.scale

    @torch.no_grad()
    def standardise(self, raw: Float[Tensor, "n width"]) -> None:
        """Takes the mean and deviation of these features; one that never varies becomes 0.

        UserError for features that are not finite.
        """
        if not bool(raw.isfinite().all()):
            raise UserError("the features of the training images are not all finite: choose other `features`")
        mean, deviation = raw.double().mean(0), raw.double().std(0, correction=0)
        varies = deviation > 1e-6 * (1 + mean.abs())
        self.mean.copy_(mean)
        self.scale.copy_(torch.where(varies, 1 / deviation.clamp(min=1e-12), 0.0))

    def forward(self, x: Float[Tensor, " n *image"]) -> Float[Tensor, "n width"]:
        return x if x.ndim == 2 else self.standardised(self.raw(x))


def import_network(module: str, option: str = "module", *, only_class: bool = False) -> nn.Module:
    """An instance of `my.module:Net`, looked for in the current folder too. UserError where there is none.

    Args:
        module: Where it is.
        option: Which one names it.
        only_class: Call nothing but a class of networks: no function that makes one.
    """
    try:
        made = import_attribute(module)
        usable = isinstance(made, type) and issubclass(made, nn.Module)
        net = made() if usable or not only_class else made
    except Exception as error:  # anyone's code may raise anything
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(
            f"`{option}` {module} cannot be used ({reason}); write package.module:Class, made without arguments"
        ) from error
    if only_class and not usable:
        raise UserError(f"`{option}` {module} is no class of torch.nn.Module: write package.module:Class")
    if not isinstance(net, nn.Module):
        raise UserError(f"`{option}` {module} gives a {type(net).__name__}, not a torch.nn.Module")
    if call_of(net) is None:
        remember(net, module, {})
    return net


@recorded
def frozen(net: nn.Module) -> nn.Module:
    """The net itself, in eval mode, without gradients of its weights."""
    return net.eval().requires_grad_(False)


@recorded
def submodule(net: nn.Module, name: str) -> nn.Module:
    """The part of the net that is called so, as a player of its own."""
    return net.get_submodule(name)


def load_network_weights(net: nn.Module, path: Path) -> None:
    try:
        net.load_state_dict(read_weights(path)[0])
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{path} does not hold the weights of {type(net).__name__}: {reason}") from error
