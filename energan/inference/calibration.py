"""From energies to verdicts: a threshold with a stated rate of false alarms, and a score that runs share.

Split conformal prediction, for outliers: Laxhammar & Falkman 2010, "Conformal prediction for distribution-independent
anomaly detection in streaming vessel data"; Bates, Candes, Lei, Romano & Sesia 2023, arXiv:2104.08279, section 1.2.

    p(x) = (1 + #{i: E_i >= E(x)}) / (n + 1)           E_1 ... E_n: energies of normal images, not trained on
    x is an outlier if p(x) <= a, so if E(x) is above the ceil((n + 1)(1 - a))-th smallest E_i

If x and the n images are exchangeable (normal images drawn alike, in any order), P(p(x) <= a) <= a, whatever the model:
the probability is over x and over the choice of the n images. One choice may do better or worse than another.
"""

import re
from decimal import ROUND_CEILING, Context, Decimal
from fractions import Fraction
from math import ceil, floor
from typing import NamedTuple, final

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from energan.utils.errors import UserError

SHARE = re.compile(r"[0-9]{1,9}/[1-9][0-9]{0,8}")


def rate_of(false_alarms: str | float) -> Fraction:
    """A rate of false alarms, exactly as it is written: "1%", "0.01", 0.01, "1/100".

    Raises:
        UserError: It is no number above 0 and below 1.

    >>> rate_of("1%") == rate_of(0.01) == rate_of("1e-2")
    True
    """
    text = str(false_alarms).strip()
    if SHARE.fullmatch(text) and 0 < (share := Fraction(text)) < 1:
        return share
    number, divisor = text.removesuffix("%").strip(), 100 if text.endswith("%") else 1
    try:
        sound = 0 < float(number) / divisor < 1  # first: a fraction of 1e999999999 would take all memory
    except ValueError:
        sound = False
    if not sound:
        raise UserError(f"`false_alarms` must be above 0 and below 1, such as 1% or 0.01, got {text!r}")
    return Fraction(number) / divisor


def needed(rate: Fraction) -> int:
    """How many normal images a rate needs at least.

    >>> needed(Fraction(1, 100))
    99
    """
    return ceil(1 / rate) - 1


def percent(rate: float | Fraction) -> str:
    """A rate in words of people.

    >>> percent(Fraction(1, 100)), percent(0.125)
    ('1 %', '12.5 %')
    """
    return f"{float(100 * rate):.4g} %"


def percent_above(rate: Fraction) -> str:
    """As `percent`, rounded up, so that what it says is enough.

    >>> percent(Fraction(1, 13)), percent_above(Fraction(1, 13)), percent_above(Fraction(1, 100))
    ('7.692 %', '7.693 %', '1 %')
    """
    up = Context(prec=4, rounding=ROUND_CEILING).divide(Decimal(100 * rate.numerator), Decimal(rate.denominator))
    return f"{float(up):.4g} %"


@final
class Calibration(NamedTuple):
    """The energies of normal images that the model was not trained on, ascending, (n,) float64.

    >>> normal = calibration(torch.tensor([3.0, 1.0, 2.0, 4.0]))
    >>> normal.threshold(0.2)
    4.0
    >>> normal.scores(torch.tensor([0.0, 2.5, 9.0])).tolist()
    [0.0, 0.4, 0.8]
    """

    energies: Float[Tensor, " n"]

    def threshold(self, false_alarms: str | float | Fraction) -> float:
        """The energy above which an image is an outlier.

        Args:
            false_alarms: a, the probability that a fresh normal image is called one, at most.

        Raises:
            UserError: It is no rate above 0 and below 1, or there are too few images for one so low; the sentence says
                how many are needed.
        """
        rate = false_alarms if isinstance(false_alarms, Fraction) else rate_of(false_alarms)
        if not 0 < rate < 1:
            raise UserError(f"`false_alarms` must be above 0 and below 1, got {rate}")
        n = len(self.energies)
        if (n + 1) * rate < 1:
            raise UserError(
                f"`false_alarms` {percent(rate)} needs at least {needed(rate)} normal images to calibrate with, "
                f"and there are {n}: give more, or allow {percent_above(Fraction(1, n + 1))} or more"
            )
        return float(
            self.energies[n - floor((n + 1) * rate)]
        )  # the (n + 1 - floor((n + 1) a))-th: ceil((n + 1)(1 - a))

    def false_alarms(self, threshold: float) -> Fraction:
        """About how probable it is that a fresh normal image's energy is above a threshold: (1 + #{E_i > t}) / (n + 1).

        The least rate whose own threshold is not above this one; 1 where all of the n are above. It is no bound of this
        one threshold's rate, which is above it for one choice of the n images and below it for another; on average over
        them it is a little too high.

        >>> calibration(torch.tensor([3.0, 1.0, 2.0, 4.0])).false_alarms(2.5)
        Fraction(3, 5)
        """
        above = int((self.energies > threshold).sum())
        return Fraction(above + 1, len(self.energies) + 1)

    def scores(self, energies: Float[Tensor, " m"]) -> Float[Tensor, " m"]:
        """1 - p of each energy, in [0, n / (n + 1)]: the share of normal images with less, of which there is one more.

        Comparable between models: a normal image's is about uniform. An outlier is what has 1 - a or more.
        """
        below = torch.searchsorted(self.energies, energies.double().contiguous())
        return below.double() / (len(self.energies) + 1)

    def outliers(self, energies: Float[Tensor, " m"], false_alarms: str | float | Fraction) -> Bool[Tensor, " m"]:
        """Which energies are above the threshold, or are no numbers. Raises as `threshold`."""
        return ~(energies.double() <= self.threshold(false_alarms))


def calibration(energies: Float[Tensor, " n"]) -> Calibration:
    """The Calibration of normal images' energies, in any order.

    Raises:
        UserError: There are none, or some are not finite.
    """
    if not len(energies) or not bool(energies.isfinite().all()):
        raise UserError("a calibration needs finite energies of normal images")
    return Calibration(energies.double().sort().values)
