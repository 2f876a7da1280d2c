"""Langevin dynamics on any energy."""

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
    """From x towards the density exp(-E(x)/T), without the step that would reject: its bias is of order `rate`.

    energy: (n, *d) -> (n,). T = 0 is gradient descent. Of E = x^2 / 2s^2 and T = 1 the variance is
    s^2 / (1 - rate / 2s^2). `clip`, `seed`, `keep` and errors as `mala_approx`.
    """
    x = chains.start(x, rate=rate, temperature=temperature)
    if rate <= 0 or temperature < 0:
        raise UserError(f"Langevin needs a rate above 0 and a temperature of at least 0, not {rate:g}, {temperature:g}")
    read, (low, high) = chains.usable("energy", energy), chains.limits(clip, x)
    noise = chains.noise(x, math.sqrt(2 * rate * temperature), seed)
    return chains.run(lambda x, _: (x - rate * chains.gradient(read, x) + noise()).clamp(low, high), x, steps, keep)
