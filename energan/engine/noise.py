"""The noise that equations name.

The engine draws z, c or eps from the state's generator and hands it to the objective as a key of the batch. So a
resumed run equals an uninterrupted one, and a model in an Ensemble equals the same model trained alone. Noise inside a
layer (dropout) follows the same rule, by counter-based random numbers: rng.py.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from energan.engine.game import Noise
from energan.utils.specification import recorded


@recorded
def normal(*shape: int) -> Noise:
    """z ~ N(0, I).

    Args:
        shape: Shape of one row.

    Returns:
        (generator, n) -> (n, *shape).

    >>> normal(3)(torch.Generator(), 2).shape
    torch.Size([2, 3])
    """
    return lambda generator, n: torch.randn(n, *shape, generator=generator, device=generator.device)


@recorded
def uniform(*shape: int, low: float = -1.0, high: float = 1.0) -> Noise:
    """z ~ U(low, high).

    Args:
        shape: Shape of one row; none for one number a row.
        low: Lowest number.
        high: Highest number, exclusive.

    Returns:
        (generator, n) -> (n, *shape).

    >>> uniform(low=0.0)(torch.Generator(), 4).shape
    torch.Size([4])
    """
    return lambda generator, n: (
        torch.rand(n, *shape, generator=generator, device=generator.device).mul_(high - low).add_(low)
    )


@recorded
def one_hot(classes: int) -> Noise:
    """c ~ uniform over the classes, one-hot.

    Args:
        classes: Number of classes.

    Returns:
        (generator, n) -> (n, classes).

    >>> one_hot(10)(torch.Generator(), 2).sum(1)
    tensor([1., 1.])
    """

    def draw(generator: torch.Generator, n: int) -> Tensor:
        index = torch.randint(classes, (n,), generator=generator, device=generator.device)
        return torch.eye(classes, device=generator.device)[index]

    return draw


def as_noise(z: int | Noise, kind: Callable[[int], Noise]) -> Noise:
    """z as a Noise.

    Args:
        z: A Noise, returned as it is; or a number of dimensions.
        kind: The distribution for a number of dimensions, such as `normal`.

    >>> as_noise(5, normal)(torch.Generator(), 2).shape
    torch.Size([2, 5])
    """
    return kind(z) if isinstance(z, int) else z
