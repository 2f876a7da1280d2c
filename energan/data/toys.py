"""Toy distributions whose density is known, so that a game's result can be measured exactly.

TOYS["ring"]() is a distribution; `source(ring(), batch=256, seed=0)` is the data of a game, k -> {"x": (256, 2)}.
"""

import math
from collections.abc import Callable
from typing import NamedTuple, Protocol, final

import torch
from jaxtyping import Float, Float32, Float64
from torch import Tensor

from energan.utils.checks import at_least
from energan.utils.errors import UserError


class Distribution(Protocol):
    """A toy that can be sampled."""

    def sample(self, generator: torch.Generator, n: int) -> Float32[Tensor, "n d"]: ...


class Mixture(NamedTuple):
    """Isotropic Gaussians, sum_i w_i N(mean_i, std_i^2 I), in float64."""

    means: Float64[Tensor, "k d"]
    stds: Float64[Tensor, " k"]
    weights: Float64[Tensor, " k"]  # they sum to 1

    def sample(self, generator: torch.Generator, n: int) -> Float32[Tensor, "n d"]:
        """n rows at random, float32, on the CPU."""
        u = torch.rand(n, generator=generator, dtype=torch.float64)
        mode = torch.bucketize(u, self.weights.cumsum(0)[:-1])
        noise = torch.randn(n, self.means.shape[1], generator=generator)
        means, stds = (each.float().index_select(0, mode) for each in (self.means, self.stds))
        return torch.addcmul(means, stds[:, None], noise)

    def log_density(self, x: Float[Tensor, "n d"]) -> Float64[Tensor, " n"]:
        """ln p(x) in nats, float64; finite however far x is."""
        squares = (x.double()[:, None] - self.means).square().sum(2)  # (n, k)
        normaliser = self.means.shape[1] * (self.stds.log() + math.log(2 * math.pi) / 2)
        return torch.logsumexp(self.weights.log() - normaliser - squares / (2 * self.stds.square()), 1)

    def rescaled(self, factor: float) -> "Mixture":
        """The distribution of factor * x."""
        return self._replace(means=self.means * factor, stds=self.stds * abs(factor))


class SwissRoll(NamedTuple):
    """(t cos t, t sin t) / divisor with t ~ U(1.5 pi, 4.5 pi), and Gaussian noise on it; its density has no formula."""

    noise: float  # standard deviation before the division
    divisor: float

    def sample(self, generator: torch.Generator, n: int) -> Float32[Tensor, "n 2"]:
        """n rows at random, float32, on the CPU."""
        t = torch.rand(n, generator=generator).mul_(3 * math.pi).add_(1.5 * math.pi)
        curve = torch.stack([t * t.cos(), t * t.sin()], 1)
        return (curve + self.noise * torch.randn(n, 2, generator=generator)) / self.divisor

    def rescaled(self, factor: float) -> "SwissRoll":
        """The distribution of factor * x, factor > 0."""
        return self._replace(divisor=self.divisor / factor)


def mixture(
    means: Float[Tensor, "k d"], std: float | Float[Tensor, " k"], weights: Float[Tensor, " k"] | None = None
) -> Mixture:
    """A mixture of isotropic Gaussians.

    Args:
        means: (k, d).
        std: standard deviations, one for all or (k,).
        weights: (k,), divided by their sum; equal by default.

    Returns:
        The mixture, in float64.

    Raises:
        UserError: for no means, or deviations or weights that are not positive numbers.

    Example:
        >>> two = mixture(torch.tensor([[0.0], [4.0]]), 1.0)
        >>> round(float(two.log_density(torch.tensor([[0.0]])).exp()), 4)
        0.1995
    """
    k = len(means)
    shares = torch.ones(k, dtype=torch.float64) if weights is None else weights.double()
    stds = torch.as_tensor(std, dtype=torch.float64).expand(k).contiguous()
    if means.ndim != 2 or k == 0 or not bool(means.isfinite().all()) or shares.shape != (k,):
        raise UserError(f"a mixture needs finite means (k, d) and k weights, not {(*means.shape,)}, {(*shares.shape,)}")
    if not bool((torch.stack([stds, shares]).isfinite() & (torch.stack([stds, shares]) > 0)).all()):
        raise UserError("a mixture's standard deviations and weights must be positive numbers")
    return Mixture(means.double(), stds, shares / shares.sum())


def ring(modes: int = 8, radius: float = 1.0, std: float = 0.01) -> Mixture:
    """Gaussians at equal angles, the first at (radius, 0).  VEEGAN's and PacGAN's numbers (arXiv:1712.04086).

    Example:
        >>> tuple(ring().sample(torch.Generator().manual_seed(0), 5).shape)
        (5, 2)
    """
    angle = torch.arange(modes, dtype=torch.float64) * (2 * math.pi / max(modes, 1))
    return mixture(radius * torch.stack([angle.cos(), angle.sin()], 1), std)


