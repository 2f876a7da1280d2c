"""Optimizers of single papers: Goodfellow's annealed momentum, and historical averaging around any other.

They keep the protocol of optimizers.py: in place for one model, pure for many, the same moments.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, final

import torch
from torch import Tensor

from energan.optimizers import Moments, Optimizer, Schedule, Tree, _counts, _lists, _zeros


class AnnealedSGD(NamedTuple):
    """Momentum SGD as the first GAN was trained (Goodfellow et al. 2014, arXiv:1406.2661, the authors' code).

        v = mu v - lr g,  w += v           update c = 0, 1, ...
        lr = max(lr (1 + anneal)^-c, floor),  mu from `start` to `stop`, linearly over `over` updates

    The velocity holds the learning rate: what it has gathered is not rescaled as lr falls. Their decay factor
    1.000004 is written as its excess over 1, which float32 holds exactly enough (1.000004 itself it holds to 1 %).
    They raised mu once an epoch, 250 epochs of 500 updates; here it rises at each update.
    """

    lr: float = 0.1
    anneal: float = 4e-6
    floor: float = 1e-6
    start: float = 0.5
    stop: float = 0.7
    over: float = 125_000  # updates
    schedule: Schedule | None = None

    def init(self, weights: Mapping[str, Tensor]) -> Moments:
        return {"v": _zeros(weights), "count": _counts(weights)}

    def at(self, count: Tensor) -> tuple[Tensor, Tensor]:
        """The learning rate and the momentum of update `count`, () each in its dtype."""
        shrunk = torch.exp(-count * torch.log1p(torch.zeros_like(count) + self.anneal))
        risen = (count / self.over).clamp(max=1)
        return (self.lr * shrunk).clamp(min=self.floor), self.start + (self.stop - self.start) * risen

    def step_(self, weights: Mapping[str, Tensor], grads: list[Tensor], moments: Moments, rate: float) -> None:
        w, v, count = _lists(weights, moments["v"], moments["count"])
        lr, momentum = self.at(count[0].to(w[0].dtype))
        torch._foreach_mul_(v, momentum)
        torch._foreach_sub_(v, torch._foreach_mul(grads, lr * rate))
        torch._foreach_add_(w, v)
        torch._foreach_add_(count, 1)

    def step(self, weights: Tree, grads: Tree, moments: Moments, rate: Tensor | float) -> tuple[Tree, Moments]:
        v = {}
        for k, w in weights.items():
            lr, momentum = self.at(moments["count"][k].to(w.dtype))
            v[k] = momentum * moments["v"][k] - lr * rate * grads[k]
        count = {k: c + 1 for k, c in moments["count"].items()}
        return {k: w + v[k] for k, w in weights.items()}, {"v": v, "count": count}


@final
@dataclass(frozen=True)
class Historical:
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

    def _replace(self, *, weight: float | None = None, **numbers: Any) -> "Historical":
        kept = self.weight if weight is None else weight
        return replace(self, optimizer=self.optimizer._replace(**numbers), weight=kept)
