"""f-divergences and their variational bounds.  Nowozin, Cseke & Tomioka 2016, arXiv:1606.00709, its tables.

    D_f(P||Q) = E_Q[f(p(x)/q(x))] >= F = E_P[T(x)] - E_Q[f*(T(x))]     eq. 4;  f*(t) = sup_u (u t - f(u))
    T(x) = g(V(x)), V any real number                                   section 2.4;  equal for T = f'(p/q)

P is the data, Q the generator; V ascends F, G descends it. x is taken for real where T(x) > f'(1), the threshold.

Rows are the paper's, less two constants: D_f is 0 for P = Q in every row but "gan" (-log 4), and "jensen-shannon" is
twice the usual JSD. "pearson" and "total-variation" have f* of the whole line: for t < -2 and t < -1/2, where no best
critic is, u < 0 would attain it. Logarithms are natural, divergences in nats.

NOTE: where e^V or e^-V would overflow, V beyond 30 or below -30 is bent to +-(30 + log(1 + |V| - 30)), which
makes a line of the exponential: values and gradients stay finite. Elsewhere nothing changes.
Two families have a parameter: `weighted_jensen_shannon` and `alpha_divergence`.
"""

from collections.abc import Callable
from math import log
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import softplus

from energan.engine.precision import wide

Elementwise = Callable[[Tensor], Tensor]

BEND = 30.0  # of |V|


class Divergence(NamedTuple):
    """One row of the table; all functions are elementwise and keep shape and dtype.

    f           of the density ratio u >= 0
    conjugate   f* of t, in its domain (the range of the activation)
    activation  g, increasing, from the critic's output v to t
    composed    f*(g(v)), written to be stable where f* alone would not be
    threshold   f'(1)

    >>> DIVERGENCES["kl"].f(torch.tensor([1.0]))  # nothing diverges where the densities are equal
    tensor([0.])
    """

    f: Elementwise
    conjugate: Elementwise
    activation: Elementwise
    composed: Elementwise
    threshold: float


def _bent(v: Tensor, power: float = 1.0) -> Tensor:
    """v, bent so that e^(power v) becomes a line where it would overflow."""
    at = BEND / power
    above = (power * (v - at)).relu().log1p() / power
    return torch.where(v > at, at + above, v)  # clamp's gradient at the bend differs between versions of torch


def _bent_below(v: Tensor) -> Tensor:
    return -_bent(-v)


def _jeffrey_conjugate(t: Tensor) -> Tensor:
    """w + 1/w + t - 2 with w = W(e^(1-t)), Lambert's function; in y = log w, where y + e^y = 1 - t: e^-y - 1 - y.

    Newton's steps in y neither over- nor underflow. They descend to the root from a start above it; six leave an
    error below 1e-15, and are differentiated as they are.
    """
    c = 1 - t
    y = torch.where(c > 1, c.clamp(min=1).log(), c)
    for _ in range(6):
        w = y.exp()
        y = y - (y + w - c) / (1 + w)
    return (-y).expm1() - y


DIVERGENCES: dict[str, Divergence] = {
    "kl": Divergence(
        f=lambda u: torch.xlogy(u, u),
        conjugate=lambda t: (t - 1).exp(),
        activation=_bent,
        composed=lambda v: (_bent(v) - 1).exp(),
        threshold=1.0,
    ),
    "reverse-kl": Divergence(
        f=lambda u: -u.log(),
        conjugate=lambda t: -1 - (-t).log(),
        activation=lambda v: -(-_bent_below(v)).exp(),
        composed=lambda v: _bent_below(v) - 1,
        threshold=-1.0,
    ),
    "pearson": Divergence(
        f=lambda u: (u - 1).square(),
        conjugate=lambda t: t.square() / 4 + t,
        activation=lambda v: v,
        composed=lambda v: v.square() / 4 + v,
        threshold=0.0,
    ),
    "neyman": Divergence(
        f=lambda u: (1 - u).square() / u,
        conjugate=lambda t: 2 - 2 * (1 - t).sqrt(),
        activation=lambda v: -(-_bent_below(v)).expm1(),
        composed=lambda v: -2 * (-_bent_below(v) / 2).expm1(),
        threshold=0.0,
    ),
    "squared-hellinger": Divergence(
        f=lambda u: (u.sqrt() - 1).square(),
        conjugate=lambda t: t / (1 - t),
        activation=lambda v: -(-_bent_below(v)).expm1(),
        composed=lambda v: _bent(_bent_below(v)).expm1(),
        threshold=0.0,
    ),
    "jeffrey": Divergence(
        f=lambda u: (u - 1) * u.log(),
        conjugate=_jeffrey_conjugate,
        activation=_bent,
        composed=lambda v: _jeffrey_conjugate(_bent(v)),
        threshold=0.0,
    ),
    "jensen-shannon": Divergence(
        f=lambda u: torch.xlogy(u, u) - torch.xlogy(u + 1, (1 + u) / 2),
        conjugate=lambda t: -(2 - t.exp()).log(),
        activation=lambda v: log(2) - softplus(-v),
        composed=lambda v: softplus(v) - log(2),
        threshold=0.0,
    ),
    "gan": Divergence(
        f=lambda u: torch.xlogy(u, u) - torch.xlogy(u + 1, u + 1),
        conjugate=lambda t: -(-t.expm1()).log(),
        activation=lambda v: -softplus(-v),
        composed=softplus,
        threshold=-log(2),
    ),
    "total-variation": Divergence(
        f=lambda u: (u - 1).abs() / 2,
        conjugate=lambda t: t,
        activation=lambda v: v.tanh() / 2,
        composed=lambda v: v.tanh() / 2,
        threshold=0.0,  # a kink: the middle of [-1/2, 1/2]
    ),
}


