"""Distances between two sets of features: Fréchet (FID), kernel (KID), precision and recall.

real (n, d), fake (m, d): one row of features an image.  A distance between features is only as good as the
network that gave them: name it with every result.
"""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from energan.metrics.checks import check_pair
from energan.utils.errors import UserError

ROWS = 250  # of features handled at once, which bounds the memory


class Manifold(NamedTuple):
    """Overlap of two sets, each the union of balls around its points.  Density may pass 1, the others not."""

    precision: float  # share of fakes inside the real set
    recall: float  # share of reals inside the fake set
    density: float  # real balls around a fake, divided by k; 1 in expectation for equal sets
    coverage: float  # share of real balls that hold a fake


def frechet_distance(real: Float[Tensor, "n d"], fake: Float[Tensor, "m d"]) -> float:
    """FID: |mu_r - mu_f|^2 + tr(S_r + S_f - 2 (S_r S_f)^(1/2)).

    Heusel et al. 2017, arXiv:1706.08500, eq. 6: the squared 2-Wasserstein distance of two Gaussians with the
    sets' means and (n - 1) covariances.  Biased upwards for few samples: compare only equal n.  In float64.

    Args:
        real: features of real images, (n, d).
        fake: features of generated images, (m, d).

    Returns:
        The distance, >= 0, in squared units of the features.

    Raises:
        UserError: for fewer than 2 rows, different widths, or NaN.

    Example:
        >>> rows = torch.randn(200, 4, generator=torch.Generator().manual_seed(0))
        >>> round(frechet_distance(rows, rows + 1), 3)  # means 1 apart in each of 4 dimensions
        4.0
    """
    check_pair(real, fake, ("the real features", "the fake features"), least=2)
    real, fake = real.double(), fake.double()
    a, b = _root(real), _root(fake)
    cross = torch.linalg.svdvals(a @ b.T).sum()  # tr (S_r S_f)^(1/2), as S_r = a^T a and S_f = b^T b
    means = (real.mean(0) - fake.mean(0)).square().sum()
    return max(0.0, float(means + a.square().sum() + b.square().sum() - 2 * cross))  # rounding may leave -1e-7


def _root(x: Float64[Tensor, "n d"]) -> Float64[Tensor, "k d"]:
    """A matrix a of as few rows as there can be, whose a^T a is the covariance of the rows of x."""
    centred = (x - x.mean(0)) / (len(x) - 1) ** 0.5
    return torch.linalg.qr(centred, mode="r").R if len(x) > x.shape[1] else centred


