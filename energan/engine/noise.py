"""The noise that equations name.

The engine draws z, c or eps from the state's generator and hands it to the objective as a key of the batch. So a
resumed run equals an uninterrupted one, and a model in an Ensemble equals the same model trained alone. Noise inside a
layer (dropout) follows the same rule, by counter-based random numbers: rng.py.
"""

from collections.abc import Callable
from math import pi, sqrt
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from energan.engine.game import Noise
from energan.utils.specification import call_of, recorded


@recorded
def normal(*shape: int, sigma: float = 1.0) -> Noise:
    """z ~ N(0, sigma^2 I).

    Args:
        shape: Shape of one row.
        sigma: Standard deviation of each number.

    Returns:
        (generator, n) -> (n, *shape).

    >>> normal(3)(torch.Generator(), 2).shape
    torch.Size([2, 3])
    """

    def draw(generator: torch.Generator, n: int) -> Tensor:
        z = torch.randn(n, *shape, generator=generator, device=generator.device)
        return z if sigma == 1 else z.mul_(sigma)

    return draw


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


@recorded
def gaussian_mixture(components: int = 10, *, every: bool = False) -> Noise:
    """z ~ a mixture of Gaussians in the plane, as the petals of a flower: 0.5 long and 0.1 wide, 1.4 from the middle.

    The prior of figure 2 of adversarial auto-encoders (arXiv:1511.05644), which gives no numbers; these, standard
    deviations and a distance, are those of public reproductions.

    Args:
        components: How many, each as likely.
        every: Draw each row from every component, in their order.

    Returns:
        (generator, n) -> (n, 2), or with `every` (n, components, 2).

    >>> gaussian_mixture(5, every=True)(torch.Generator(), 3).shape
    torch.Size([3, 5, 2])
    """

    def draw(generator: torch.Generator, n: int) -> Tensor:
        which = _which(generator, n, components, every)
        petal = torch.randn(*which.shape, 2, generator=generator, device=generator.device)
        along, across = 1.4 + 0.5 * petal[..., 0], 0.1 * petal[..., 1]
        cos, sin = (2 * pi / components * which).cos(), (2 * pi / components * which).sin()
        return torch.stack([along * cos - across * sin, along * sin + across * cos], -1)

    return draw


@recorded
def swiss_roll(components: int = 10, *, every: bool = False) -> Noise:
    """z ~ a spiral of two turns in the plane, of radius 3: r = 3 sqrt(u), the angle 4 pi sqrt(u), u ~ U(0, 1).

    The other prior of adversarial auto-encoders (arXiv:1511.05644, figure 4); the numbers are those of public
    reproductions.

    Args:
        components: Into how many parts it is cut, of equal probability, from the middle on.
        every: Draw each row from every part, in their order.

    Returns:
        (generator, n) -> (n, 2), or with `every` (n, components, 2).

    >>> bool((swiss_roll()(torch.Generator(), 100).norm(dim=1) <= 3).all())
    True
    """

    def draw(generator: torch.Generator, n: int) -> Tensor:
        which = _which(generator, n, components, every)
        root = ((which + torch.rand(which.shape, generator=generator, device=generator.device)) / components).sqrt()
        return torch.stack([3 * root * (4 * pi * root).cos(), 3 * root * (4 * pi * root).sin()], -1)

    return draw


def _which(generator: torch.Generator, n: int, components: int, every: bool) -> Tensor:
    """The component of each number that is drawn: (n,) at random, or (n, components), all."""
    if every:
        return torch.arange(components, device=generator.device).expand(n, -1)
    return torch.randint(components, (n,), generator=generator, device=generator.device)


def as_noise(z: int | Noise, kind: Callable[[int], Noise]) -> Noise:
    """z as a Noise.

    Args:
        z: A Noise, returned as it is; or a number of dimensions.
        kind: The distribution for a number of dimensions, such as `normal`.

    >>> as_noise(5, normal)(torch.Generator(), 2).shape
    torch.Size([2, 5])
    """
    return kind(z) if isinstance(z, int) else z


class Distribution(NamedTuple):
    """What each number of a noise is drawn from, as far as it is known.

    Attributes:
        kind: "normal", "uniform", "category" (a row is one-hot), or "unknown".
        mean: Of a number; 0 where it is not known.
        deviation: Its standard deviation; 1 where it is not known.

    >>> Distribution("uniform", 0.0, 0.5).kind
    'uniform'
    """

    kind: Literal["normal", "uniform", "category", "unknown"]
    mean: float = 0.0
    deviation: float = 1.0


def distribution(noise: Noise) -> Distribution:
    """The distribution of a noise that a function of this file made; of any other it is unknown.

    >>> distribution(normal(3)), distribution(one_hot(10)).kind
    (Distribution(kind='normal', mean=0.0, deviation=1.0), 'category')
    >>> distribution(lambda generator, n: torch.zeros(n, 3)).kind
    'unknown'
    """
    call = call_of(noise)
    made_by = "" if call is None or not call.name.startswith(f"{__name__}:") else call.name.split(":")[1]
    if call is not None and made_by == "uniform":
        low, high = float(call.arguments["low"]), float(call.arguments["high"])
        return Distribution("uniform", (low + high) / 2, (high - low) / sqrt(12))
    if call is not None and made_by == "normal":
        return Distribution("normal", 0.0, float(call.arguments["sigma"]))
    return Distribution("category") if made_by == "one_hot" else Distribution("unknown")
