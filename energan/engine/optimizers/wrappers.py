"""Optimizers that wrap others: historical averaging, a pause where all gradients are 0, several in turn."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self, final

import torch
from torch import Tensor

from energan.engine.optimizers.standard import Moments, Optimizer, Rate, Schedule, Tree, _counts, _zeros
from energan.utils.errors import UserError
from energan.utils.specification import named


@dataclass(frozen=True)
class Wrapper:
    """Another optimizer; subclasses override what they change."""

    optimizer: Optimizer

    @property
    def schedule(self) -> Schedule | None:
        return self.optimizer.schedule

    def init(self, weights: Mapping[str, Tensor]) -> Moments:
        return self.optimizer.init(weights)

    def step_(self, weights: Mapping[str, Tensor], grads: list[Tensor], moments: Moments, rate: Rate) -> None:
        self.optimizer.step_(weights, grads, moments, rate)

    def step(self, weights: Tree, grads: Tree, moments: Moments, rate: Rate) -> tuple[Tree, Moments]:
        return self.optimizer.step(weights, grads, moments, rate)

    def settings(self) -> dict[str, Any]:
        return self.optimizer.settings()

    def with_settings(self, **settings: Any) -> Self:
        return replace(self, optimizer=self.optimizer.with_settings(**settings))


@named
@final
@dataclass(frozen=True)
class HistoricalAveraging(Wrapper):
    """Historical averaging around another optimizer.  Salimans et al. 2016, arXiv:1606.03498, section 3.3.

    Adds weight ||theta - (1/t) sum_i theta_i||^2 to what the player descends, for an ascending player too: its gradient
    2 weight (theta - mean), the mean a constant, is added to the one that `optimizer` gets. The mean runs over the
    weights before each update so far, the present ones included, so that the first update has no pull.

    The settings of both are one flat set (`with_settings(weight=1.0, lr=0.1)`): an Ensemble gives each model its own.

    >>> from energan.engine.optimizers import SGD
    >>> HistoricalAveraging(SGD(lr=0.1), weight=0.5).settings()["weight"]
    0.5
    """

    weight: float = 1.0

    def init(self, weights: Mapping[str, Tensor]) -> Moments:
        return {**self.optimizer.init(weights), "mean": _zeros(weights), "updates": _counts(weights)}

    def step_(self, weights: Mapping[str, Tensor], grads: list[Tensor], moments: Moments, rate: Rate) -> None:
        pulled = []
        for (k, w), g in zip(weights.items(), grads, strict=True):
            moments["updates"][k].add_(1)
            mean = moments["mean"][k].add_((w - moments["mean"][k]) / moments["updates"][k])
            pulled.append(g + 2 * self.weight * (w - mean))
        self.optimizer.step_(weights, pulled, moments, rate)

    def step(self, weights: Tree, grads: Tree, moments: Moments, rate: Rate) -> tuple[Tree, Moments]:
        updates = {k: c + 1 for k, c in moments["updates"].items()}
        mean = {k: m + (weights[k] - m) / updates[k] for k, m in moments["mean"].items()}
        pulled = {k: g + 2 * self.weight * (weights[k] - mean[k]) for k, g in grads.items()}
        after, inner = self.optimizer.step(weights, pulled, moments, rate)
        return after, {**inner, "mean": mean, "updates": updates}

    def settings(self) -> dict[str, Any]:
        return {**self.optimizer.settings(), "weight": self.weight}

    def with_settings(self, *, weight: float | None = None, **settings: Any) -> "HistoricalAveraging":
        weight = self.weight if weight is None else weight
        return HistoricalAveraging(self.optimizer.with_settings(**settings), weight)


def cheap_to_look(weights: Mapping[str, Tensor]) -> bool:
    """Whether a value may be looked at: on the CPU. On a GPU the host would wait for it, and in a graph it cannot."""
    return all(w.device.type == "cpu" for w in weights.values())


@named
@final
@dataclass(frozen=True)
class PauseOnZeroGradient(Wrapper):
    """Another optimizer, but a step whose gradients are all 0 changes nothing, weights or moments.

    So a player whose loss is multiplied by 0 rests; else its moments would move it on.

    >>> from energan.engine.optimizers import SGD
    >>> paused, w = PauseOnZeroGradient(SGD(lr=0.1, weight_decay=0.5)), {"w": torch.tensor([1.0])}
    >>> paused.step(w, {"w": torch.tensor([0.0])}, paused.init(w), 1.0)[0]["w"]
    tensor([1.])
    """

    def step_(self, weights: Mapping[str, Tensor], grads: list[Tensor], moments: Moments, rate: Rate) -> None:
        if cheap_to_look(weights):
            if any(bool(g.any()) for g in grads):
                self.optimizer.step_(weights, grads, moments, rate)
            return
        trees = [dict(weights), *moments.values()]
        before = [{k: v.clone() for k, v in tree.items()} for tree in trees]
        learns = torch.stack([g.any() for g in grads]).any()
        self.optimizer.step_(weights, grads, moments, rate)
        for tree, old in zip(trees, before, strict=True):
            for k, v in tree.items():
                v.copy_(torch.where(learns, v, old[k]))

    def step(self, weights: Tree, grads: Tree, moments: Moments, rate: Rate) -> tuple[Tree, Moments]:
        after, moved = self.optimizer.step(weights, grads, moments, rate)
        learns = torch.stack([g.any() for g in grads.values()]).any()

        def select(new: Tree, old: Mapping[str, Tensor]) -> Tree:
            return {k: torch.where(learns, new[k], old[k]) for k in new}

        return select(after, weights), {name: select(tree, moments[name]) for name, tree in moved.items()}


@dataclass(frozen=True)
class Several(ABC):
    """Several optimizers of one player, each with moments of its own; subclasses say whose turn an update is.

    All have the first one's schedule. The settings of the i-th have _i at their end, as in lr_0; `with_settings` also
    takes one without, which is for all. UserError for none, and for different schedules.
    """

    optimizers: tuple[Optimizer, ...]

    def __post_init__(self) -> None:
        if not self.optimizers or any(o.schedule != self.optimizers[0].schedule for o in self.optimizers):
            raise UserError("several optimizers of a player are one or more, with one schedule of the learning rate")

    @abstractmethod
    def which(self, updates: Any) -> Any:
        """The number of the optimizer of the update that so many came before: of an int, or of a tensor."""

    @property
    def schedule(self) -> Schedule | None:
        return self.optimizers[0].schedule

    def init(self, weights: Mapping[str, Tensor]) -> Moments:
        each = (o.init(weights) for o in self.optimizers)
        trees = {f"{name}_{i}": tree for i, moments in enumerate(each) for name, tree in moments.items()}
        return {**trees, "updates": _counts(weights)}

    def _of(self, moments: Moments, i: int) -> Moments:
        return {name.rpartition("_")[0]: tree for name, tree in moments.items() if name.endswith(f"_{i}")}

    def step_(self, weights: Mapping[str, Tensor], grads: list[Tensor], moments: Moments, rate: Rate) -> None:
        if cheap_to_look(weights):
            i = self.which(int(next(iter(moments["updates"].values()))))
            self.optimizers[i].step_(weights, grads, self._of(moments, i), rate)
            torch._foreach_add_(list(moments["updates"].values()), 1)
            return
        new, after = self.step(dict(weights), dict(zip(weights, grads, strict=True)), moments, rate)
        for old, tree in ((weights, new), *((moments[name], tree) for name, tree in after.items())):
            torch._foreach_copy_(list(old.values()), list(tree.values()))

    def step(self, weights: Tree, grads: Tree, moments: Moments, rate: Rate) -> tuple[Tree, Moments]:
        updates = moments["updates"]
        after: Moments = {"updates": {k: c + 1 for k, c in updates.items()}}
        new = dict(weights)
        for i, optimizer in enumerate(self.optimizers):
            before = self._of(moments, i)
            stepped, inner = optimizer.step(weights, grads, before, rate)
            now = {k: self.which(c) == i for k, c in updates.items()}
            new = {k: torch.where(now[k], stepped[k], w) for k, w in new.items()}
            for name, tree in inner.items():
                after[f"{name}_{i}"] = {k: torch.where(now[k], v, before[name][k]) for k, v in tree.items()}
        return new, after

    def settings(self) -> dict[str, Any]:
        return {f"{name}_{i}": v for i, o in enumerate(self.optimizers) for name, v in o.settings().items()}

    def with_settings(self, **settings: Any) -> Self:
        def of(optimizer: Optimizer, i: int) -> Optimizer:
            own = {name.removesuffix(f"_{i}"): v for name, v in settings.items() if name.endswith(f"_{i}")}
            shared = {name: v for name, v in settings.items() if name in optimizer.settings()}
            return optimizer.with_settings(**shared, **own)

        return replace(self, optimizers=tuple(of(o, i) for i, o in enumerate(self.optimizers)))


@named
@final
@dataclass(frozen=True)
class Alternating(Several):
    """Several optimizers of one player, in turn, each with moments of its own: update k is by the (k mod n)-th.

    For a player that moves once in each of n turns, and whose objectives there have nothing in common: so none of them
    moves it on by another's momentum.

    >>> from energan.engine.optimizers import SGD
    >>> two, w = Alternating((SGD(lr=0.1), SGD(lr=0.5))), {"w": torch.tensor([1.0])}
    >>> moments = two.init(w)
    >>> for _ in range(3):
    ...     two.step_(w, [torch.tensor([1.0])], moments, 1.0)
    >>> w["w"]  # 1 - 0.1 - 0.5 - 0.1
    tensor([0.3000])
    """

    def which(self, updates: Any) -> Any:
        return updates % len(self.optimizers)


@named
@final
@dataclass(frozen=True)
class Succeeding(Several):
    """Two optimizers of one player, one after another: the first `after` updates are by the first, all others by the
    second, which begins anew.

    For a player that learns one thing, and then another.

    >>> from energan.engine.optimizers import SGD
    >>> two, w = Succeeding((SGD(lr=0.1), SGD(lr=0.5)), after=2), {"w": torch.tensor([1.0])}
    >>> moments = two.init(w)
    >>> for _ in range(3):
    ...     two.step_(w, [torch.tensor([1.0])], moments, 1.0)
    >>> w["w"]  # 1 - 0.1 - 0.1 - 0.5
    tensor([0.3000])
    """

    after: int

    def which(self, updates: Any) -> Any:
        later = updates >= self.after
        return later.long() if isinstance(later, Tensor) else int(later)
