"""Optimizers, each written twice: in place and fused for a Trainer, and as a pure function for an Ensemble.

Both take and return the same state, a plain tree of tensors ("moments": name -> parameter name -> tensor). A test
compares them with each other and with torch.optim. A schedule is a function of the step that multiplies the learning
rate. Settings that are floats may differ between an Ensemble's models; they become tensors there.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.optim.adam import adam
from torch.optim.rmsprop import rmsprop
from torch.optim.sgd import sgd

from energan.utils.specification import named, recorded

Tree = dict[str, Tensor]

Moments = dict[str, Tree]

Schedule = Callable[[int], float]

Rate = Tensor | float  # a schedule's factor


@runtime_checkable
class Optimizer(Protocol):
    """What the engine asks of an optimizer; its settings that are floats may differ between an Ensemble's models.

    schedule       step -> a factor of the learning rate; None: 1
    init           the moments of weights that have taken no step
    step_          one step in place; rate: the schedule's factor, a number or () on the weights' device
    step           the same as a pure function -> (weights, moments)
    settings       its settings by name
    with_settings  the same optimizer with some of them changed
    """

    @property
    def schedule(self) -> Schedule | None: ...
    def init(self, weights: Mapping[str, Tensor]) -> Moments: ...
    def step_(self, weights: Mapping[str, Tensor], grads: list[Tensor], moments: Moments, rate: Rate) -> None: ...
    def step(self, weights: Tree, grads: Tree, moments: Moments, rate: Rate) -> tuple[Tree, Moments]: ...
    def settings(self) -> dict[str, Any]: ...
    def with_settings(self, **settings: Any) -> "Optimizer": ...


def _zeros(weights: Mapping[str, Tensor]) -> Tree:
    return {k: torch.zeros_like(w) for k, w in weights.items()}


def _counts(weights: Mapping[str, Tensor]) -> Tree:
    # one count a parameter is what torch's fused kernels ask for; new_zeros: under vmap, one a model
    return {k: w.new_zeros((), dtype=torch.float32) for k, w in weights.items()}


def _lists(*trees: Mapping[str, Tensor]) -> list[list[Tensor]]:
    return [list(tree.values()) for tree in trees]


@named
class Adam(NamedTuple):
    """Kingma & Ba 2014, arXiv:1412.6980.

    NOTE: `weight_decay` is L2, added to the gradient; AdamW's is not.

    >>> adam, w = Adam(lr=0.1), {"w": torch.tensor([1.0])}
    >>> adam.step(w, {"w": torch.tensor([5.0])}, adam.init(w), 1.0)[0]["w"]  # the first step has the length lr
    tensor([0.9000])
    """

    lr: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.0
    schedule: Schedule | None = None

    def settings(self) -> dict[str, Any]:
        return self._asdict()

    def with_settings(self, **settings: Any) -> "Adam":
        return self._replace(**settings)

    def init(self, weights: Mapping[str, Tensor]) -> Moments:
        return {"m": _zeros(weights), "v": _zeros(weights), "count": _counts(weights)}

    def step_(self, weights: Mapping[str, Tensor], grads: list[Tensor], moments: Moments, rate: Rate) -> None:
        w, m, v, count = _lists(weights, moments["m"], moments["v"], moments["count"])
        adam(
            w, grads, m, v, [], count, foreach=False, fused=True, amsgrad=False, maximize=False, lr=self.lr * rate,
            beta1=self.beta1, beta2=self.beta2, weight_decay=self.weight_decay, eps=self.eps,
        )  # fmt: skip

    def step(self, weights: Tree, grads: Tree, moments: Moments, rate: Rate) -> tuple[Tree, Moments]:
        g = {k: grads[k] + self.weight_decay * w for k, w in weights.items()}
        m = {k: self.beta1 * moments["m"][k] + (1 - self.beta1) * g[k] for k in g}
        v = {k: self.beta2 * moments["v"][k] + (1 - self.beta2) * g[k] ** 2 for k in g}
        count = {k: c + 1 for k, c in moments["count"].items()}
        new = {}
        for k, w in weights.items():
            n = count[k].to(w.dtype)
            # the tiny constant: differentiating through a step (unrolled GAN) meets v = 0, where sqrt has no gradient
            unbiased = (v[k] / (1 - self.beta2**n) + 1e-30).sqrt() + self.eps
            new[k] = w - self.lr * rate * m[k] / (1 - self.beta1**n) / unbiased
        return new, {"m": m, "v": v, "count": count}


@named
class SGD(NamedTuple):
    """Stochastic gradient descent with (heavy-ball) momentum.

    >>> sgd, w = SGD(lr=0.5), {"w": torch.tensor([1.0])}
    >>> sgd.step(w, {"w": torch.tensor([0.5])}, sgd.init(w), 1.0)[0]["w"]
    tensor([0.7500])
    """

    lr: float = 1e-2
    momentum: float = 0.0
    weight_decay: float = 0.0
    schedule: Schedule | None = None

    def settings(self) -> dict[str, Any]:
        return self._asdict()

    def with_settings(self, **settings: Any) -> "SGD":
        return self._replace(**settings)

    def init(self, weights: Mapping[str, Tensor]) -> Moments:
        return {"m": _zeros(weights)}

    def step_(self, weights: Mapping[str, Tensor], grads: list[Tensor], moments: Moments, rate: Rate) -> None:
        w, m = _lists(weights, moments["m"])
        sgd(
            w, grads, list(m), foreach=False, fused=True, weight_decay=self.weight_decay, momentum=self.momentum,
            lr=self.lr * rate,  # type: ignore[arg-type]  # a tensor too
            dampening=0.0, nesterov=False, maximize=False,
        )  # fmt: skip

    def step(self, weights: Tree, grads: Tree, moments: Moments, rate: Rate) -> tuple[Tree, Moments]:
        m = {k: self.momentum * moments["m"][k] + grads[k] + self.weight_decay * w for k, w in weights.items()}
        return {k: w - self.lr * rate * m[k] for k, w in weights.items()}, {"m": m}


@named
class RMSProp(NamedTuple):
    """Tieleman & Hinton 2012. alpha: as in torch (theirs is 0.9; WGAN used torch's 0.99).

    >>> rms, w = RMSProp(lr=0.1, alpha=0.0), {"w": torch.tensor([1.0])}
    >>> rms.step(w, {"w": torch.tensor([5.0])}, rms.init(w), 1.0)[0]["w"]
    tensor([0.9000])
    """

    lr: float = 5e-5
    alpha: float = 0.99
    eps: float = 1e-8
    schedule: Schedule | None = None

    def settings(self) -> dict[str, Any]:
        return self._asdict()

    def with_settings(self, **settings: Any) -> "RMSProp":
        return self._replace(**settings)

    def init(self, weights: Mapping[str, Tensor]) -> Moments:
        return {"v": _zeros(weights), "count": _counts(weights)}

    def step_(self, weights: Mapping[str, Tensor], grads: list[Tensor], moments: Moments, rate: Rate) -> None:
        w, v, count = _lists(weights, moments["v"], moments["count"])
        if isinstance(rate, Tensor):  # torch's looks at its value, which a CUDA graph cannot
            new, after = self.step(dict(weights), dict(zip(weights, grads, strict=True)), moments, rate)
            for old, tree in ((weights, new), (moments["v"], after["v"]), (moments["count"], after["count"])):
                torch._foreach_copy_(list(old.values()), list(tree.values()))
            return
        rmsprop(w, grads, v, [], [], count, foreach=True, lr=self.lr * rate, alpha=self.alpha, eps=self.eps,
                weight_decay=0.0, momentum=0.0, centered=False, maximize=False)  # fmt: skip

    def step(self, weights: Tree, grads: Tree, moments: Moments, rate: Rate) -> tuple[Tree, Moments]:
        v = {k: self.alpha * moments["v"][k] + (1 - self.alpha) * grads[k] ** 2 for k in weights}
        new = {k: w - self.lr * rate * grads[k] / ((v[k] + 1e-30).sqrt() + self.eps) for k, w in weights.items()}
        return new, {"v": v, "count": {k: c + 1 for k, c in moments["count"].items()}}


@recorded
def linear_decay(start: int, stop: int) -> Schedule:
    """Returns the schedule that is 1 until step `start`, then falls linearly to 0 at step `stop`.

    >>> linear_decay(10, 20)(15)
    0.5
    """
    return lambda t: min(1.0, max(0.0, (stop - t) / (stop - start)))


@recorded
def linear_decay_last(share: float, total_steps: int) -> Schedule:
    """Returns the schedule that is 1, then falls linearly to 0 over the last `share` of the steps, one at least.

    >>> linear_decay_last(0.5, 20)(15)
    0.5
    """
    return linear_decay(min(int(total_steps * (1 - share)), total_steps - 1), total_steps)


@recorded
def lowered_last(share: float, total_steps: int, factor: float = 0.1) -> Schedule:
    """Returns the schedule that is 1, then `factor` over the last `share` of the steps.

    >>> [lowered_last(0.5, 4)(t) for t in range(4)]
    [1.0, 1.0, 0.1, 0.1]
    """
    return lambda t: factor if t >= total_steps - round(share * total_steps) else 1.0


@recorded
def inverse_decay(span: int, alpha: float = 10.0, beta: float = 0.75) -> Schedule:
    """Returns the schedule (1 + alpha t / span)^-beta: DANN's (arXiv:1409.7495, section 4).

    >>> round(inverse_decay(100)(100), 4)
    0.1656
    """
    return lambda t: float((1 + alpha * t / span) ** -beta)


class Step(int):
    """The number of a step, which remembers what it was worked out from."""


@recorded
def halved(times: int, total_steps: int) -> Schedule:
    """Returns the schedule that is 1, and halved so many times, at equal distances.

    >>> [halved(2, 6)(t) for t in range(7)]
    [1.0, 1.0, 0.5, 0.5, 0.25, 0.25, 0.25]
    """
    return lambda t: 0.5 ** min(times, t * (times + 1) // total_steps)


@recorded
def step_at(share: float, total_steps: int) -> Step:
    """The step that this share of all steps precedes; where a run goes on for longer, that of the new total.

    >>> step_at(0.5, 20)
    10
    """
    return Step(round(share * total_steps))
