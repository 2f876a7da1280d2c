"""Arithmetic on noise: Radford et al. 2015, arXiv:1511.06434, sections 6.3.2 and the turn vector of its figure 8.

    z = sum of the means of what is added - sum of the means of what is taken away
    neighbours  z + U(-0.25, 0.25)
    turn        the mean of what is turned to - the mean of what is turned from

A mean is of three samples or more: the authors found single ones unstable. A category, of which a row is one-hot,
becomes the greatest of its numbers.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import one_hot

from energan.engine.noise import Distribution

SPREAD = 0.25  # of neighbours, in the paper, whose noise is U(-1, 1)


def mean(rows: Float[Tensor, " n *d"], noise: Distribution) -> Float[Tensor, " 1 *d"]:
    """The mean of the rows; of a category, the most frequent one.

    >>> mean(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), Distribution("normal")).tolist()
    [[2.0, 3.0]]
    """
    return settled(rows.mean(0, keepdim=True), noise)


def combined(
    plus: Sequence[Float[Tensor, " n *d"]], minus: Sequence[Float[Tensor, " n *d"]], noise: Distribution
) -> Float[Tensor, " 1 *d"]:
    """The sum of the means of `plus`, less those of `minus`.

    >>> rows = [torch.tensor([[4.0], [6.0]]), torch.tensor([[1.0]])]
    >>> combined(rows, [torch.tensor([[2.0]])], Distribution("normal")).tolist()
    [[4.0]]
    """
    signs = [1] * len(plus) + [-1] * len(minus)
    means = torch.stack([s * rows.mean(0) for s, rows in zip(signs, [*plus, *minus], strict=True)])
    return settled(means.sum(0, keepdim=True), noise)


def neighbours(
    z: Float[Tensor, " 1 *d"], n: int, noise: Distribution, generator: torch.Generator, spread: float = SPREAD
) -> Float[Tensor, " n *d"]:
    """n points about z, each number moved by U(-spread, spread); a category stays as it is."""
    moved = torch.rand(n, *z.shape[1:], generator=generator, device=generator.device).to(z) * 2 * spread - spread
    return z + moved * (noise.kind != "category")


def turned(
    rows: Float[Tensor, " n *d"],
    away: Float[Tensor, " k *d"],
    towards: Float[Tensor, " m *d"],
    steps: int,
    noise: Distribution,
) -> Float[Tensor, "n steps *d"]:
    """Each row, moved along the turn vector: not at all first, by all of it last. A category stays as it is.

    >>> z, a, b = torch.tensor([[1.0]]), torch.tensor([[0.0], [2.0]]), torch.tensor([[5.0]])
    >>> turned(z, a, b, 3, Distribution("normal")).flatten().tolist()
    [1.0, 3.0, 5.0]
    """
    turn = (towards.mean(0) - away.mean(0)) * (noise.kind != "category")
    t = torch.linspace(0, 1, steps).to(rows).view(1, -1, *[1] * (rows.dim() - 1))
    return rows[:, None] + t * turn


def settled(z: Float[Tensor, " n *d"], noise: Distribution) -> Float[Tensor, " n *d"]:
    """The points as they are; of a category, one-hot rows of their greatest numbers."""
    return one_hot(z.argmax(1), z.shape[1]).to(z) if noise.kind == "category" else z
