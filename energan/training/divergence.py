"""Whether training diverged: the means of what is logged over intervals, and the weights before they are kept."""

import math
from collections.abc import Mapping
from typing import final

import torch

from energan.engine import Trainer
from energan.engine.game import Logs

EXPLODED = 1e4  # times what a quantity was at the session's first step that had it
SETTLED = 50  # steps in which an optimizer's moments are still estimated: what leaps there may come back


@final
class Means:
    """The means of logged quantities over intervals of steps.

    step: How many steps are done before the first one.
    """

    def __init__(self, step: int = 0) -> None:
        self.step = self.since = step
        self._sums: Logs = {}
        self.counts: dict[str, int] = {}  # of this interval by quantity: not every step has the same turns
        self._first: Logs = {}

    def add(self, logs: Logs) -> None:
        """Takes one step's logs into the interval's means; nothing is synchronised with the device."""
        for k, v in logs.items():
            self._sums[k] = self._sums[k] + v if k in self._sums else v
            self.counts[k] = self.counts.get(k, 0) + 1
            self._first.setdefault(k, v)  # a step, not an interval, which may have exploded already
        self.step += 1

    def take(self, saving: bool) -> tuple[dict[str, float], str]:
        """The interval's means, and what shows that training diverged, or ""; the next interval begins.

        Where a quantity is not finite any more, or exploded; in the first steps, if the state is to be kept (saving).
        """
        return self.take_each(saving, 1)[0]

    def take_each(self, saving: bool, n: int) -> list[tuple[dict[str, float], str]]:
        """The same of each of n models that are trained as one program, whose logs are (n,)."""
        means = {k: (v.reshape(-1).double() / self.counts[k]).tolist() for k, v in self._sums.items()}
        first = {k: self._first[k].reshape(-1).tolist() for k in means}
        settled = saving or self.since >= SETTLED
        self._sums, self.counts, self.since = {}, {}, self.step
        each = [{k: v[i] for k, v in means.items()} for i in range(n)]
        return [(some, _wrong(some, {k: v[i] for k, v in first.items()}, settled)) for i, some in enumerate(each)]


def _wrong(means: Mapping[str, float], first: Mapping[str, float], settled: bool) -> str:
    for k, v in means.items():
        was = abs(first[k])
        if not math.isfinite(v):
            return f"{k} became {v}"
        if settled and abs(v) > EXPLODED * (1 + was):
            return f"{k} grew from {was:.3g} to {v:.3g}"
    return ""


def not_finite(trainer: Trainer) -> str:
    """What is wrong with the weights of a player that are not all finite, or ""."""
    for name, net in trainer.nets.items():
        total = torch.stack([w.detach().abs().sum() for w in net.parameters()] or [torch.zeros(())]).sum()
        if not bool(total.isfinite()):
            return f"the weights of {name} are no longer finite"
    return ""
