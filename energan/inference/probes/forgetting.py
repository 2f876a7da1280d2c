"""A generator made to forget what it draws: maps that go with a feature are set to 0.

    w = argmin  sum log(1 + exp(-y_i (w a_i + b))) + |w|^2 / 2      y_i = 1 where the image shows the feature, else -1
    a_i: the activations of the second-highest layer at a place of an image, standardised; maps with w > 0 are dropped

Radford, Metz & Chintala 2015, arXiv:1511.06434, section 6.3.2: there, places inside of boxes drawn by hand about 52
windows are positive.
NOTE: here a classifier says which images show the feature, and all places of such an image are positive.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from energan.utils.errors import UserError

PLACES = 16  # of each image: all would say the same again and again


def places(
    activations: Tensor, present: Bool[Tensor, " n"], generator: torch.Generator
) -> tuple[Float[Tensor, "p m"], Bool[Tensor, " p"]]:
    """Activations at 16 places of each image, drawn at random, and whether its image shows the feature; of units, all.

    activations: (n, m, h, w) or (n, m).
    """
    if activations.dim() == 2:
        return activations, present
    maps = activations.flatten(2)
    count = min(PLACES, maps.shape[2])
    chosen = torch.rand(len(maps), maps.shape[2], generator=generator).argsort(1)[:, :count]
    rows = maps.gather(2, chosen[:, None].expand(-1, maps.shape[1], -1))
    return rows.transpose(1, 2).flatten(0, 1), present.repeat_interleave(count)


def map_weights(rows: Float[Tensor, "p m"], present: Bool[Tensor, " p"]) -> Float[Tensor, " m"]:
    """The weight of each map in a logistic regression of the feature on standardised activations.

    UserError where all rows show the feature, or none does.

    >>> rows, present = torch.tensor([[1.0, 5.0], [0.0, 5.0]]).repeat(4, 1), torch.tensor([True, False]).repeat(4)
    >>> map_weights(rows, present).sign().tolist()
    [1.0, 0.0]
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    if not bool(present.any()) or bool(present.all()):
        which = "all" if bool(present.any()) else "none"
        raise UserError(f"{which} of the samples show the feature: there is nothing to tell it from")
    fitted = LogisticRegression(max_iter=1000, class_weight="balanced")
    fitted.fit(StandardScaler().fit_transform(rows.double().numpy()), present.numpy())
    return torch.from_numpy(fitted.coef_[0]).float()


def strongest(weights: Float[Tensor, " m"], share: float) -> Bool[Tensor, " m"]:
    """The maps with a positive weight, or that share of them, those with the greatest weights, one at least.

    >>> strongest(torch.tensor([0.5, -1.0, 2.0, 0.1]), 0.5).tolist()
    [True, False, True, False]
    """
    positive = int((weights > 0).sum())
    chosen = torch.zeros_like(weights, dtype=torch.bool)
    if positive:
        count = max(1, round(share * positive))
        chosen[weights.argsort(descending=True)[:count]] = True
    return chosen
