"""Activation maximisation: images that excite a unit of a network."""

from collections.abc import Sequence

from jaxtyping import Float, Int
from torch import Tensor

from energan.samplers.chains import Bounds, Map, Trace
from energan.samplers.mala import mala_approx


def activation_maximisation(
    G: Map, C: Map, h: Float[Tensor, " n *d"], units: int | Sequence[int] | Int[Tensor, " n"], *, clip: Bounds | None,
    steps: int = 200, rate: float = 8.0, last_rate: float = 1e-10, decay: float = 0.99, keep: int | None = None,
) -> Trace:  # fmt: skip
    """From start codes h ~ N(0, I) to images that excite a unit, one for all rows or one for each: DGN-AM.

    C: images -> activations (n, units), such as logits or `lambda x: maps(x)[:, :, 6, 6]`. `clip` is the authors' with
    (0, `upper_bound`(codes)). They divide the image's gradient by its mean |g| too, before it goes back to the code;
    the code's own division cancels that. The rest as `mala_approx`.
    """
    return mala_approx(
        None, G, C, h, units, eps1=0, eps2=1, eps3=0, steps=steps, rate=rate, last_rate=last_rate, normalise=True,
        clip=clip, gradient="activation", decay=decay, keep=keep,
    )  # fmt: skip
