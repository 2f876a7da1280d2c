"""MALA-approx, the chains of plug and play; beside it the equations of activation maximisation and Langevin.

    MALA-approx   h <- h + eps1 (R(h) - h) + eps2 d log C_c(G(h))/dh + N(0, eps3^2)     Nguyen et al. 2017, 1612.00005
    DGN-AM        h <- .99 clip(h + rate g / mean|g|),  g = d C_u(G(h))/dh              Nguyen et al. 2016, 1605.09304
    Langevin      x <- x - rate dE(x)/dx + N(0, 2 rate T)                               Roberts & Tweedie 1996

Codes h (n, *d), one chain per row; R: codes -> codes, such as E(G(h)); G: codes -> images (n, ...);
C: images -> logits (n, classes), any classifier. All are plain callables; a module must be in eval mode, and stays as
it was: its gradients, its mode. A row's chain is what it would be alone, up to rounding: each row has its own noise
(`chains.row_seeds`), and every mean is over a row (the authors run one chain at a time, with means over all of it).
Codes are in float32 or wider.

Published settings of `mala_approx`   eps1, eps2, eps3   steps  rate      normalise, clip, gradient
  thesis (ppgn-disc), h ~ N(0, I)     1e-2, 1, 1e-15     200    1         as the defaults: the equation
  official code, h ~ N(0, I)          1e-5, 1, 1e-17     200    1         True, (0, 30), "logit"; so below, too
    captions                          1e-3, 1, 1e-17     200    1..1e-10  "activation", C: log p(caption|x), (n, 1)
    from a real image, h = E(x)       1e-5, 1, 1e-17     200    .5
    inpainting, h = E(known x)        1e-5, 1, 0          20    1..1e-32  context with eps4 1e-9
An eps3 below the codes' rounding is no noise: then chains differ by their starts alone. 30 is for fc6 of CaffeNet. The
official loop takes one step more than its setting says, after the image that it returns.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from energan.engine.precision import wide
from energan.samplers import chains
from energan.samplers.chains import Bounds, Map, Trace
from energan.samplers.inpainting import Context


@torch.no_grad()
def mala_approx(
    R: Map | None, G: Map, C: Map | None, h: Float[Tensor, " n *d"], classes: int | Sequence[int] | Int[Tensor, " n"],
    *, eps1: float, eps2: float, eps3: float, steps: int = 200, rate: float = 1.0, last_rate: float | None = None,
    normalise: bool = False, clip: Bounds | None = None, gradient: str = "log-softmax", decay: float = 1.0,
    context: Context | None = None, seed: int | Sequence[int] = 0, keep: int | None = None,
) -> Trace:  # fmt: skip
    """Runs chains from start codes h towards the classes: plug and play. The defaults are the equation.

    A step is h + rate d, d the sum of the equation's terms, all at the same h; a chain whose d is 0 stays. A term of
    factor 0 is left out; its R or C may be None.

    Args:
        R: The prior, codes (n, *d) -> likelier codes. While inpainting it should see `context.paste(G(h))`.
        G: Codes -> images (n, ...). For chains of images, `lambda x: x`.
        C: Images -> logits (n, classes).
        h: Start codes (n, *d), finite floats.
        classes: One for all rows or one for each.
        eps1: Factor of the prior, R(h) - h.
        eps2: Factor of the class gradient.
        eps3: Standard deviation of the noise, at least 0.
        steps: Steps of each chain, at least 1.
        rate: Multiplies each step.
        last_rate: Final rate of a linear schedule (reached one step after the last); None: constant.
        normalise: Whether d is divided by mean|d|: then only the ratios of the factors matter.
        clip: Lowest and highest code, each a number or of the shape of one row; h is clipped there after each step.
        gradient: Which class gradient: a key of `chains.GRADIENTS`.
        decay: Multiplies h at the end of each step.
        context: Inpainting: adds eps4 of its gradient to d, and C sees `context.paste(G(h))`.
        seed: Seed of the noise, or one for each row.
        keep: Keeps each keep-th code and the last; None: the last alone.

    Returns:
        Codes (k, n, *d) and their images G(h), (k, n, ...).

    Raises:
        UserError: An argument cannot be used, or a chain leaves the finite numbers.

    Example:
        >>> half, same = lambda h: h / 2, lambda h: h
        >>> trace = mala_approx(half, same, None, torch.ones(1, 2), 0, eps1=1.0, eps2=0.0, eps3=0.0, steps=2, keep=1)
        >>> trace.codes.squeeze(1).tolist()
        [[1.0, 1.0], [0.5, 0.5], [0.25, 0.25]]
    """
    eps4 = context.eps4 if context else 0.0
    last = rate if last_rate is None else last_rate
    h = chains.checked_codes(h, eps1=eps1, eps2=eps2, eps3=eps3, eps4=eps4, rate=rate, last_rate=last, decay=decay)
    prior, draw = chains.checked_map("R", R) if eps1 else None, chains.checked_map("G", G)
    score = chains.class_score(chains.checked_map("C", C), classes, len(h), gradient) if eps2 else None
    (low, high), noise = chains.clip_limits(clip, h), chains.row_noise(h, eps3, seed)

    def objective(h: Tensor) -> Tensor:
        x = draw(h)
        value = eps2 * score(context.paste(x) if context else x) if score else wide(x).new_zeros(len(x))
        return value + eps4 * context.closeness(x) if context else value

    def step(h: Tensor, fraction: float) -> Tensor:
        d = chains.gradient(objective, h) + noise() if score or eps4 else noise()
        d = d + eps1 * chains.prior_step(prior, h) if prior else d
        moved = h + chains.interpolate(rate, last, fraction) * (chains.normalised(d) if normalise else d)
        return torch.where(chains.per_row(d.flatten(1).any(1), h), moved.clamp(low, high) * decay, h)

    return chains.run_chain(step, h, steps, keep, draw)
