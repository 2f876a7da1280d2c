"""How many modes of a known mixture a model has found, and how evenly: the VEEGAN/PacGAN protocol.

Srivastava et al. 2017, arXiv:1705.07761, section 5.1; Lin et al. 2018, arXiv:1712.04086, section 4, and its code.
"""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from energan.utils.errors import UserError

DIGITS, CHANNELS = 10, 3  # of stacked MNIST: 10^3 modes


class Modes(NamedTuple):
    """The result of `modes`; each a number a set, 0-d for a single one."""

    covered: Int[Tensor, "*sets"]  # modes with at least one high-quality sample, 0 to k
    high_quality: Float[Tensor, "*sets"]  # share of the samples, 0 to 1; of the mixture's own 1 - e^(-4.5) = 0.9889
    reverse_kl: Float[Tensor, "*sets"]  # KL(model || target) over modes, in nats, >= 0; NaN without high quality


class StackedModes(NamedTuple):
    """The result of `stacked_modes`."""

    covered: int  # of 1,000
    kl: float  # KL(model || uniform), in nats: 0 to ln 1000 = 6.91


def modes(
    samples: Float[Tensor, "*sets n d"],
    means: Float[Tensor, "k d"],
    std: float | Float[Tensor, " k"],
    radius: float = 3.0,
    weights: Float[Tensor, " k"] | None = None,
) -> Modes:
    """Modes covered, share of high quality and reverse KL of one set of samples, or of each of many.

    A sample belongs to the nearest mode, distances being divided by the mode's std; it is of high quality if that
    one is nearer than `radius` deviations. The published figures have n = 2,500.

        reverse KL = sum_i c_i ln(c_i / w_i),     c_i the share of mode i among the samples *of high quality*

    with w_i the target's weights. That is PacGAN's code (ln k less its "entropy of coverage"): poor samples count
    nowhere. NaN and infinite samples are of poor quality, so that a diverged model has a row.

    Args:
        samples: (n, d), or (*sets, n, d).
        means: of the target's modes, (k, d).
        std: of the modes, one for all or (k,).
        radius: in deviations.
        weights: of the modes, (k,); equal by default.

    Returns:
        The three measures, each of shape (*sets,).

    Raises:
        UserError: for shapes that do not fit, no samples, or std, radius or weights that are not positive.

    Example:
        >>> means = torch.tensor([[0.0, 0.0], [9.0, 9.0]])
        >>> result = modes(torch.zeros(4, 2), means, std=0.1)
        >>> int(result.covered), float(result.high_quality), round(float(result.reverse_kl), 4)  # ln 2: one of two
        (1, 1.0, 0.6931)
    """
    if samples.ndim < 2 or 0 in samples.shape or means.ndim != 2 or samples.shape[-1] != means.shape[1]:
        raise UserError(f"samples (..., n, d) and means (k, d) are needed, not {(*samples.shape,)}, {(*means.shape,)}")
    k = len(means)
    target = torch.ones(k, dtype=torch.float64) if weights is None else weights.double()
    stds = torch.as_tensor(std, dtype=torch.float64)
    if target.shape != (k,) or stds.shape not in {(), (k,)}:
        raise UserError(f"{k} modes need one std or {k}, and {k} weights, not {(*stds.shape,)} and {(*target.shape,)}")
    if not (radius > 0 and bool((stds > 0).all() and (target > 0).all())):
        raise UserError("the modes' deviations and weights, and the radius, must be positive numbers")
    distances = torch.stack([(samples.double() - mean).norm(dim=-1) for mean in means.double()], -1) / stds
    nearest = distances.min(-1)  # (*sets, n)
    good = nearest.values < radius
    counts = torch.zeros(*samples.shape[:-2], k, dtype=torch.float64).scatter_add_(-1, nearest.indices, good.double())
    shares = counts / counts.sum(-1, keepdim=True)  # 0/0 = NaN
    kl = torch.xlogy(shares, shares * (target.sum() / target)).sum(-1)
    return Modes((counts > 0).sum(-1), good.double().mean(-1), kl)


def stacked_modes(images: UInt8[Tensor, "n 3 h w"]) -> StackedModes:
    """The triples of digits among images of stacked MNIST, each channel read by the shipped classifier.

    A mode counts from one image on. The published figures have n = 26,000 (25,600 in unrolled GANs'): compare only
    equal n, since few images cannot cover 1,000 modes, and a perfect model's KL is not 0 but about 999 / (2 n) = 0.019
    nats.

    Args:
        images: uint8 (n, 3, 28, 28) or (n, 3, 32, 32).

    Returns:
        Modes covered, and KL(model || uniform).

    Raises:
        UserError: for no images, or images of another type or shape.

    Example:
        >>> stacked_modes(torch.zeros(2, 3, 28, 28, dtype=torch.uint8)).covered
        1
    """
    from energan.metrics.features.catalog import describe

    if images.ndim != 4 or images.shape[1] != CHANNELS:
        raise UserError(f"stacked digits are uint8 images (n, 3, h, w), not {images.dtype} {(*images.shape,)}")
    logits = describe(images.flatten(0, 1)[:, None], "mnist").logits
    assert logits is not None  # the network's classes are the digits
    digits = logits.argmax(1).view(-1, CHANNELS)
    triples = digits @ torch.tensor([DIGITS**2, DIGITS, 1])
    shares = triples.bincount(minlength=DIGITS**CHANNELS).double() / len(images)
    covered = int((shares > 0).sum())
    return StackedModes(covered, float(torch.xlogy(shares, shares).sum()) + CHANNELS * math.log(DIGITS))
