"""Feature networks beyond the catalogue, which a user names: a module of one's own, and Inception by torch-fidelity.

They run code of others, so nothing that a run folder says leads here.
"""

import hashlib
import inspect
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from energan.data.pixels import to_unit
from energan.metrics.features.catalog import NETWORKS, Description, Network
from energan.networks.pretrained import import_network, load_network_weights
from energan.utils.errors import UserError
from energan.utils.files import digest_of

INCEPTION = "inception"

INCEPTION_FILE = "weights-inception-2015-12-05-6726825d.pth"  # the end is the start of its SHA-256

BATCH = 8  # images described at once


class Chosen(NamedTuple):
    """A feature network, and what tells it from others: the same identity, the same features."""

    network: Network
    identity: str


def chosen(name: str, weights: str = "") -> Chosen:
    """The feature network of a name.

    Args:
        name: One of NETWORKS; "inception"; or my.module:Net, a torch.nn.Module that is made without arguments, takes
            float32 images (n, 3, h, w) from -1 to 1 and returns features (n, d).
        weights: A .safetensors file for my.module:Net.

    Raises:
        UserError: for another name, a module that cannot be imported, weights that do not fit, or without the extra.

    Example:
        >>> chosen("mnist").network.label
        'MNIST-{}'
    """
    if weights and ":" not in name:
        raise UserError(f"`weights` are of a network of your own, my.module:Net; {name} has its own")
    if name in NETWORKS:
        return Chosen(NETWORKS[name], f"{name} {NETWORKS[name].weights()}")
    if name == INCEPTION:
        return Chosen(Network("{}-Inception", BATCH, 2_000, _inception), INCEPTION_FILE)
    if ":" in name:
        return _own(name, weights)
    raise UserError(
        f"unknown feature network {name!r}: choose one of {', '.join([*NETWORKS, INCEPTION])}, or my.module:Net"
    )


def _own(name: str, weights: str) -> Chosen:
    net = import_network(name, "network", only_class=True)
    if weights:
        load_network_weights(net, Path(weights))
    net.eval().requires_grad_(False)
    try:
        source = inspect.getsource(inspect.getmodule(type(net)) or type(net))  # the whole file: its functions, too
    except (OSError, TypeError):  # made without a file
        source = ""
    text = name + source + digest_of({k: v.detach().cpu().contiguous() for k, v in net.state_dict().items()}, {})
    label = "{}-" + name.rpartition(":")[2].replace("{", "").replace("}", "")
    return Chosen(Network(label, BATCH, 2_000, partial(_loaded, net, name)), hashlib.sha256(text.encode()).hexdigest())


def _loaded(net: nn.Module, name: str, device: str) -> Callable[[Tensor], Description]:
    net.to(device)

    def describe(images: Tensor) -> Description:
        colours = images.expand(-1, 3, -1, -1) if images.shape[1] == 1 else images
        try:
            features = net(to_unit(colours))
        except Exception as error:  # anyone's net may raise anything
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise UserError(f"{name} does not take images of {tuple(colours.shape[1:])}: {reason}") from error
        if not isinstance(features, Tensor) or features.ndim != 2 or len(features) != len(images):
            raise UserError(f"{name} must return features, a tensor (n, d) for n images")
        return Description(features.float(), None)

    return describe


def _inception(device: str) -> Callable[[Tensor], Description]:
    """The Inception network of published FIDs, as torch-fidelity has it: images are resized to 299 x 299 as there."""
    try:
        from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3, FeatureExtractorInceptionV3
    except ModuleNotFoundError:
        raise UserError("Inception needs the extra: pip install 'energan[inception]'") from None
    except Exception as error:  # torchvision, which it imports, raises anything beside a torch of another build
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"torch-fidelity cannot be imported ({reason}): install the torchvision that was built for torch "
            f"{torch.__version__}"
        ) from error
    _fetched(URL_INCEPTION_V3)
    net = FeatureExtractorInceptionV3("inception-v3-compat", ["2048"]).to(device)

    def describe(images: Tensor) -> Description:
        colours = images.expand(-1, 3, -1, -1) if images.shape[1] == 1 else images
        return Description(net(colours)[0], None)

    return describe


def _fetched(url: str) -> Path:
    """The file of the weights in torch's cache, downloaded if need be. UserError where it is not what was published."""
    path = Path(torch.hub.get_dir()) / "checkpoints" / INCEPTION_FILE
    prefix = INCEPTION_FILE.rpartition("-")[2].removesuffix(".pth")
    try:
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(url, str(path), hash_prefix=prefix, progress=False)
        with path.open("rb") as file:
            whole = hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, RuntimeError) as error:
        raise UserError(f"Inception's weights cannot be had ({error}): download {url} to {path}") from error
    if not whole.startswith(prefix):
        raise UserError(f"{path} is not the file of Inception's weights that was published: delete it")
    return path
