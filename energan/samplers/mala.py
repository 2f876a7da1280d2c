"""Chains that look for codes: plug and play, activation maximisation, Langevin.

    MALA-approx   h <- h + eps1 (R(h) - h) + eps2 d log C_c(G(h))/dh + N(0, eps3^2)     Nguyen et al. 2017, 1612.00005
    DGN-AM        h <- .99 clip(h + rate g / mean|g|),  g = d C_u(G(h))/dh              Nguyen et al. 2016, 1605.09304
    Langevin      x <- x - rate dE(x)/dx + N(0, 2 rate T)                               Roberts & Tweedie 1996

Codes h (n, *d), one chain per row; R: codes -> codes, such as E(G(h)); G: codes -> images (n, ...);
C: images -> logits (n, classes), any classifier. All are plain callables; a module must be in eval mode, and is left
as it was: its gradients, its mode. A row's chain is what it would be alone, up to rounding: each row has a noise of
its own (`chains.row_seeds`), and every mean is over a row (the authors run one chain at a time, with means over all
of it). Codes are in float32 or wider.

Published settings of `mala_approx`   eps1, eps2, eps3   steps  rate      normalise, clip, gradient
  thesis (ppgn-disc), h ~ N(0, I)     1e-2, 1, 1e-15     200    1         as the defaults: the equation
  official code, h ~ N(0, I)          1e-5, 1, 1e-17     200    1         True, (0, 30), "logit"; so below, too
    captions                          1e-3, 1, 1e-17     200    1..1e-10  "activation", C: log p(caption|x), (n, 1)
    from a real image, h = E(x)       1e-5, 1, 1e-17     200    .5
    inpainting, h = E(known x)        1e-5, 1, 0          20    1..1e-32  context with eps4 1e-9
An eps3 below the codes' rounding is no noise: then only the starts tell chains apart. 30 is for fc6 of CaffeNet. The
official loop takes one step more than it is told to, after the image that it returns.
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
    """From start codes h towards class `classes`, one for all rows or one for each. The defaults are the equation.

    A step is h + rate d, d the sum of the equation's terms, all of the same h; a chain whose d is 0 stays. A term of
    factor 0 is left out; its R or C may be None. Without G, on images: G = lambda x: x.

    last_rate  the rate goes to this in a line, which step `steps`, the first not taken, would have; None: it stays
    normalise  d / mean|d| for d: only the ratios of the factors matter
    clip       where each step's h is clipped
    gradient   that of the class, of `chains.GRADIENTS`
    decay      what each step's h is multiplied by, at last
    context    inpainting: d has eps4 of its gradient too, and C sees `context.paste(G(h))`. R should see that as well
    seed       of the noise, or one for each row
    keep       each keep-th code is kept, and the last; None: the last alone

    UserError for what cannot be used, and where a chain leaves the finite numbers.
    """
    eps4 = context.eps4 if context else 0.0
    last = rate if last_rate is None else last_rate
    h = chains.start(h, eps1=eps1, eps2=eps2, eps3=eps3, eps4=eps4, rate=rate, last_rate=last, decay=decay)
    prior, draw = chains.usable("R", R) if eps1 else None, chains.usable("G", G)
    read = chains.reading(chains.usable("C", C), classes, len(h), gradient) if eps2 else None
    (low, high), noise = chains.limits(clip, h), chains.noise(h, eps3, seed)

    def climbed(h: Tensor) -> Tensor:
        x = draw(h)
        value = eps2 * read(context.paste(x) if context else x) if read else wide(x).new_zeros(len(x))
        return value + eps4 * context.closeness(x) if context else value

    def step(h: Tensor, done: float) -> Tensor:
        d = chains.gradient(climbed, h) + noise() if read or eps4 else noise()
        d = d + eps1 * chains.pull(prior, h) if prior else d
        moved = h + chains.between(rate, last, done) * (chains.normalised(d) if normalise else d)
        return torch.where(chains.per_row(d.flatten(1).any(1), h), moved.clamp(low, high) * decay, h)

    return chains.run(step, h, steps, keep, draw)
