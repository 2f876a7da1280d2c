"""Nearest neighbours and Parzen windows: what is read off distances between all pairs.

Everything goes in blocks, so that 10,000 x 60,000 pairs need tens of MB.  Products are float64: the squared
distance of 8-bit images is then an exact whole number, and a copy is at distance 0.
"""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from energan.errors import UserError
from energan.metrics.checks import check_pair

QUERIES = 500  # rows compared at once
BLOCK_BYTES = 32 * 2**20  # of the other side's rows in float64
SIGMAS = tuple(10 ** (i / 9 - 1) for i in range(10))  # ten values, equal ratios, 0.1 to 1
VALIDATION = 1000  # images that the window's width is chosen on


class Neighbours(NamedTuple):
    """The k nearest rows of each query, nearest first."""

    indices: Int[Tensor, "n k"]
    distances: Float[Tensor, "n k"]


def nearest_neighbours(images: Shaped[Tensor, "n ..."], train: Shaped[Tensor, "m ..."], k: int = 1) -> Neighbours:
    """The k nearest training rows of each image by L2 distance, in the unit of the tensors' entries.

    Give uint8 images for pixel distance (grey levels of 255) or their features, (n, d), for distance in a
    network's eyes.  Both sides need the same shape and dtype.  Float64 distances, int64 indices.

    Raises UserError for different shapes or dtypes, no images, NaN, or k outside 1..m.
    """
    if images.shape[1:] != train.shape[1:] or images.dtype != train.dtype:
        raise UserError(
            f"images and training images must be alike, not {images.dtype} {tuple(images.shape[1:])} "
            f"and {train.dtype} {tuple(train.shape[1:])}"
        )
    if not 1 <= k <= len(train):
        raise UserError(f"k must be between 1 and the {len(train)} training images, not {k}")
    if len(images) == 0:
        raise UserError("there are no images to find neighbours of: give at least one")
    if images.is_floating_point() and not bool(images.isfinite().all() and train.isfinite().all()):
        raise UserError("images or training images have NaN or infinite values")
    found = [_nearest(queries, train.flatten(1), k) for queries in torch.split(images.flatten(1), QUERIES)]
    return Neighbours(torch.cat([part.indices for part in found]), torch.cat([part.distances for part in found]))


def parzen_log_likelihood(
    samples: Float[Tensor, "m d"], test: Float[Tensor, "n d"], sigma: float
) -> tuple[float, float]:
    """Mean log-density, and its standard error, of test rows under Gaussian windows on the samples.  In nats.

        log p(x) = logmeanexp_j(-|x - s_j|^2 / (2 sigma^2)) - d ln(sigma sqrt(2 pi))

    the procedure of Breuleux, Bengio & Vincent 2011 and Goodfellow et al. 2014, arXiv:1406.2661, section 5.
    Give 10,000 samples, and pixels in [0, 1]: a density depends on the scale (in [-1, 1] MNIST scores
    784 ln 2 = 543 nats less).  Biased downwards for few samples, and only weakly tied to their looks
    (Theis, van den Oord & Bethge 2016, arXiv:1511.01844).

    Raises UserError for sigma <= 0, fewer than 2 test rows, no samples, different widths, or NaN.
    """
    check_pair(samples, test, ("the samples", "the test set"))
    if len(test) < 2:
        raise UserError("the test set needs at least 2 rows, for the standard error")
    values = _log_densities(samples, test, [sigma])[0]
    return float(values.mean()), float(values.std()) / math.sqrt(len(test))


def parzen_sigma(
    samples: Float[Tensor, "m d"], validation: Float[Tensor, "n d"], sigmas: Sequence[float] = SIGMAS
) -> float:
    """The window width, of those offered, under which validation rows (not the test's!) are likeliest.

    Raises UserError for no widths or one <= 0, no samples, different widths of rows, or NaN.
    """
    check_pair(samples, validation, ("the samples", "the validation set"))
    if not sigmas:
        raise UserError("there are no window widths to choose from: give at least one")
    return sigmas[int(_log_densities(samples, validation, sigmas).mean(1).argmax())]


def parzen(
    samples: Float[Tensor, " m *d"], validation: Float[Tensor, " v *d"], test: Float[Tensor, " n *d"]
) -> tuple[float, float, float]:
    """The published procedure whole: mean log-likelihood of the test images and its standard error (nats), and sigma.

    Images or rows with pixels in [0, 1].  Sigma is the likeliest of ten, 0.1 to 1 in equal ratios, on the first
    1,000 validation images.  The published numbers have 10,000 samples and MNIST's 10,000 test images, its last
    10,000 training images being for validation: 225 +- 2 for the GAN of Goodfellow et al. 2014.

    Raises UserError for pixels outside of [0, 1], fewer than 2 test images, an empty set, different sizes, or NaN.
    """
    sets = {"samples": samples.flatten(1), "validation set": validation.flatten(1), "test set": test.flatten(1)}
    for what, rows in sets.items():
        if len(rows) and not (rows.is_floating_point() and bool(((rows >= 0) & (rows <= 1)).all())):
            raise UserError(f"the {what} must have float pixels in [0, 1]: a likelihood depends on the scale")
    fake, held_out, real = sets.values()
    sigma = parzen_sigma(fake, held_out[:VALIDATION])
    return *parzen_log_likelihood(fake, real, sigma), sigma


def _log_densities(
    samples: Float[Tensor, "m d"], rows: Float[Tensor, "n d"], sigmas: Sequence[float]
) -> Float[Tensor, "s n"]:
    if not all(0 < sigma < math.inf for sigma in sigmas):
        raise UserError(f"a window's width must be a positive number, not {min(sigmas)}")
    widths = torch.tensor(sigmas, dtype=torch.float64)[:, None]
    parts = []
    for queries in torch.split(rows, QUERIES):
        total = torch.full((len(sigmas), len(queries)), -math.inf, dtype=torch.float64)
        for _, squares in _squared_distances(queries, samples):
            for total_of_one, sigma in zip(total, sigmas, strict=True):  # in place: one block alive at a time
                block = torch.logsumexp(squares / (-2 * sigma**2), 1)
                torch.logaddexp(total_of_one, block, out=total_of_one)
        parts.append(total)
    normaliser = math.log(len(samples)) + samples.shape[1] * (widths.log() + math.log(2 * math.pi) / 2)
    return torch.cat(parts, 1) - normaliser


def _nearest(queries: Shaped[Tensor, "q d"], train: Shaped[Tensor, "m d"], k: int) -> Neighbours:
    squares = torch.empty(len(queries), 0, dtype=torch.float64)
    indices = torch.empty(len(queries), 0, dtype=torch.int64)
    for first, block in _squared_distances(queries, train):
        here, where = block.topk(min(k, block.shape[1]), largest=False)
        squares, indices = torch.cat([squares, here], 1), torch.cat([indices, where + first], 1)
        squares, order = squares.sort(dim=1, stable=True)
        squares, indices = squares[:, :k], indices.gather(1, order)[:, :k]
    return Neighbours(indices, squares.sqrt())


def _squared_distances(
    queries: Shaped[Tensor, "q d"], others: Shaped[Tensor, "m d"]
) -> Iterator[tuple[int, Float[Tensor, "q b"]]]:
    """Blocks of squared distances, each with the index of its first column."""
    size = max(1, min(len(others), 4096, BLOCK_BYTES // (8 * max(1, others.shape[1]))))
    a = queries.double()
    for first in range(0, len(others), size):
        b = others[first : first + size].double()
        yield first, (a.square().sum(1)[:, None] - 2 * a @ b.T + b.square().sum(1)).clamp_(min=0)
