"""Successive halving: trials are looked at while they train, and at each look one in so many goes on.

Looks are after `first` steps, and `factor` times as many at each later one. A trial goes on where its metric is among
the best 1/factor of all trials that were looked at there so far: it waits for none (Li et al., arXiv:1810.05934, as
Optuna's SuccessiveHalvingPruner has it). So the first ones have it easier than later ones, and with several processes
it matters which of them is faster.
"""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, final

from energan.utils.checks import at_least
from energan.utils.errors import UserError

if TYPE_CHECKING:
    pass

LOOKS = 3  # by default: the first is after 1/factor^3 of all steps

Ask = Callable[[int, int, float], bool]  # (number of the trial, step, cost: less is better) -> whether it stops there


def never(number: int, step: int, cost: float) -> bool:
    """No trial is stopped."""
    return False


@final
class Halving(NamedTuple):
    """How trials are stopped early.

    factor  one in so many goes on at each look
    first   steps before the first look
    metric  what is looked at, as evaluation.json calls it; "": the first that is measured
    """

    factor: int
    first: int
    metric: str

    def looks(self, steps: int) -> frozenset[int]:
        """The steps after which a trial of so many is looked at; not the last.

        >>> sorted(Halving(3, 10, "").looks(270))
        [10, 30, 90]
        """
        found, step = set(), self.first
        while step < steps:
            found.add(step)
            step *= self.factor
        return frozenset(found)


def halving(factor: int, first: int | None, metric: str, steps: int) -> Halving:
    """The halving of trials of so many steps. UserError where there is no look before the end."""
    at_least(2, halving=factor)
    first = max(1, steps // factor**LOOKS) if first is None else first
    at_least(1, first_look=first)
    if first >= steps:
        raise UserError(f"`first_look` {first} is not before the last of {steps} steps: no trial would be stopped")
    return Halving(factor, first, metric)


@final
class Judge:
    """Who goes on: an `Ask` that threads may share. UserError where Optuna is missing."""

    def __init__(self, how: Halving) -> None:
        try:
            import optuna
        except ImportError as error:
            raise UserError('halving needs Optuna: pip install "energan[sweep]"') from error
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        pruner = optuna.pruners.SuccessiveHalvingPruner(min_resource=how.first, reduction_factor=how.factor)
        self._study = optuna.create_study(direction="minimize", pruner=pruner)
        self._trials: dict[int, optuna.Trial] = {}
        self._told: dict[tuple[int, int], bool] = {}
        self._lock = threading.Lock()

    def __call__(self, number: int, step: int, cost: float) -> bool:
        """The same answer to the same question: a trial that is played again is not counted twice."""
        with self._lock:
            if (number, step) not in self._told:
                if number not in self._trials:
                    self._trials[number] = self._study.ask()
                self._trials[number].report(cost, step)
                self._told[number, step] = self._trials[number].should_prune()
            return self._told[number, step]

    def remember(self, row: dict[str, Any]) -> None:
        """Takes what a trial of an earlier session was looked at."""
        for step, cost in row.get("looks", []):
            self(row["trial"], step, float("nan") if cost is None else cost)