def kernel_distance(
    real: Float[Tensor, "n d"],
    fake: Float[Tensor, "m d"],
    *,
    subsets: int = 100,
    subset_size: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """KID: the unbiased squared MMD under k(x, y) = (x.y/d + 1)^3.

    Bińkowski et al. 2018, arXiv:1801.01401, section 4.  Around 0 (either sign) for equal distributions,
    whatever the number of samples.

    In float64. Where there are few rows, a kernel is worked out once for all subsets, else once for each.

    Args:
        real: features of real images, (n, d).
        fake: features of generated images, (m, d).
        subsets: random subsets of each side.
        subset_size: rows of each; cut to the smaller set's size.
        seed: of the subsets.

    Returns:
        Mean and standard deviation over the subsets; NaN for the deviation where each subset is all of both sets.

    Raises:
        UserError: for fewer than 2 rows, different widths, NaN, or fewer than 1 subset or 2 in a subset.

    Example:
        >>> rows = torch.randn(200, 4, generator=torch.Generator().manual_seed(0))
        >>> mean, deviation = kernel_distance(rows, 2 * rows, subsets=5, subset_size=100)
        >>> mean > 0 and deviation > 0
        True
    """
    check_pair(real, fake, ("the real features", "the fake features"), least=2)
    if subsets < 1 or subset_size < 2:
        raise UserError(f"KID needs 1 or more subsets of 2 or more rows, not {subsets} of {subset_size}")
    n, m = len(real), len(fake)
    size = min(subset_size, n, m)
    draws = torch.Generator().manual_seed(seed)
    drawn = [[torch.randperm(rows, generator=draws)[:size] for rows in (n, m)] for _ in range(subsets)]
    if n * n + m * m + n * m <= 3 * subsets * size * size:
        a, b = real.double(), fake.double()
        of_a, of_b = (torch.stack([_indicator(pair[i], rows) for pair in drawn]) for i, rows in ((0, n), (1, m)))
        distance = _squared_mmd(a, b, of_a.to(a.device), of_b.to(a.device))
    else:
        all_of_it = torch.ones(1, size, dtype=torch.float64, device=real.device)
        pairs = [(real[i].double(), fake[j].double()) for i, j in drawn]
        distance = torch.cat([_squared_mmd(a, b, all_of_it, all_of_it) for a, b in pairs])
    deviation = math.nan if size == n == m else float(distance.std(correction=0))
    return float(distance.mean()), deviation


def _indicator(rows: Int64[Tensor, " size"], n: int) -> Float64[Tensor, " n"]:
    return torch.zeros(n, dtype=torch.float64).index_fill_(0, rows, 1.0)


def _squared_mmd(
    a: Float64[Tensor, "n d"], b: Float64[Tensor, "m d"], of_a: Float64[Tensor, "s n"], of_b: Float64[Tensor, "s m"]
) -> Float64[Tensor, " s"]:
    """MMD_u^2 of s pairs of subsets of equal size, each told by a row of ones and zeros (arXiv:1801.01401, eq. 4)."""
    size = of_a[0].sum()
    within = _kernel_sums(a, a, of_a, of_a, alike=True) + _kernel_sums(b, b, of_b, of_b, alike=True)
    return within / (size * (size - 1)) - 2 * _kernel_sums(a, b, of_a, of_b) / size**2


def _kernel_sums(
    a: Float64[Tensor, "n d"], b: Float64[Tensor, "m d"], of_a: Float64[Tensor, "s n"], of_b: Float64[Tensor, "s m"],
    *, alike: bool = False,
) -> Float64[Tensor, " s"]:  # fmt: skip
    """The sums of k(x, y) over the pairs of each subset; if `alike`, without those of a row and itself."""
    total = of_a.new_zeros(len(of_a))
    for start in range(0, len(a), ROWS):
        rows = slice(start, start + ROWS)
        kernel = (a[rows] @ b.T / a.shape[1] + 1) ** 3
        if alike:
            kernel.diagonal(start).zero_()
        total += (of_a[:, rows] * (of_b @ kernel.T)).sum(1)
    return total


def precision_recall(real: Float[Tensor, "n d"], fake: Float[Tensor, "m d"], k: int = 3) -> Manifold:
    """Precision (share of the fakes among the reals), recall (of the reals among the fakes), density and coverage.

    Kynkäänniemi et al. 2019, arXiv:1904.06991, section 3: a set's manifold is the union of the balls around
    its points that reach to their k-th nearest neighbours.  Density and coverage: Naeem et al. 2020,
    arXiv:2002.09797, section 3, from the same balls.  All depend on n and m: compare only equal numbers.
    Memory: some blocks of ROWS x max(n, m).

    Args:
        real: features of real images, (n, d).
        fake: features of generated images, (m, d).
        k: the neighbour that a ball reaches to.

    Returns:
        All four, in [0, 1]; density may be larger.

    Raises:
        UserError: for k < 1, k rows or fewer, different widths, or NaN.

    Example:
        >>> rows = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
        >>> precision_recall(rows, rows)[:2], precision_recall(rows, rows + 99)[:2]
        ((1.0, 1.0), (0.0, 0.0))
    """
    if k < 1:
        raise UserError(f"a manifold needs k >= 1 neighbours, not {k}")
    check_pair(real, fake, ("the real features", "the fake features"), least=k + 1)
    # Distances are made from products, which cancel least in float64 and when the common mean is out.
    real, fake = real.double(), fake.double()
    centre = real.mean(0)
    real, fake = real - centre, fake - centre
    real_radii, fake_radii = _radii(real, k), _radii(fake, k)
    inside, balls, recalled = 0, 0, 0
    reached = torch.zeros(len(real), dtype=torch.bool)
    for rows in torch.split(fake, ROWS):
        within = torch.cdist(rows, real) <= real_radii
        inside += int(within.any(1).sum())
        balls += int(within.sum())
        reached |= within.any(0)
    for rows in torch.split(real, ROWS):
        recalled += int((torch.cdist(rows, fake) <= fake_radii).any(1).sum())
    n, m = len(real), len(fake)
    return Manifold(inside / m, recalled / n, balls / (k * m), int(reached.sum()) / n)


def _radii(x: Float[Tensor, "n d"], k: int) -> Float[Tensor, " n"]:
    """Distance of each row to its k-th nearest other row."""
    # the nearest of all is the row itself, hence k + 1
    return torch.cat([torch.cdist(rows, x).topk(k + 1, largest=False).values[:, k] for rows in torch.split(x, ROWS)])
