"""Losses that make real samples' energies low and fakes' high.  LeCun, Chopra, Hadsell, Ranzato & Huang 2006,
"A tutorial on energy-based learning", table 1 (lvq2: as in its text); a fake plays the most offending answer.

    LOSSES[name](Ec, Ei, margin, scale) -> (n,), per sample: the mean over the batch comes after

Ec = E(x), the correct answer's energy, Ei = E(G(z)), an incorrect one's: (n,), >= 0; the i-th of both make a pair.
margin is the row's m, in units of energy. scale is the delta > 0 of "lvq2", the gamma > 0 of "square-exponential", the
beta > 0 (per unit of energy) of "nll" and "mee". Rows without them ignore them.

The integral of "nll" and "mee" is the sum over the batch's fakes and the real sample itself (a reading), and so is the
set of answers of the minimum in "perceptron". Margins: "energy" has none and collapses, "perceptron" and "lvq2" have 0.

>>> import torch
>>> LOSSES["ebgan-margin"](torch.tensor([1.0]), torch.tensor([4.0]), 10.0, 1.0)  # 1 + [10 - 4]+
tensor([7.])
"""

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import softplus

from energan.engine.precision import wide

Number = Tensor | float

EnergyLoss = Callable[[Tensor, Tensor, Number, Number], Tensor]


def _nll(Ec: Tensor, Ei: Tensor, beta: Number) -> Tensor:
    """Ec + 1/beta log sum_y exp(-beta E(y)), y over the fakes and the real sample itself."""
    return Ec + (-beta * Ec).logaddexp((-beta * Ei).logsumexp(0)) / beta


def _row(loss: EnergyLoss) -> EnergyLoss:
    def per_sample(
        correct: Float[Tensor, " n"], incorrect: Float[Tensor, " n"], margin: Number, scale: Number
    ) -> Float[Tensor, " n"]:
        return loss(wide(correct), wide(incorrect), margin, scale)

    return per_sample


LOSSES: dict[str, EnergyLoss] = {
    "energy": _row(lambda Ec, Ei, margin, scale: Ec),
    "perceptron": _row(lambda Ec, Ei, margin, scale: Ec - Ec.minimum(Ei.amin())),
    "pairwise-hinge": _row(lambda Ec, Ei, margin, scale: (margin + Ec - Ei).relu()),
    "ebgan-margin": _row(lambda Ec, Ei, margin, scale: Ec + (margin - Ei).relu()),
    "log": _row(lambda Ec, Ei, margin, scale: softplus(Ec - Ei)),
    # the tiny constant: a fake's energy may be 0
    "lvq2": _row(lambda Ec, Ei, margin, scale: ((Ec - Ei) / (scale * Ei + 1e-12)).clamp(0, 1)),
    "mce": _row(lambda Ec, Ei, margin, scale: (Ec - Ei).sigmoid()),
    "square-square": _row(lambda Ec, Ei, margin, scale: Ec.square() + (margin - Ei).relu().square()),
    "square-exponential": _row(lambda Ec, Ei, margin, scale: Ec.square() + scale * (-Ei).exp()),
    "nll": _row(lambda Ec, Ei, margin, scale: _nll(Ec, Ei, scale)),
    "mee": _row(lambda Ec, Ei, margin, scale: -(-scale * _nll(Ec, Ei, scale)).expm1()),
}
