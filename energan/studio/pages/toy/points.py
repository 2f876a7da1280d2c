"""The points that are learned: toy distributions of the plane, or what a hand drew."""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from energan.data.toys import TOYS, Distribution, mixture
from energan.utils.errors import UserError

DRAWN = "drawn by hand"

SHOWN = 512  # points of each kind that are drawn

MOST = 2000  # points that a hand may draw

DOT = 0.02  # standard deviation of the Gaussian around a point that was drawn, where the square is [-1, 1]^2

MARGIN = 1.35  # half the side of what is shown, in units of the farthest point's coordinate


def offered() -> list[str]:
    """The names that can be chosen: toys in two dimensions, and DRAWN."""
    generator = torch.Generator().manual_seed(0)
    return [*(name for name, make in TOYS.items() if make().sample(generator, 1).shape[1] == 2), DRAWN]


def distribution(name: str, drawn: Sequence[Sequence[float]] = ()) -> Distribution:
    """What is learned.

    Args:
        name: One of `offered()`.
        drawn: Of DRAWN, the points (x, y) in [-1, 1]^2; each becomes a small Gaussian.

    Returns:
        The distribution.

    Raises:
        UserError: There is no such name; no point was drawn, too many were, or one is outside of the square.

    Example:
        >>> tuple(distribution(DRAWN, [(0.5, -0.5)]).sample(torch.Generator().manual_seed(0), 3).shape)
        (3, 2)
    """
    if name != DRAWN:
        if name not in offered():
            raise UserError(f"there are no points called {name!r}; there are {', '.join(offered())}")
        return TOYS[name]()
    if not drawn:
        raise UserError("no point is drawn yet: draw some on the square, by pointer, or by arrow keys and space")
    if len(drawn) > MOST:
        raise UserError(f"{len(drawn):,} points are drawn; {MOST:,} may be")
    if not all(len(point) == 2 and all(math.isfinite(v) and abs(v) <= 1 for v in point) for point in drawn):
        raise UserError("a drawn point is two numbers from -1 to 1")
    return mixture(torch.tensor(drawn, dtype=torch.float64), DOT)


def shown(target: Distribution) -> tuple[Tensor, float]:
    """(SHOWN, 2) points of the distribution, the same each time, and half the side of the square that shows them."""
    points = target.sample(torch.Generator().manual_seed(0), SHOWN)
    return points, round(MARGIN * float(points.abs().max()), 2)


def received(value: object) -> list[tuple[float, float]]:
    """The points that a browser says were drawn. UserError where it is no list of pairs of numbers."""
    pairs = value.get("points") if isinstance(value, Mapping) else value
    try:
        assert isinstance(pairs, list) and len(pairs) <= MOST
        return [(float(x), float(y)) for x, y in pairs]
    except (AssertionError, TypeError, ValueError, OverflowError):
        raise UserError(f"a drawing is a list of at most {MOST:,} pairs of numbers") from None
