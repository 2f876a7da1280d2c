"""f-divergences between densities on the line, exactly, and the Gaussian that is best by each of them.

    D_f(P||Q) = integral q(x) f(p(x)/q(x)) dx          P the data, Q the model, in nats

A log-density takes rows (n, 1) and gives (n,), as `energan.data.toys.Mixture.log_density` does.  The sum is the
trapezoid's, in float64: for smooth densities that vanish at both ends its error is far below 1e-9.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float64
from torch import Tensor
from torch.func import grad_and_value, vmap

from energan.losses.f_divergence import DIVERGENCES
from energan.utils.errors import UserError

LogDensity = Callable[[Tensor], Tensor]  # rows (n, 1) -> nats (n,)

LOW, HIGH, POINTS = -20.0, 20.0, 8001

STEEPEST = 300.0  # |ln p/q| beyond which the ratio is taken for e^300: its square is still a float64

LOST = 1e-3  # of a density's mass, which may lie outside of [low, high] or between the points


class BestGaussian(NamedTuple):
    """N(mu, sigma^2) of least divergence from the target."""

    mu: float
    sigma: float
    divergence: float


def gaussian(mu: float | Tensor, sigma: float | Tensor) -> LogDensity:
    """ln N(x; mu, sigma^2) of rows (n, 1)."""
    sigma = torch.as_tensor(sigma, dtype=torch.float64)
    return lambda x: -((x[:, 0] - mu) / sigma).square() / 2 - sigma.log() - math.log(2 * math.pi) / 2


def divergence(
    p_log_density: LogDensity,
    q_log_density: LogDensity,
    f: str | Callable[[Tensor], Tensor],
    low: float = LOW,
    high: float = HIGH,
    points: int = POINTS,
) -> float:
    """D_f(P||Q) in nats; f is a row of `energan.losses.f_divergence.DIVERGENCES` or a convex function of the ratio p/q.

    Where p/q is beyond e^+-300, it is taken for that. An infinite divergence comes out as a huge number, or, where it
    diverges only far out, as what lies within the range: widen it to see.

    Raises UserError for an unknown name, a range or number of points that is none, or a density that is not
    normalised on the points (less than all but 1e-3 of its mass lies there, or it is narrower than their spacing).
    """
    x = _points(low, high, points)
    log_p = _checked(p_log_density, x, "the data's")
    log_q = _checked(q_log_density, x, "the model's")
    return float(_integral(log_p, log_q, _function(f), x))


def best_gaussian(
    name: str, target: LogDensity, low: float = LOW, high: float = HIGH, points: int = POINTS
) -> BestGaussian:
    """The Gaussian of least divergence `name` (a row of DIVERGENCES) from the target: where G(z) = mu + sigma z ends.

    The best of 17 x 13 starts, descended by L-BFGS to a gradient below 1e-9 (with a kink, as in total variation, to
    what the spacing of the points resolves).  Raises UserError as `divergence` does.
    """
    x, f = _points(low, high, points), _function(name)
    log_p = _checked(target, x, "the target's")

    def loss(theta: Tensor) -> Tensor:  # theta: mu, ln sigma
        return _integral(log_p, gaussian(theta[0], theta[1].exp())(x), f, x)

    mean = torch.trapezoid(log_p.exp() * x[:, 0], x[:, 0])
    spread = torch.trapezoid(log_p.exp() * (x[:, 0] - mean).square(), x[:, 0]).sqrt()
    mus = mean + spread * torch.linspace(-2, 2, 17, dtype=torch.float64)
    starts = torch.cartesian_prod(mus, spread.log() + torch.linspace(-2.4, 0.8, 13, dtype=torch.float64))
    theta = starts[vmap(loss, chunk_size=32)(starts).argmin()]
    optimizer = torch.optim.LBFGS(
        [theta], max_iter=200, tolerance_grad=1e-9, tolerance_change=1e-14, line_search_fn="strong_wolfe"
    )

    def closure() -> float:
        theta.grad, value = grad_and_value(loss)(theta)
        return float(value)

    optimizer.step(closure)
    return BestGaussian(float(theta[0]), float(theta[1].exp()), float(loss(theta)))


def cross_divergences(
    names: Sequence[str], target: LogDensity, low: float = LOW, high: float = HIGH, points: int = POINTS
) -> Float64[Tensor, "k k"]:
    """[i, j]: the divergence names[j] of the Gaussian that is best by names[i].  Each column's least is its diagonal.

    Raises UserError as `divergence` does.
    """
    best = [best_gaussian(name, target, low, high, points) for name in names]
    rows = [[divergence(target, gaussian(q.mu, q.sigma), name, low, high, points) for name in names] for q in best]
    return torch.tensor(rows, dtype=torch.float64)


def _integral(
    log_p: Float64[Tensor, " n"], log_q: Float64[Tensor, " n"], f: Callable[[Tensor], Tensor], x: Float64[Tensor, "n 1"]
) -> Float64[Tensor, ""]:
    ratio = log_p - log_q
    # Where q underflows, q f(u) is 0 inf; p f(u)/u is the same number.  Each side is clamped to its own half, so
    # that the other, unused, has no gradient of NaN.
    large, small = ratio.clamp(0, STEEPEST).exp(), ratio.clamp(-STEEPEST, 0).exp()
    density = torch.where(ratio > 0, log_p.exp() * (f(large) / large), log_q.exp() * f(small))
    return torch.trapezoid(density, x[:, 0])


def _points(low: float, high: float, points: int) -> Float64[Tensor, "n 1"]:
    if not (-math.inf < low < high < math.inf and points >= 2):
        raise UserError(f"a quadrature needs low < high and 2 points or more, not {low}, {high} and {points}")
    return torch.linspace(low, high, points, dtype=torch.float64)[:, None]


def _checked(log_density: LogDensity, x: Float64[Tensor, "n 1"], whose: str) -> Float64[Tensor, " n"]:
    values = log_density(x)
    mass = float(torch.trapezoid(values.exp(), x[:, 0]))
    if not abs(mass - 1) <= LOST:
        raise UserError(
            f"{whose} density sums to {mass:.4g} over {len(x)} points from {float(x[0])} to {float(x[-1])}, not to 1: "
            "widen the range, or take more points if the density is narrow"
        )
    return values


def _function(f: str | Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    if not isinstance(f, str):
        return f
    if f not in DIVERGENCES:
        raise UserError(f"there is no divergence {f!r}: choose one of {', '.join(DIVERGENCES)}")
    return DIVERGENCES[f].f
