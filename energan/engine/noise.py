"""Where randomness comes from.

Noise that an equation names (z, c, eps) is drawn by the engine from the state's generator and reaches the
objective as a key of the batch: that is what makes a resumed run equal an uninterrupted one, and a model trained
among many equal the same model trained alone. Noise inside a layer (dropout) follows the same rule: the engine
opens a `stream` with one drawn key per turn, and layers take their numbers from it by counting, so that they are
a pure function of the key and can be drawn for hundreds of models at once under vmap.
"""

import torch
from torch import Tensor

from energan.engine.game import Noise
from energan.utils.specification import recorded


@recorded
def normal(*shape: int) -> Noise:
    """z ~ N(0, I) of shape (n, *shape)."""
    return lambda generator, n: torch.randn(n, *shape, generator=generator, device=generator.device)


@recorded
def uniform(*shape: int, low: float = -1.0, high: float = 1.0) -> Noise:
    """z ~ U(low, high) of shape (n, *shape)."""
    return lambda generator, n: (
        torch.rand(n, *shape, generator=generator, device=generator.device).mul_(high - low).add_(low)
    )


@recorded
def one_hot(classes: int) -> Noise:
    """c ~ uniform over the classes, one-hot: (n, classes)."""

    def draw(generator: torch.Generator, n: int) -> Tensor:
        drawn = torch.randint(classes, (n,), generator=generator, device=generator.device)
        return torch.eye(classes, device=generator.device)[drawn]

    return draw
