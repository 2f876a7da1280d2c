"""A claim: what a paper proves, beside what was measured."""

from typing import NamedTuple

from torch import Tensor

from energan.lab.figures import spread


class Claim(NamedTuple):
    """A row: the statement, the proven value, the measured one (a number for each seed where it was learned)."""

    what: str
    exact: float
    measured: Tensor
    tolerance: float

    def agrees(self) -> bool:
        return abs(float(self.measured.mean()) - self.exact) <= self.tolerance

    def row(self) -> list[str]:
        learned = self.measured.numel() > 1
        observed = spread(self.measured.flatten(), 5) if learned else f"{float(self.measured):.5g}"
        return [self.what, f"{self.exact:.5g}", observed, f"{self.tolerance:g}", "yes" if self.agrees() else "no"]

    def record(self) -> dict[str, object]:
        return {**self._asdict(), "measured": self.measured.flatten().tolist(), "agrees": self.agrees()}
