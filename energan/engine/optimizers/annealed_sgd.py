"""The momentum SGD of the first GAN, with its annealed learning rate and momentum."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from energan.engine.optimizers.standard import Moments, Rate, Schedule, Tree, _counts, _lists, _zeros
from energan.utils.specification import named


@named
class AnnealedSGD(NamedTuple):
    """Momentum SGD as the first GAN was trained (Goodfellow et al. 2014, arXiv:1406.2661, the authors' code).

        v = mu v - lr g,  w += v           update c = 0, 1, ...
        lr = max(lr (1 + anneal)^-c, floor),  mu from `start` to `stop`, linearly over `over` updates

    The velocity includes the learning rate: it is not rescaled as lr falls. Their decay factor 1.000004 is written as
    its excess over 1, which float32 represents well enough (the excess of 1.000004 would be 1 % off).
    NOTE: they raised mu once an epoch, 250 epochs of 500 updates; here it rises at each update.

    >>> [round(float(value), 3) for value in AnnealedSGD().at(torch.tensor(62_500.0))]  # learning rate, momentum
    [0.078, 0.6]
    """

    lr: float = 0.1
    anneal: float = 4e-6
    floor: float = 1e-6
    start: float = 0.5
    stop: float = 0.7
    over: float = 125_000  # updates
    schedule: Schedule | None = None

    def settings(self) -> dict[str, Any]:
        return self._asdict()

    def with_settings(self, **settings: Any) -> "AnnealedSGD":
        return self._replace(**settings)

    def init(self, weights: Mapping[str, Tensor]) -> Moments:
        return {"v": _zeros(weights), "count": _counts(weights)}

    def at(self, count: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the learning rate and the momentum of update `count`, () each in its dtype."""
        shrunk = torch.exp(-count * torch.log1p(torch.zeros_like(count) + self.anneal))
        risen = (count / self.over).clamp(max=1)
        return (self.lr * shrunk).clamp(min=self.floor), self.start + (self.stop - self.start) * risen

    def step_(self, weights: Mapping[str, Tensor], grads: list[Tensor], moments: Moments, rate: Rate) -> None:
        w, v, count = _lists(weights, moments["v"], moments["count"])
        lr, momentum = self.at(count[0].to(w[0].dtype))
        torch._foreach_mul_(v, momentum)
        torch._foreach_sub_(v, torch._foreach_mul(grads, lr * rate))
        torch._foreach_add_(w, v)
        torch._foreach_add_(count, 1)

    def step(self, weights: Tree, grads: Tree, moments: Moments, rate: Rate) -> tuple[Tree, Moments]:
        v = {}
        for k, w in weights.items():
            lr, momentum = self.at(moments["count"][k].to(w.dtype))
            v[k] = momentum * moments["v"][k] - lr * rate * grads[k]
        count = {k: c + 1 for k, c in moments["count"].items()}
        return {k: w + v[k] for k, w in weights.items()}, {"v": v, "count": count}
