"""Optimizers that wrap another: historical averaging, a pause where all gradients are 0."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, final

import torch
from torch import Tensor

from energan.engine.optimizers.standard import Moments, Optimizer, Schedule, Tree, _counts, _zeros
from energan.utils.specification import named


@named
@final
@dataclass(frozen=True)
class HistoricalAveraging:
    """Historical averaging around another optimizer.  Salimans et al. 2016, arXiv:1606.03498, section 3.3.

    Adds weight ||theta - (1/t) sum_i theta_i||^2 to what the player descends, for an ascending player too: its gradient
    2 weight (theta - mean), the mean held still, is added to the one `optimizer` is given. The mean runs over the
    weights before each update so far, the present ones included, so that the first update has no pull.

    The numbers of both are one flat set (`_replace(weight=1.0, lr=0.1)`): so `many` gives each model its own.
    """

    optimizer: Optimizer
    weight: float = 1.0

    @property
    def schedule(self) -> Schedule | None:
        return self.optimizer.schedule

    def init(self, weights: Mapping[str, Tensor]) -> Moments:
        return {**self.optimizer.init(weights), "mean": _zeros(weights), "seen": _counts(weights)}

    def step_(self, weights: Mapping[str, Tensor], grads: list[Tensor], moments: Moments, rate: float) -> None:
        pulled = []
        for (k, w), g in zip(weights.items(), grads, strict=True):
            moments["seen"][k].add_(1)
            mean = moments["mean"][k].add_((w - moments["mean"][k]) / moments["seen"][k])
            pulled.append(g + 2 * self.weight * (w - mean))
        self.optimizer.step_(weights, pulled, moments, rate)

    def step(self, weights: Tree, grads: Tree, moments: Moments, rate: Tensor | float) -> tuple[Tree, Moments]:
        seen = {k: c + 1 for k, c in moments["seen"].items()}
        mean = {k: m + (weights[k] - m) / seen[k] for k, m in moments["mean"].items()}
        pulled = {k: g + 2 * self.weight * (weights[k] - mean[k]) for k, g in grads.items()}
        after, inner = self.optimizer.step(weights, pulled, moments, rate)
        return after, {**inner, "mean": mean, "seen": seen}

    def _asdict(self) -> dict[str, Any]:
        return {**self.optimizer._asdict(), "weight": self.weight}

    def _replace(self, *, weight: float | None = None, **numbers: Any) -> "HistoricalAveraging":
        kept = self.weight if weight is None else weight
        return replace(self, optimizer=self.optimizer._replace(**numbers), weight=kept)


@named
@final
@dataclass(frozen=True)
class PauseOnZeroGradient:
    """Another optimizer, but a step whose gradients are all 0 is none: weights and moments stay, and do not decay.

    So a player whose loss is multiplied by 0 rests, instead of going on by what its moments have gathered.
    """

    optimizer: Optimizer

    @property
    def schedule(self) -> Schedule | None:
        return self.optimizer.schedule

    def init(self, weights: Mapping[str, Tensor]) -> Moments:
        return self.optimizer.init(weights)

    def step_(self, weights: Mapping[str, Tensor], grads: list[Tensor], moments: Moments, rate: float) -> None:
        if any(bool(g.any()) for g in grads):
            self.optimizer.step_(weights, grads, moments, rate)

    def step(self, weights: Tree, grads: Tree, moments: Moments, rate: Tensor | float) -> tuple[Tree, Moments]:
        after, moved = self.optimizer.step(weights, grads, moments, rate)
        learns = torch.stack([g.any() for g in grads.values()]).any()

        def chosen(new: Tree, old: Mapping[str, Tensor]) -> Tree:
            return {k: torch.where(learns, new[k], old[k]) for k in new}

        return chosen(after, weights), {name: chosen(tree, moments[name]) for name, tree in moved.items()}

    def _asdict(self) -> dict[str, Any]:
        return self.optimizer._asdict()

    def _replace(self, **numbers: Any) -> "PauseOnZeroGradient":
        return PauseOnZeroGradient(self.optimizer._replace(**numbers))
