"""Two sets of images, compared: distances, how biased they are at these numbers, and what real images score."""

from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from energan.metrics.feature_distances import frechet_distance, kernel_distance, precision_recall
from energan.utils.console import counted

SIZES = 5  # of sub-samples, from a half to the whole

DRAWS = 2  # sub-samples of each size but the whole

BIASED = 0.1  # share of the FID from which its bias is warned of

Features = Float[Tensor, "n d"]


def scores(real: Features, fake: Features, seed: int = 0) -> dict[str, float]:
    """FID, KID, precision, recall, density and coverage of fake features against real ones. UserError as theirs."""
    return {
        "FID": frechet_distance(real, fake),
        "KID": kernel_distance(real, fake, seed=seed)[0],
        **precision_recall(real, fake)._asdict(),
    }


def compared(real: Features, fake: Features, seed: int = 0) -> dict[str, Any]:
    """All scores, the FID's bias at these numbers, and the scores of real images against their own other half.

    Args:
        real: features of real images, (n, d).
        fake: features of the images to be judged, (m, d).
        seed: of the sub-samples and halves.

    Returns:
        "scores": of all; "unbiased_fid" and "fid_bias": `extrapolated`; "equal": of `n` images on each side, the scores
        of "fake" and of "real", the other half of the real images, against the same half.

    Raises:
        UserError: for fewer than 8 rows of either, different widths, or NaN.

    Example:
        >>> rows = torch.randn(400, 3, generator=torch.Generator().manual_seed(0))
        >>> found = compared(rows[:200], rows[200:] + 1)
        >>> found["equal"]["n"], found["equal"]["real"]["FID"] < found["equal"]["fake"]["FID"]
        (100, True)
    """
    draws = torch.Generator().manual_seed(seed)
    limit, bias = extrapolated(real, fake, seed)
    n = min(len(real) // 2, len(fake))
    order, chosen = torch.randperm(len(real), generator=draws), torch.randperm(len(fake), generator=draws)[:n]
    half, other = real[order[:n]], real[order[n : 2 * n]]
    return {
        "scores": scores(real, fake, seed),
        "unbiased_fid": limit,
        "fid_bias": bias,
        "equal": {"n": n, "fake": scores(half, fake[chosen], seed), "real": scores(half, other, seed)},
    }


def extrapolated(real: Features, fake: Features, seed: int = 0) -> tuple[float, float]:
    """The FID of infinitely many images, and the bias at these numbers, by a line through FIDs of sub-samples.

    Chong & Forsyth 2020, arXiv:1911.07023, section 3: the bias of FID is nearly proportional to 1/n.  They vary the
    number of generated images; here FIDs of sub-samples, a share f of both sides, are fitted by a + b/f (least
    squares): a is the limit, b the bias.  Where there are fewer images than features the bias grows more slowly than
    1/n, so b is less than the bias: a bound from below.

    Returns:
        (a, b).

    Raises:
        UserError: as `frechet_distance`.
    """
    inverse, values = [], []
    samples = list(_sub_samples(len(real), len(fake), seed))
    for share, rows, columns in counted(samples, len(samples), "estimating the FID's bias", unit="sub-samples"):
        inverse.append(1 / share)
        values.append(frechet_distance(real[rows], fake[columns]))
    x, y = torch.tensor(inverse, dtype=torch.float64), torch.tensor(values, dtype=torch.float64)
    slope = float(((x - x.mean()) * (y - y.mean())).sum() / (x - x.mean()).square().sum())
    return float(y.mean()) - slope * float(x.mean()), slope


def _sub_samples(n: int, m: int, seed: int) -> Iterator[tuple[float, Int64[Tensor, " k"], Int64[Tensor, " l"]]]:
    """(share, rows of the real ones, rows of the others); shares whose inverses are evenly spaced from 2 to 1."""
    draws = torch.Generator().manual_seed(seed)
    for step in range(SIZES):
        share = 1 / (2 - step / (SIZES - 1))
        for _ in range(DRAWS if share < 1 else 1):
            sizes = [max(2, round(share * count)) for count in (n, m)]
            rows, columns = (torch.randperm(c, generator=draws)[:k] for c, k in zip((n, m), sizes, strict=True))
            yield share, rows, columns
