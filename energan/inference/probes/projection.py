"""The noise that draws an image most like a given one, by gradient descent.

    z* = argmin  mean |G(z) - x|^2 + w mean_l |f_l(G(z)) - f_l(x)|^2 / |f_l(x)|^2       z within what is ever drawn

f_l: layers of a network's features. A category among the noise is not moved: it is that of the start.
"""

from collections.abc import Callable, Mapping, Sequence
from math import cos, pi

import torch
from jaxtyping import Float
from torch import Tensor

Noise = dict[str, Tensor]  # by name, a row for each image

RATE = 0.05  # of Adam, falling to 0 by half a cosine


def bounds(rows: Tensor) -> tuple[Tensor, Tensor]:
    """The least and the greatest of each number that was drawn."""
    return rows.amin(0), rows.amax(0)


def is_category(rows: Tensor) -> bool:
    """Whether each row is one-hot.

    >>> is_category(torch.eye(3)), is_category(torch.rand(3, 3))
    (True, False)
    """
    return rows.dim() == 2 and bool(((rows == 0) | (rows == 1)).all()) and bool((rows.sum(1) == 1).all())


def nearest(drawn: Float[Tensor, "m c h w"], targets: Float[Tensor, "n c h w"], k: int) -> Float[Tensor, "n k"]:
    """The k drawn images nearest to each target by pixels, as indices."""
    return torch.cdist(targets.flatten(1), drawn.flatten(1)).topk(min(k, len(drawn)), largest=False).indices


def distance(
    images: Float[Tensor, "n c h w"],
    targets: Float[Tensor, "n c h w"],
    features: Callable[[Tensor], Sequence[Tensor]] | None,
    weight: float,
) -> Float[Tensor, " n"]:
    """What is made small, of each image: the mean square difference of pixels, and that of features relative to theirs.

    >>> zero, one = torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2)
    >>> distance(zero, one, lambda x: [2 * x], 0.5).tolist()
    [1.5]
    """
    total = (images - targets).square().flatten(1).mean(1)
    if features is None or not weight:
        return total
    with torch.no_grad():
        wanted = [layer.flatten(1) for layer in features(targets)]
    parts = [
        (layer.flatten(1) - known).square().mean(1) / known.square().mean(1).clamp(min=1e-12)
        for layer, known in zip(features(images), wanted, strict=True)
    ]
    return total + weight * torch.stack(parts).mean(0)


def descend(
    draw: Callable[[Mapping[str, Tensor]], Float[Tensor, "n c h w"]],
    start: Mapping[str, Tensor],
    within: Mapping[str, tuple[Tensor, Tensor]],
    far: Callable[[Float[Tensor, "n c h w"]], Float[Tensor, " n"]],
    steps: int,
) -> tuple[Noise, Float[Tensor, " n"]]:
    """The best noise on the way down from `start`, row by row, and how far its images are.

    draw: noise -> images; rows do not depend on each other. within: the bounds of the noise that moves; all else stays.
    far: what is made small.
    """
    fixed = {name: rows for name, rows in start.items() if name not in within}
    moved = {name: start[name].clone().requires_grad_(True) for name in within}
    best = {name: rows.detach().clone() for name, rows in moved.items()}
    least = torch.full((len(next(iter(start.values()))),), torch.inf, device=next(iter(start.values())).device)
    optimizer = torch.optim.Adam(moved.values(), RATE) if moved else None
    for step in range(steps + 1 if optimizer else 1):
        here = far(draw({**fixed, **moved}))
        better = here.detach() < least
        least = torch.where(better, here.detach(), least)
        for name, rows in moved.items():
            best[name][better] = rows.detach()[better]
        if optimizer is None or step == steps:
            break
        optimizer.param_groups[0]["lr"] = RATE * (1 + cos(pi * step / steps)) / 2
        optimizer.zero_grad()
        here.sum().backward()
        optimizer.step()
        with torch.no_grad():
            for name, rows in moved.items():
                rows.clamp_(*within[name])
    return {**fixed, **best}, least
