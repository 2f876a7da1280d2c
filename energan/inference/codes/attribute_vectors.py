"""Directions of codes that stand for attributes.  Larsen et al. 2015, arXiv:1512.09300, section 4.2."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from energan.utils.errors import UserError


def attribute_vectors(codes: Float[Tensor, "n d"], present: Bool[Tensor, "n k"]) -> Float[Tensor, "k d"]:
    """For each attribute the mean code of the images that have it minus the mean of those that have not.

    An image with the code z is given the attribute by drawing z + v.

    Args:
        codes: Of n images, (n, d).
        present: Which image has which attribute, (n, k).

    Returns:
        v, (k, d), in the codes' unit.

    Raises:
        UserError: The rows are not as many; an attribute is there in all images or in none; a code is not finite.

    >>> attribute_vectors(torch.tensor([[0.0, 1.0], [2.0, 1.0], [4.0, 4.0]]), torch.tensor([[False], [False], [True]]))
    tensor([[3., 3.]])
    """
    if len(codes) != len(present):
        raise UserError(f"{len(codes)} codes cannot have the attributes of {len(present)} images")
    if not bool(codes.isfinite().all()):
        raise UserError("attribute vectors need finite codes")
    count = present.sum(0)
    for k, have in enumerate(count.tolist()):
        if have in (0, len(codes)):
            raise UserError(
                f"attribute {k} is in {'all' if have else 'none'} of the {len(codes)} images: it has no vector"
            )
    has = present.to(torch.float64)
    with_it = has.T @ codes.double() / count[:, None]
    without = (1 - has).T @ codes.double() / (len(codes) - count)[:, None]
    return (with_it - without).to(codes.dtype)
