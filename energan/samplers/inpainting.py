"""Inpainting: chains that keep the known pixels of an image."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from energan.engine.precision import wide
from energan.utils.errors import UserError


class Context(NamedTuple):
    """Inpainting: what is known of the images, and how strongly G(h) is pulled to it.

    Attributes:
        image: In G's range and shape, for one or for all rows.
        missing: Booleans of the same shape, or that broadcast to it: True where there is something to fill in.
        eps4: Factor of the gradient of `closeness`. The authors' 1e-9 is for images of 0..255; in [-1, 1], where
            squares are 127.5^2 times smaller, 1.6e-5 is the same.

    Example:
        >>> context = Context(torch.ones(2), torch.tensor([True, False]), eps4=1.0)
        >>> context.paste(torch.zeros(1, 2)).tolist(), context.closeness(torch.zeros(1, 2)).tolist()
        ([[0.0, 1.0]], [-0.5])
    """

    image: Float[Tensor, "*x"]
    missing: Bool[Tensor, "*m"]
    eps4: float

    def paste(self, x: Float[Tensor, " n *x"]) -> Float[Tensor, " n *x"]:
        """Gives x where the image is missing, the image elsewhere.

        Args:
            x: Images (n, *x).

        Returns:
            Images of the same shape.

        Raises:
            UserError: The context does not fit images of this shape.
        """
        shapes = (self.image.shape, self.missing.shape)
        if self.missing.dtype != torch.bool or any(not _fits(shape, x.shape) for shape in shapes):
            raise UserError(
                f"a context is an image and booleans that fit {tuple(x.shape)}, not {shapes[0]}, {shapes[1]}"
            )
        return torch.where(self.missing, x, self.image)

    def closeness(self, x: Float[Tensor, " n *x"]) -> Float[Tensor, " n"]:
        """-1/2 ||image - x||^2 over the known pixels, (n,): 0 where x agrees with them, else below."""
        return -0.5 * wide(self.paste(x) - x).flatten(1).square().sum(1)


def _fits(shape: Sequence[int], whole: Sequence[int]) -> bool:
    pairs = zip(reversed(shape), reversed(whole), strict=False)
    return len(shape) <= len(whole) and all(size in (1, of) for size, of in pairs)
