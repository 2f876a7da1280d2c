"""Distances between two batches, which a generator can descend without a critic.

    feature matching   ||mean f(x) - mean f(G(z))||^2           Salimans et al. 2016, arXiv:1606.03498, section 3.1
    MMD^2              E k(x, x') + E k(y, y') - 2 E k(x, y)    Li, Swersky & Zemel 2015, arXiv:1502.02761;
                                                                Dziugaite et al. 2015, arXiv:1505.03906
    energy distance    2 E|x - y| - E|x - x'| - E|y - y'|       Székely & Rizzo 2013; Bouchacourt et al. 2016,
                                                                arXiv:1606.02556
    Sinkhorn           W_e(x, y) - W_e(x, x)/2 - W_e(y, y)/2    Genevay et al. 2018, arXiv:1706.00292;
                                                                Feydy et al. 2019, arXiv:1810.08278

x (n, *d) and y (m, *d) are flattened to rows; where ranks synchronise, to those of all ranks. ValueError where the two
differ in d: they would be broadcast.
"""

from collections.abc import Sequence
from math import log
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from energan.engine.cross_rank import gathered
from energan.engine.precision import wide

Number = Tensor | float


def _rows(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    if x.shape[1:] != y.shape[1:]:
        raise ValueError(f"samples of {tuple(x.shape[1:])} cannot be compared with samples of {tuple(y.shape[1:])}")
    return gathered(wide(x).flatten(1)), gathered(wide(y).flatten(1))


def _squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """||x_i - y_j||^2, (n, m). |x|^2 + |y|^2 - 2 x.y cancels for close points: the product is taken in float64.

    Where rounding left 0 or less, relu stops the gradient, even the infinite one of a root.
    """
    a, b = x.double(), y.double()
    squared = a.square().sum(1)[:, None] + b.square().sum(1) - 2 * a @ b.T
    return squared.relu().to(x.dtype)


def _gaussians(x: Tensor, y: Tensor, bandwidths: Sequence[float]) -> Tensor:
    squared = _squared_distances(x, y)
    return torch.stack([(squared / (-2 * s**2)).exp() for s in bandwidths]).sum(0)


def _mean_of_pairs(values: Tensor) -> Tensor:
    """The mean over i != j of an (n, n) matrix."""
    n = len(values)
    if n < 2:
        raise ValueError("an unbiased estimate needs at least 2 samples of each kind: its sum runs over pairs")
    return (values.sum() - values.diagonal().sum()) / (n * (n - 1))


def feature_matching(
    real: Float[Tensor, " n *d"], fake: Float[Tensor, " m *d"], power: Literal[1, 2] = 2
) -> Float[Tensor, ""]:
    """||mean f(x) - mean f(G(z))||^2.  Salimans et al. 2016, section 3.1.

    Args:
        real: f(x), (n, *d).
        fake: f(G(z)), (m, *d).
        power: 2, squares summed over features (the paper), or 1, the mean over features of the absolute difference (the
            authors' code on CIFAR-10).

    Returns:
        (), at least 0.

    >>> feature_matching(torch.tensor([[1.0], [3.0]]), torch.tensor([[5.0]]))
    tensor(9.)
    """
    real, fake = _rows(real, fake)
    difference = real.mean(0) - fake.mean(0)
    return difference.square().sum() if power == 2 else difference.abs().mean()


def kernel_mmd(
    x: Float[Tensor, " n *d"], y: Float[Tensor, " m *d"], bandwidths: Sequence[float], biased: bool = False
) -> Float[Tensor, ""]:
    """MMD^2 under k(a, b) = sum over bandwidths s of exp(-|a - b|^2 / (2 s^2)).  Li et al. 2015, eq. 3.

    Args:
        x: Samples, (n, *d).
        y: Samples, (m, *d).
        bandwidths: s > 0, in units of the samples.
        biased: The estimate that is at least 0, of which GMMN takes the root. Else the unbiased one: around 0, of
            either sign, for equal distributions.

    Returns:
        ().

    Raises:
        ValueError: Unbiased, of fewer than 2 samples of a kind.

    >>> kernel_mmd(torch.zeros(1, 1), torch.full((1, 1), 100.0), [1.0], biased=True)  # 1 + 1 - 2 * 0
    tensor(2.)
    """
    x, y = _rows(x, y)
    within = torch.mean if biased else _mean_of_pairs
    between = 2 * _gaussians(x, y, bandwidths).mean()
    return within(_gaussians(x, x, bandwidths)) + within(_gaussians(y, y, bandwidths)) - between


def energy_distance(x: Float[Tensor, " n *d"], y: Float[Tensor, " m *d"]) -> Float[Tensor, ""]:
    """2 E|x - y| - E|x - x'| - E|y - y'|, unbiased. Its gradient at points that coincide is 0.

    Args:
        x: Samples, (n, *d).
        y: Samples, (m, *d).

    Returns:
        (): around 0, of either sign, for equal distributions.

    Raises:
        ValueError: Fewer than 2 samples of a kind.

    >>> energy_distance(torch.zeros(2, 1), torch.ones(2, 1))
    tensor(2.)
    """
    x, y = _rows(x, y)
    xy, xx, yy = (_squared_distances(a, b).sqrt() for a, b in ((x, y), (x, x), (y, y)))
    return 2 * xy.mean() - _mean_of_pairs(xx) - _mean_of_pairs(yy)


def _soft_minimum(cost: Tensor, potential: Tensor, epsilon: Number) -> Tensor:
    """-e log mean_j exp((g_j - C_ij) / e): the best f_i against g."""
    return -epsilon * (((potential - cost) / epsilon).logsumexp(1) - log(cost.shape[1]))


def _transport(cost: Tensor, f: Tensor, g: Tensor, epsilon: Number) -> Tensor:
    """The dual of entropic transport at the potentials f and g: W_e where they are the best, else below it."""
    return f.mean() + g.mean() + epsilon * (1 - ((f[:, None] + g - cost) / epsilon).exp().mean())


def _schedule(cost: Tensor, epsilon: Number, iterations: int) -> list[Tensor]:
    """From the largest cost down to epsilon over half of the iterations, geometrically; then epsilon."""
    ratio = (cost.amax() / epsilon).clamp(min=1)
    return [epsilon * ratio ** max(0.0, 1 - 2 * k / iterations) for k in range(iterations)]


def _between(cost: Tensor, epsilon: Number, iterations: int) -> Tensor:
    c = cost.detach()
    f, g = torch.zeros_like(c[:, 0]), torch.zeros_like(c[0])
    for e in _schedule(c, epsilon, iterations):
        g = _soft_minimum(c.T, f, e)
        f = _soft_minimum(c, g, e)
    return _transport(cost, f, g, epsilon)


def _within(cost: Tensor, epsilon: Number, iterations: int) -> Tensor:
    """Both potentials are the same one: averaged steps, which in the end halve its error at least (Feydy et al.)."""
    c = cost.detach()
    f = torch.zeros_like(c[0])
    for e in _schedule(c, epsilon, iterations):
        f = (f + _soft_minimum(c, f, e)) / 2
    return _transport(cost, f, _soft_minimum(c, f, epsilon), epsilon)


def sinkhorn(
    x: Float[Tensor, " n *d"], y: Float[Tensor, " m *d"], epsilon: Number, iterations: int = 50
) -> Float[Tensor, ""]:
    """The debiased Sinkhorn divergence of cost |x - y|^2 / 2.  Feydy et al. 2019, arXiv:1810.08278.

    W_e = min over plans of <plan, cost> + e KL(plan || product), by `iterations` of Sinkhorn's steps on the logarithms
    of the potentials, e falling from the largest cost to epsilon in the first half. The potentials are then constants,
    and the gradient flows through the cost (the envelope theorem): exact once they have converged, first derivatives
    only.

    Args:
        x: Samples, (n, *d).
        y: Samples, (m, *d).
        epsilon: Above 0, in units of the cost.
        iterations: At least 1; a small epsilon needs more.

    Returns:
        (), at least 0, and 0 for x = y.

    >>> sinkhorn(torch.zeros(1, 1), torch.full((1, 1), 2.0), 1.0)  # one point moves by 2: 2^2 / 2
    tensor(2.)
    """
    x, y = _rows(x, y)
    xy, xx, yy = (_squared_distances(a, b) / 2 for a, b in ((x, y), (x, x), (y, y)))
    within = _within(xx, epsilon, iterations) + _within(yy, epsilon, iterations)
    return _between(xy, epsilon, iterations) - within / 2
