"""Nearest neighbours by L2 distance, and the squared distances that Parzen windows are made of.

Everything goes in blocks, so that 10,000 x 60,000 pairs need tens of MB.  Products are float64: the squared
distance of 8-bit images is then an exact whole number, and a copy is at distance 0.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from energan.utils.errors import UserError

QUERIES = 500  # rows compared at once

BLOCK_BYTES = 32 * 2**20  # of the other side's rows in float64


class Neighbours(NamedTuple):
    """The k nearest rows of each query, nearest first."""

    indices: Int[Tensor, "n k"]
    distances: Float[Tensor, "n k"]


def nearest_neighbours(images: Shaped[Tensor, "n ..."], train: Shaped[Tensor, "m ..."], k: int = 1) -> Neighbours:
    """The k nearest training rows of each image by L2 distance, in the unit of the tensors' entries.

    Args:
        images: uint8 images for pixel distance (grey levels of 255), or their features (n, d) for a network's.
        train: the rows to search, of the same shape and dtype.
        k: neighbours an image.

    Returns:
        Indices int64 (n, k) and distances float64 (n, k), nearest first.

    Raises:
        UserError: for different shapes or dtypes, no images, NaN, or k outside 1..m.

    Example:
        >>> train = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
        >>> nearest_neighbours(torch.zeros(1, 2), train, k=2).distances.tolist()
        [[0.0, 5.0]]
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
    nearest = [_nearest(queries, train.flatten(1), k) for queries in torch.split(images.flatten(1), QUERIES)]
    return Neighbours(torch.cat([part.indices for part in nearest]), torch.cat([part.distances for part in nearest]))


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


NEAR = 50  # rows that a copy is measured by

COPY = 0.5  # of their mean distance


class Copies(NamedTuple):
    """The nearest rows of each query, and whether it is a copy of the first of them."""

    nearest: Neighbours
    ratios: Float[Tensor, " n"]  # distance to the nearest row, divided by the mean distance to the 50 nearest
    copies: Bool[Tensor, " n"]


def copies(images: Shaped[Tensor, "n ..."], train: Shaped[Tensor, "m ..."], *, itself: bool = False) -> Copies:
    """Which images are copies of a training row: those far nearer to it than to the other rows about it.

        d(x, first) / mean of d(x, i) over the 50 nearest i < 0.5      Carlini et al. 2023, arXiv:2301.13188, section 4

    So where training rows lie densely, an image must be nearer to one of them to be its copy.

    Args:
        images: as `nearest_neighbours` takes them.
        train: the rows to search, two or more; 50 of them if there are as many.
        itself: whether the images are training rows: the first row at distance 0 is the image itself, and left out.

    Example:
        >>> train = torch.tensor([[0.0], [10.0], [20.0]])
        >>> copies(torch.tensor([[0.1], [4.0]]), train).copies.tolist()
        [True, False]
    """
    if len(train) < 2 + itself:
        raise UserError(f"copies are looked for among {2 + itself} training images or more, not {len(train)}")
    found = nearest_neighbours(images, train, min(NEAR + itself, len(train)))
    if itself:
        found = Neighbours(found.indices[:, 1:], found.distances[:, 1:])
    ratios = found.distances[:, 0] / found.distances.mean(1).clamp(min=1e-12)
    return Copies(found, ratios, ratios < COPY)
