"""Paths between points of a generator's noise.

    normal noise    z(t) = sin((1 - t) w) / sin w a + sin(t w) / sin w b,    w the angle between a and b
                    White 2016, arXiv:1609.04468: points keep the length that noise has; half-way along a straight line
                    they would be shorter by a factor of about sqrt 2
    other noise     z(t) = (1 - t) a + t b: a cube is convex
    a category      a: it has no points between

t goes from 0 to 1 in even steps.
"""

import math
from collections.abc import Callable, Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from energan.engine.noise import Distribution
from energan.utils.checks import positive
from energan.utils.errors import UserError


def spherical(
    a: Float[Tensor, " n *d"], b: Float[Tensor, " n *d"], t: Float[Tensor, " frames"]
) -> Float[Tensor, "n frames *d"]:
    """Points of the great circles from a to b. Where a and b lie on one line with 0, of the straight line.

    >>> a, b = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    >>> [round(x, 4) for x in spherical(a, b, torch.tensor([1 / 3]))[0, 0].tolist()]
    [0.866, 0.5]
    """
    u, v = a.flatten(1).double(), b.flatten(1).double()
    product = u.norm(dim=1) * v.norm(dim=1)
    cosine = torch.where(product > 0, (u * v).sum(1) / product.clamp(min=1e-300), 1.0)
    w = cosine.clamp(-1, 1).arccos()[:, None]
    s = t.double()[None]
    curved = w.sin() > 1e-4
    sine = torch.where(curved, w.sin(), 1.0)
    of_a = torch.where(curved, ((1 - s) * w).sin() / sine, 1 - s)
    of_b = torch.where(curved, (s * w).sin() / sine, s)
    points = of_a[:, :, None] * u[:, None] + of_b[:, :, None] * v[:, None]
    return points.to(a.dtype).unflatten(2, a.shape[1:])


def straight(
    a: Float[Tensor, " n *d"], b: Float[Tensor, " n *d"], t: Float[Tensor, " frames"]
) -> Float[Tensor, "n frames *d"]:
    """Points of the straight lines from a to b.

    >>> straight(torch.tensor([[0.0]]), torch.tensor([[4.0]]), torch.tensor([0.0, 0.25, 1.0])).flatten().tolist()
    [0.0, 1.0, 4.0]
    """
    return torch.lerp(a[:, None], b[:, None], t.to(a).view(1, -1, *[1] * (a.dim() - 1)))


def path(
    a: Float[Tensor, " n *d"], b: Float[Tensor, " n *d"], frames: int, noise: Distribution
) -> Float[Tensor, "n frames *d"]:
    """The path from a to b that suits their noise, both ends among its frames."""
    return points(a, b, torch.linspace(0, 1, frames, dtype=torch.float64, device=a.device), noise)


def points(
    a: Float[Tensor, " n *d"], b: Float[Tensor, " n *d"], t: Float[Tensor, " frames"], noise: Distribution
) -> Float[Tensor, "n frames *d"]:
    """The points of the path from a to b that suits their noise, at t from 0 to 1."""
    if noise.kind == "category":
        return a[:, None].repeat(1, len(t), *[1] * (a.dim() - 1))
    if noise.kind == "normal":
        return spherical(a - noise.mean, b - noise.mean, t) + noise.mean
    return straight(a, b, t)


def plane(
    corners: Float[Tensor, " 4 *d"], across: Float[Tensor, " k"], down: Float[Tensor, " m"], noise: Distribution
) -> Float[Tensor, "m k *d"]:
    """Points between four: of the paths from the one above to the one below, both on the way from left to right.

    corners: top left, top right, bottom left, bottom right. across, down: from 0 to 1.

    >>> corners = torch.tensor([[0.0], [1.0], [2.0], [3.0]])
    >>> plane(corners, torch.tensor([0.0, 0.5]), torch.tensor([0.0, 1.0]), Distribution("uniform")).squeeze(2).tolist()
    [[0.0, 0.5], [2.0, 2.5]]
    """
    top, bottom = (points(corners[i : i + 1], corners[i + 1 : i + 2], across, noise)[0] for i in (0, 2))
    return points(top, bottom, down, noise).transpose(0, 1)


def paths(
    first: Mapping[str, Tensor], last: Mapping[str, Tensor], frames: int, noise: Mapping[str, Distribution]
) -> dict[str, Float[Tensor, "n frames *d"]]:
    """The paths of each noise by its name; of one whose distribution is not given (conditions), straight."""
    unknown = Distribution("unknown")
    return {name: path(first[name], last[name], frames, noise.get(name, unknown)) for name in first}


def checked_truncation(psi: float | None, noise: Mapping[str, Distribution]) -> Callable[[str, Tensor], Tensor]:
    """(name, rows of that noise) -> the same, truncated where the noise is one of `noise`; psi None: as they are.

    UserError for a psi that is not above 0, noise of unknown distribution, and a psi that changes nothing.
    """
    if psi is None:
        return lambda name, z: z
    positive(truncation=psi)
    if unknown := [name for name, each in noise.items() if each.kind == "unknown"]:
        raise UserError(
            f"`truncation` is of normal or uniform noise, and {unknown[0]} of this run is neither: draw without it"
        )
    kinds = {each.kind for each in noise.values()}
    if kinds <= {"category"}:
        raise UserError("`truncation` is of normal or uniform noise, and this run has none")
    if psi >= math.sqrt(3) and "normal" not in kinds:
        raise UserError(
            f"`truncation` {psi:g} changes nothing: uniform noise reaches 1.73 standard deviations, so give less"
        )
    return lambda name, z: truncated(z, psi, noise[name]) if name in noise else z


def truncated(z: Float[Tensor, " n *d"], psi: float, noise: Distribution) -> Float[Tensor, " n *d"]:
    """The noise, of which no number is farther than psi standard deviations from its mean.

    Each number is moved along its distribution to where it has the same rank in the truncated one. So the result is
    distributed as if numbers beyond psi had been drawn again (Brock et al. 2018, arXiv:1809.11096, section 3.1), but
    each row is a more usual one of its own. Normal noise: erf(z' / sqrt 2) = erf(psi / sqrt 2) erf(z / sqrt 2).
    Uniform noise: z' = psi / sqrt 3 z; from psi = sqrt 3 on it stays as it is. A category stays as it is, too.

    >>> normal = Distribution("normal")
    >>> float(truncated(torch.tensor([[8.0]]), 0.5, normal)), float(truncated(torch.tensor([[0.0]]), 0.5, normal))
    (0.5, 0.0)
    """
    if noise.kind == "category":
        return z
    standard = (z.double() - noise.mean) / noise.deviation
    if noise.kind == "uniform":
        moved = standard * min(1.0, psi / math.sqrt(3))
    else:
        root = math.sqrt(2)
        moved = (root * torch.erfinv(math.erf(psi / root) * torch.erf(standard / root))).clamp(-psi, psi)
    return (noise.mean + noise.deviation * moved).to(z.dtype)
