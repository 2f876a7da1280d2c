"""Activation maximisation, DGN-AM: images that excite a unit of a network."""

from collections.abc import Sequence

from jaxtyping import Float, Int
from torch import Tensor

from energan.samplers.chains import Bounds, Map, Trace
from energan.samplers.mala import mala_approx


def activation_maximisation(
    G: Map, C: Map, h: Float[Tensor, " n *d"], units: int | Sequence[int] | Int[Tensor, " n"], *, clip: Bounds | None,
    steps: int = 200, rate: float = 8.0, last_rate: float = 1e-10, decay: float = 0.99, keep: int | None = None,
) -> Trace:  # fmt: skip
    """Runs chains from start codes to images that excite a unit: DGN-AM.

    The authors divide the image's gradient by its mean |g| too, before it goes back to the code; the code's own
    division cancels that.

    Args:
        G: Codes (n, *d) -> images (n, ...).
        C: Images -> activations (n, units), such as logits or `lambda x: maps(x)[:, :, 6, 6]`.
        h: Start codes (n, *d), N(0, I) in the paper.
        units: One for all rows or one for each.
        clip: Lowest and highest code; the authors' is (0, `upper_bound`(codes)).
        steps: Steps of each chain, at least 1.
        rate: Mean size of the first step.
        last_rate: Final rate of a linear schedule (reached one step after the last).
        decay: Multiplies h at the end of each step.
        keep: Keeps each keep-th code and the last; None: the last alone.

    Returns:
        Codes (k, n, *d) and their images G(h), (k, n, ...).

    Raises:
        UserError: An argument cannot be used, or a chain leaves the finite numbers.

    Example:
        >>> import torch
        >>> identity = lambda x: x
        >>> trace = activation_maximisation(
        ...     identity, identity, torch.zeros(1, 2), 1, clip=(0.0, 3.0), steps=1, rate=1.0, decay=1.0
        ... )
        >>> trace.codes[-1].tolist()
        [[0.0, 2.0]]
    """
    return mala_approx(
        None, G, C, h, units, eps1=0, eps2=1, eps3=0, steps=steps, rate=rate, last_rate=last_rate, normalise=True,
        clip=clip, gradient="activation", decay=decay, keep=keep,
    )  # fmt: skip
