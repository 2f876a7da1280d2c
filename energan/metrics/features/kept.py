"""Features of images, described once: kept in the cache folder under the images' content and the network's identity."""

import hashlib

from jaxtyping import UInt8
from torch import Tensor

from energan.data.image_set import content_hash
from energan.metrics.features.catalog import Description, describe
from energan.metrics.features.own import Chosen
from energan.utils.console import warn
from energan.utils.errors import UserError
from energan.utils.files import cache_dir, read_weights, write_weights

FORMAT = 1  # raise it when describing changes


def kept(images: UInt8[Tensor, "n c h w"], chosen: Chosen, device: str = "auto") -> tuple[Description, bool]:
    """The images' description, and whether it was there already. UserError as `describe`."""
    text = f"{FORMAT} {chosen.identity} {content_hash(images.numpy())}"
    path = cache_dir() / "features" / f"{hashlib.sha256(text.encode()).hexdigest()}.safetensors"
    if path.is_file():
        try:
            tensors, _ = read_weights(path)
            return Description(tensors["features"], tensors.get("logits")), True
        except (UserError, KeyError):  # damaged: made again
            path.unlink(missing_ok=True)
    found = describe(images, chosen.network, device)
    try:
        write_weights(path, {k: v for k, v in found._asdict().items() if v is not None}, {})
    except UserError as error:
        warn(f"the features are not kept: {error}")
    return found, False