def ring_unrolled_notebook() -> Mixture:
    """The ring of unrolled GANs' published notebook: eight angles from 0 to 2 pi, *both* of them.

    So there are seven modes, 2 pi / 7 apart, of which the first is drawn twice as often: radius 1, std 0.01.
    """
    return ring(modes=7)._replace(weights=torch.tensor([2.0, 1, 1, 1, 1, 1, 1], dtype=torch.float64) / 8)


def ring_unrolled_paper() -> Mixture:
    """The ring of the unrolled GAN paper's appendix (arXiv:1611.02163): eight modes, radius 2, std 0.02."""
    return ring(radius=2.0, std=0.02)


def ring_wgan_gp() -> Mixture:
    """WGAN-GP's ring (arXiv:1704.00028, its code): radius 2, std 0.02, all divided by 1.414."""
    return ring(radius=2.0, std=0.02).rescaled(1 / 1.414)


def grid(side: int = 5, spacing: float = 2.0, std: float = 0.05) -> Mixture:
    """side x side Gaussians around the origin.  VEEGAN's and PacGAN's numbers (arXiv:1712.04086, section 4.1)."""
    ticks = (torch.arange(side, dtype=torch.float64) - (side - 1) / 2) * spacing
    return mixture(torch.cartesian_prod(ticks, ticks), std)


def grid_wgan_gp() -> Mixture:
    """WGAN-GP's grid (arXiv:1704.00028, its code): 5 x 5, all divided by 2.828."""
    return grid().rescaled(1 / 2.828)


def two_gaussians() -> Mixture:
    """0.67 N(2, 2) + 0.33 N(-1, 0.255^2) on the line, the second argument being the variance.

    f-GAN (arXiv:1606.00709, section 2) does not state its target: a reading, which gives its exact fits as known.
    """
    stds = torch.tensor([math.sqrt(2), 0.255], dtype=torch.float64)
    return mixture(torch.tensor([[2.0], [-1.0]]), stds, torch.tensor([0.67, 0.33], dtype=torch.float64))


def swiss_roll(noise: float = 0.25, divisor: float = 7.5) -> SwissRoll:
    """WGAN-GP's swiss roll (arXiv:1704.00028, its code): scikit-learn's without its height, divided by 7.5."""
    if not (noise >= 0 and divisor > 0):
        raise UserError(f"a swiss roll needs noise >= 0 and a divisor > 0, not {noise} and {divisor}")
    return SwissRoll(noise, divisor)


TOYS: dict[str, Callable[[], Mixture | SwissRoll]] = {
    "ring": ring,
    "ring-unrolled-notebook": ring_unrolled_notebook,
    "ring-unrolled-paper": ring_unrolled_paper,
    "ring-wgan-gp": ring_wgan_gp,
    "grid": grid,
    "grid-wgan-gp": grid_wgan_gp,
    "two-gaussians": two_gaussians,
    "swiss-roll": swiss_roll,
}


@final
class Draws:
    """`Draws(distribution, batch, seed)(k)`: the k-th batch of fresh rows, a pure function of (seed, k)."""

    def __init__(self, distribution: Distribution, batch: int, seed: int) -> None:
        at_least(1, batch=batch)
        self.distribution, self.batch, self.seed = distribution, batch, seed

    def __call__(self, k: int) -> dict[str, Tensor]:
        """{"x": float32 (batch, d)}."""
        if k < 0:
            raise IndexError(f"batches are numbered from 0, not {k}")
        generator = torch.Generator().manual_seed(_mixed(self.seed, k))
        return {"x": self.distribution.sample(generator, self.batch)}


def _mixed(seed: int, k: int) -> int:
    """64 bits that depend on all of both (SplitMix64's finaliser).  NumPy's SeedSequence would take 7 of 30 us."""
    word = 2**64 - 1
    x = (seed * 0x9E3779B97F4A7C15 + k * 0xD1B54A32D192ED03) & word
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & word
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & word
    return x ^ (x >> 31)


def source(distribution: Distribution, batch: int, seed: int) -> Draws:
    """The data of a game on a toy, an `energan.engine.game.Source`: a pure function of (seed, k).

    Args:
        distribution: what to sample.
        batch: rows a batch, 1 or more.
        seed: of all batches.

    Returns:
        k -> {"x": float32 (batch, d)}.

    Raises:
        UserError: for a batch below 1.

    Example:
        >>> batches = source(grid(), batch=4, seed=0)
        >>> tuple(batches(7)["x"].shape), bool((batches(7)["x"] == batches(7)["x"]).all())
        ((4, 2), True)
    """
    return Draws(distribution, batch, seed)