def weighted_jensen_shannon(pi: float) -> Divergence:
    """pi KL(P||M) + (1 - pi) KL(Q||M), M = pi P + (1 - pi) Q; the paper's appendix. pi in (0, 1); 1/2 is the usual JSD.

    >>> weighted_jensen_shannon(0.5).f(torch.tensor([1.0, 3.0]))  # half of the row "jensen-shannon"
    tensor([0.0000, 0.2616])
    """

    def exponent(v: Tensor) -> Tensor:
        return softplus(-_bent(v)) / pi  # -log sigmoid(v) / pi

    return Divergence(
        f=lambda u: pi * torch.xlogy(u, u) - torch.xlogy(1 - pi + pi * u, 1 - pi + pi * u),
        conjugate=lambda t: (1 - pi) * (log(1 - pi) - (-((t / pi + log(pi)).expm1())).log()),
        activation=lambda v: -pi * log(pi) - softplus(-_bent(v)),
        composed=lambda v: (1 - pi) * (log(1 - pi) - (-((-exponent(v)).expm1())).log()),
        threshold=0.0,
    )


def alpha_divergence(alpha: float) -> Divergence:
    """(E_Q[(p/q)^alpha] - 1) / (alpha (alpha - 1)); the paper's appendix. alpha is not 0 nor 1, its limits (two KLs).

    2 is half of Pearson's, 1/2 four times half the squared Hellinger distance, -1 half of Neyman's.

    >>> alpha_divergence(2.0).f(torch.tensor([1.0, 3.0]))
    tensor([0., 2.])
    """
    power = alpha / (alpha - 1)

    def conjugate(t: Tensor) -> Tensor:
        return ((1 + (alpha - 1) * t).relu() ** power - 1) / alpha

    if alpha > 1:
        return Divergence(
            f=lambda u: (u**alpha - 1 - alpha * (u - 1)) / (alpha * (alpha - 1)),
            conjugate=conjugate,
            activation=lambda v: v,
            composed=conjugate,
            threshold=0.0,
        )

    def less(v: Tensor) -> Tensor:
        return softplus(-_bent(v, max(1.0, abs(power))))

    return Divergence(
        f=lambda u: (u**alpha - 1 - alpha * (u - 1)) / (alpha * (alpha - 1)),
        conjugate=conjugate,
        activation=lambda v: 1 / (1 - alpha) - less(v),
        composed=lambda v: (((1 - alpha) * less(v)) ** power - 1) / alpha,
        threshold=0.0,
    )


FAMILIES: dict[str, Callable[[float], Divergence]] = {
    "weighted-jensen-shannon": weighted_jensen_shannon,
    "alpha": alpha_divergence,
}


def divergence_of(name: str, parameter: float | None = None) -> Divergence:
    """The row of that name, or the member of that family.

    >>> divergence_of("alpha", 2.0).f(torch.tensor([3.0]))
    tensor([2.])
    """
    return DIVERGENCES[name] if parameter is None else FAMILIES[name](parameter)


def variational(divergence: Divergence, real: Float[Tensor, " n"], fake: Float[Tensor, " m"]) -> Float[Tensor, ""]:
    """F = E_P[g(V(x))] - E_Q[f*(g(V(x)))], eq. 4 and section 2.4: V ascends it, G descends it.

    Args:
        divergence: One of DIVERGENCES.
        real: V(x), (n,), any numbers.
        fake: V(G(z)), (m,).

    Returns:
        F, (): at most D_f(P||Q), but for sampling.

    >>> variational(DIVERGENCES["gan"], torch.zeros(2), torch.zeros(2))  # - log 4
    tensor(-1.3863)
    """
    return divergence.activation(wide(real)).mean() - divergence.composed(wide(fake)).mean()


def divergence_trick(divergence: Divergence, fake: Float[Tensor, " m"]) -> Float[Tensor, ""]:
    """E_Q[g(V(x))], section 3.2: what G ascends in place of descending F, with a gradient where V is sure.

    Of total variation, whose f*(t) is t, both are the same, and vanish there.

    Args:
        divergence: One of DIVERGENCES.
        fake: V(G(z)), (m,).

    Returns:
        ().

    >>> divergence_trick(DIVERGENCES["pearson"], torch.tensor([1.0, 3.0]))
    tensor(2.)
    """
    return divergence.activation(wide(fake)).mean()
