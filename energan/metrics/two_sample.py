"""Distances between two sets of rows: kernel MMD, energy distance and its coefficient, sliced Wasserstein.

x (n, d), y (m, d), of any sizes.  Sums are float64 and go in blocks: 10,000 x 10,000 pairs need some 100 MB.
"""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from energan.metrics.checks import check_pair
from energan.utils.errors import UserError

ROWS = 250  # compared at once with all of the other side

MEDIAN_ROWS = 1000  # of each side, for the median heuristic

DIRECTIONS = 50  # projected on at once


def kernel_mmd(x: Float[Tensor, "n d"], y: Float[Tensor, "m d"], bandwidth: float | None = None) -> float:
    """The squared maximum mean discrepancy under k(a, b) = exp(-|a - b|^2 / (2 bandwidth^2)), unbiased.

        MMD^2 = mean_{i != j} k(x_i, x_j) + mean_{i != j} k(y_i, y_j) - 2 mean_{i, j} k(x_i, y_j)

    Gretton et al. 2012 (JMLR 13), eq. 3.

    Args:
        x: (n, d).
        y: (m, d).
        bandwidth: of the kernel; by default the median heuristic's (`median_distance`). Compare only values of one
            bandwidth.

    Returns:
        The distance, at most 2; around 0, with either sign, for equal distributions.

    Raises:
        UserError: for fewer than 2 rows, different widths, NaN, or a bandwidth that is not positive.

    Example:
        >>> rows = torch.randn(100, 2, generator=torch.Generator().manual_seed(0))
        >>> kernel_mmd(rows[:50], rows[50:], 1.0) < kernel_mmd(rows[:50], rows[50:] + 3, 1.0)
        True
    """
    x, y = _centred(x, y)
    width = median_distance(x, y) if bandwidth is None else bandwidth
    if not width > 0:
        reason = "half of all distances are 0: give one" if bandwidth is None else f"{bandwidth} is none"
        raise UserError(f"a kernel needs a bandwidth > 0, and {reason}")

    def total(a: Tensor, b: Tensor) -> float:
        parts = (torch.cdist(rows, b).square_().div_(-2 * width**2).exp_().sum() for rows in torch.split(a, ROWS))
        return float(sum(parts))

    n, m = len(x), len(y)
    within = (total(x, x) - n) / (n * (n - 1)) + (total(y, y) - m) / (m * (m - 1))  # k(a, a) = 1
    return within - 2 * total(x, y) / (n * m)


def median_distance(x: Float[Tensor, "n d"], y: Float[Tensor, "m d"]) -> float:
    """The median distance between different rows of both sets together (Gretton et al. 2012, section 8).

    Args:
        x: (n, d); of sets above 1,000 rows, that many evenly spaced ones are taken.
        y: (m, d).

    Returns:
        The distance, in the rows' unit.

    Raises:
        UserError: as `kernel_mmd`.

    Example:
        >>> median_distance(torch.zeros(2, 1), torch.ones(2, 1))
        1.0
    """
    x, y = _centred(x, y)
    subset = torch.cat([rows[torch.linspace(0, len(rows) - 1, min(len(rows), MEDIAN_ROWS)).long()] for rows in (x, y)])
    return float(torch.nn.functional.pdist(subset).median())


def energy_distance(x: Float[Tensor, "n d"], y: Float[Tensor, "m d"]) -> float:
    """The energy distance 2 E|X - Y| - E|X - X'| - E|Y - Y'| over all pairs.

    Székely & Rizzo 2013 (J. Stat. Plan. Inference 143), eq. 6.  E|X - X'| includes the n pairs of a row with itself,
    which makes it 0 for equal sets and biases it upwards by about E|X - X'| / n + E|Y - Y'| / m.

    Args:
        x: (n, d).
        y: (m, d).

    Returns:
        The distance in the rows' unit, >= 0, and 0 only for equal distributions.

    Raises:
        UserError: for fewer than 2 rows, different widths, or NaN.

    Example:
        >>> energy_distance(torch.zeros(2, 1), torch.ones(2, 1))
        2.0
    """
    x, y = _centred(x, y)

    def mean(a: Tensor, b: Tensor) -> float:
        return float(sum(torch.cdist(rows, b).sum() for rows in torch.split(a, ROWS))) / (len(a) * len(b))

    return 2 * mean(x, y) - mean(x, x) - mean(y, y)


