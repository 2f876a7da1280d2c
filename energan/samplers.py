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

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from energan import chains
from energan.chains import Bounds, Map, Trace
from energan.errors import UserError
from energan.precision import wide


class Context(NamedTuple):
    """Inpainting: what is known of the images, and how strongly G(h) is held to it.

    image    of G's range and shape, for one or for all rows
    missing  booleans of the same shape, or that broadcast to it: True where there is something to fill in
    eps4     of the gradient of `closeness`. The authors' 1e-9 is for images of 0..255; in [-1, 1], where squares are
             127.5^2 times smaller, 1.6e-5 is the same
    """

    image: Float[Tensor, "*x"]
    missing: Bool[Tensor, "*m"]
    eps4: float

    def paste(self, x: Float[Tensor, " n *x"]) -> Float[Tensor, " n *x"]:
        """x where the image is missing, the image elsewhere. UserError where they do not fit."""
        shapes = (self.image.shape, self.missing.shape)
        if self.missing.dtype != torch.bool or any(not _fits(shape, x.shape) for shape in shapes):
            raise UserError(
                f"a context is an image and booleans that fit {tuple(x.shape)}, not {shapes[0]}, {shapes[1]}"
            )
        return torch.where(self.missing, x, self.image)

    def closeness(self, x: Float[Tensor, " n *x"]) -> Float[Tensor, " n"]:
        """-1/2 ||image - x||^2 over what is known."""
        return -0.5 * wide(self.paste(x) - x).flatten(1).square().sum(1)


def _fits(shape: Sequence[int], whole: Sequence[int]) -> bool:
    pairs = zip(reversed(shape), reversed(whole), strict=False)
    return len(shape) <= len(whole) and all(size in (1, of) for size, of in pairs)


def upper_bound(codes: Float[Tensor, " n *d"], deviations: float = 3.0) -> Float[Tensor, "*d"]:
    """Mean + 3 standard deviations of each unit over the codes of real images: where DGN-AM clips."""
    return codes.mean(0) + deviations * codes.std(0, correction=0)


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
        d = chains.slope(climbed, h) + noise() if read or eps4 else noise()
        d = d + eps1 * chains.pull(prior, h) if prior else d
        moved = h + chains.between(rate, last, done) * (chains.normalised(d) if normalise else d)
        return torch.where(chains.per_row(d.flatten(1).any(1), h), moved.clamp(low, high) * decay, h)

    return chains.run(step, h, steps, keep, draw)


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
    return chains.run(lambda x, _: (x - rate * chains.slope(read, x) + noise()).clamp(low, high), x, steps, keep)
