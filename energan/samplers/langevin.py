"""Langevin dynamics of any energy."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from energan.samplers import chains
from energan.samplers.chains import Bounds, Map, Trace
from energan.utils.errors import UserError


@torch.no_grad()
def langevin(
    energy: Map, x: Float[Tensor, " n *d"], *, rate: float, steps: int, temperature: float = 1.0,
    clip: Bounds | None = None, seed: int | Sequence[int] = 0, keep: int | None = None,
) -> Trace:  # fmt: skip
    """Runs Langevin chains from x towards the density exp(-E(x)/T).

    There is no step that would reject, so the bias is of order `rate`: for E = x^2 / 2s^2 and T = 1 the variance is
    s^2 / (1 - rate / 2s^2).

    Args:
        energy: (n, *d) -> (n,). A module must be in eval mode.
        x: Start points (n, *d), finite floats.
        rate: Step size, above 0.
        steps: Steps of each chain, at least 1.
        temperature: T, at least 0; 0 is gradient descent.
        clip: Lowest and highest value, each a number or of the shape of one row; x is clipped there after each step.
        seed: Seed of the noise, or one for each row.
        keep: Keeps each keep-th point and the last; None: the last alone.

    Returns:
        The points as `codes` (k, n, *d), without images.

    Raises:
        UserError: An argument cannot be used, or a chain leaves the finite numbers.

    Example:
        >>> trace = langevin(lambda x: x.square().sum(1) / 2, torch.zeros(4, 2), rate=0.1, steps=10, keep=5)
        >>> trace.steps.tolist(), trace.codes.shape
        ([0, 5, 10], torch.Size([3, 4, 2]))
    """
    x = chains.checked_codes(x, rate=rate, temperature=temperature)
    if rate <= 0 or temperature < 0:
        raise UserError(f"Langevin needs a rate above 0 and a temperature of at least 0, not {rate:g}, {temperature:g}")
    E, (low, high) = chains.checked_map("energy", energy), chains.clip_limits(clip, x)
    noise = chains.row_noise(x, math.sqrt(2 * rate * temperature), seed)

    def step(x: Tensor, _: float) -> Tensor:
        return (x - rate * chains.gradient(E, x) + noise()).clamp(low, high)

    return chains.run_chain(step, x, steps, keep)