class Inhomogeneity(NamedTuple):
    """How far two sets are apart for their width, and how wide the second is beside the first."""

    coefficient: float  # 0 for equal distributions, at most 1
    spread: float  # E|Y - Y'| / E|X - X'|: 1 for sets of one width, 0 where all rows of y are one


def inhomogeneity(x: Float[Tensor, "n d"], y: Float[Tensor, "m d"]) -> Inhomogeneity:
    """The energy coefficient of inhomogeneity H = (2 E|X - Y| - E|X - X'| - E|Y - Y'|) / (2 E|X - Y|), and the spread.

    Székely & Rizzo 2013 (J. Stat. Plan. Inference 143), section 2.  Means within a set are over different rows, which
    makes numerator and denominator unbiased: sets of any sizes compare, and H may be a little below 0.

    Args:
        x: (n, d), such as features of real images.
        y: (m, d), such as those of generated ones.

    Raises:
        UserError: for fewer than 2 rows, different widths, or NaN.

    Example:
        >>> inhomogeneity(torch.tensor([[0.0], [2.0]]), torch.tensor([[1.0], [1.0]]))
        Inhomogeneity(coefficient=0.0, spread=0.0)
    """
    x, y = _centred(x, y)

    def total(a: Tensor, b: Tensor) -> float:
        return float(sum(torch.cdist(rows, b).sum() for rows in torch.split(a, ROWS)))

    n, m = len(x), len(y)
    between, within_x, within_y = total(x, y) / (n * m), total(x, x) / (n * (n - 1)), total(y, y) / (m * (m - 1))
    coefficient = 1 - (within_x + within_y) / (2 * between) if between else 0.0
    return Inhomogeneity(coefficient, within_y / within_x if within_x else math.inf if within_y else 1.0)


def sliced_wasserstein(
    x: Float[Tensor, "n d"], y: Float[Tensor, "m d"], projections: int = 200, p: float = 2, seed: int = 0
) -> float:
    """The sliced Wasserstein distance: (mean over directions of W_p^p of the sets projected on them)^(1/p).

        W_p^p = integral_0^1 |F_x^-1(u) - F_y^-1(u)|^p du

    of one-dimensional sets: the quantile functions are steps, so the integral is exact for any n and m.  Directions
    are uniform on the sphere.  Rabin et al. 2011; Bonneel et al. 2015 (J. Math. Imaging Vis. 51).

    Args:
        x: (n, d).
        y: (m, d).
        projections: directions to project on.
        p: the order, >= 1.
        seed: of the directions.

    Returns:
        The distance in the rows' unit, >= 0.

    Raises:
        UserError: for fewer than 2 rows, different widths, NaN, no projections, or p < 1.

    Example:
        >>> round(sliced_wasserstein(torch.zeros(3, 1), torch.full((2, 1), 2.0), projections=5), 6)
        2.0
    """
    if projections < 1 or not 1 <= p < float("inf"):
        raise UserError(f"sliced Wasserstein needs 1 projection or more and p >= 1, not {projections} and {p}")
    x, y = _centred(x, y)
    n, m = len(x), len(y)
    # In units of 1 / (n m) the steps end at whole numbers: of x at the multiples of m, of y at those of n.
    ends = torch.cat([torch.arange(1, n + 1) * m, torch.arange(1, m + 1) * n]).unique()
    starts = torch.cat([ends.new_zeros(1), ends[:-1]])
    widths = (ends - starts).double() / (n * m)
    generator = torch.Generator().manual_seed(seed)
    directions = torch.randn(projections, x.shape[1], generator=generator, dtype=torch.float64)
    directions /= directions.norm(dim=1, keepdim=True)
    total = 0.0
    for block in torch.split(directions, DIRECTIONS):
        a, b = ((rows @ block.T).sort(0).values[starts // width] for rows, width in ((x, m), (y, n)))
        total += float(((a - b).abs() ** p).sum(1) @ widths)
    return (total / projections) ** (1 / p)


def _centred(x: Float[Tensor, "n d"], y: Float[Tensor, "m d"]) -> tuple[Float64[Tensor, "n d"], Float64[Tensor, "m d"]]:
    """Both sets in float64 less their common mean: distances are made from products, which then cancel least."""
    check_pair(x, y, ("the first set", "the second set"), least=2)
    centre = torch.cat([x, y]).double().mean(0)
    return x.double() - centre, y.double() - centre
