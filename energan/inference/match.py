"""How well images show what a system can be asked for, as the system itself reads them."""

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from energan.data.pixels import to_unit
from energan.engine.game import Batch, Players
from energan.engine.isolation import isolated
from energan.inference.chunks import chunk_size
from energan.inference.model import Model
from energan.utils.errors import UserError


@isolated(gradients=False)
def match(model: Model, images: UInt8[Tensor, "n c h w"], conditions: Float[Tensor, "k d"]) -> Float[Tensor, "n k"]:
    """The match of each image with each condition, higher where it fits better: -E(x, y) of an energy.

    Args:
        model: Of a system that can be asked for something.
        images: Of the size and channels of the training images.
        conditions: A row each: classes one-hot, codes of sentences.

    Returns:
        (n, k), in the system's own units; an image's best condition is the argmax of its row.

    Raises:
        UserError: The system cannot be asked for anything; or a network was put into training mode.

    Example:
        >>> from torch import nn
        >>> from energan.games.conditional.conditional import conditional
        >>> from energan.games.gan.lsgan import lsgan
        >>> from energan.networks.layers.condition import Joined, Planes
        >>> G = Joined(nn.Sequential(nn.Linear(4 + 3, 16), nn.Unflatten(1, (1, 4, 4))), conditions=3)
        >>> D = Planes(nn.Sequential(nn.Flatten(), nn.Linear(4 * 16, 1), nn.Flatten(0)), conditions=3)
        >>> model = Model(conditional(lsgan(G, D, z=4), classes=3), {"G": G, "D": D})
        >>> match(model, torch.zeros(5, 1, 4, 4, dtype=torch.uint8), torch.eye(3)).shape
        torch.Size([5, 3])
    """
    if (asked := model.game.conditions) is None:
        raise UserError("this run's system cannot be asked for anything: it has no conditions")
    model.require_eval_mode()
    players, rows = Players(model.nets), conditions.to(model.device, torch.float32)

    def read(chunk: Tensor, row: Tensor) -> Tensor:
        return asked.match(players, Batch({"x": chunk, "c": row.expand(len(chunk), -1)})).float().cpu()

    chunks = [to_unit(chunk.to(model.device)) for chunk in images.split(chunk_size(images.shape[2:].numel()))]
    return torch.cat([torch.stack([read(chunk, row) for row in rows], 1) for chunk in chunks])
