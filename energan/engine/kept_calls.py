"""Calls of a player in one turn, kept with their graphs for the next turn on the same batch: G(z), drawn once.

It is `Game.share`'s speed, not its meaning: with or without it, the same numbers come out.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from energan.engine.optimizers import Tree
from energan.engine.rng import drawn


@final
class KeptCalls:
    """Some players' nets, called in their place through a turn that leaves these players as they are, and the next.

    In the first, a call is computed with its graph and returned without. In the second, where the player moves, the
    same call (the very same tensors) is what was computed, with its graph: once, for a graph can be gone back through
    once. Whatever may not be the same is computed again: what has drawn random numbers in its layers, and what depends
    on arguments with gradients of their own.

    Args:
        nets: The players' nets.
        weights: Their weights that learn. `requires_grad` of these says whether the player moves.

    >>> G, z = nn.Linear(1, 1).requires_grad_(False), torch.ones(1, 1)
    >>> kept = KeptCalls({"G": G}, {"G": dict(G.named_parameters())})
    >>> fake = kept.calls["G"](z)
    >>> again = kept.calls["G"](z) if G.requires_grad_(True) else None
    >>> fake.requires_grad, again.requires_grad, torch.equal(fake, again)
    (False, True, True)
    """

    def __init__(self, nets: Mapping[str, nn.Module], weights: Mapping[str, Tree]) -> None:
        self.calls: dict[str, Callable[..., Any]] = {
            name: partial(self._call, net, list(weights[name].values()), []) for name, net in nets.items()
        }

    def _call(
        self, net: nn.Module, weights: list[Tensor], kept: list[tuple[tuple[Any, ...], Any]], *arguments: Any
    ) -> Any:
        moves = any(w.requires_grad for w in weights)
        for i, (known, output) in enumerate(kept):
            if len(known) == len(arguments) and all(a is b for a, b in zip(known, arguments, strict=True)):
                return kept.pop(i)[1] if moves else tree_map(_detached, output)
        if moves or any(isinstance(a, Tensor) and a.requires_grad for a in arguments):
            return net(*arguments)
        before = drawn()
        for w in weights:
            w.requires_grad_(True)
        try:
            with torch.enable_grad():  # an objective may be without, as it needs no gradient of this player
                output = net(*arguments)
        finally:
            for w in weights:
                w.requires_grad_(False)
        if drawn() == before:
            kept.append((arguments, output))
        return tree_map(_detached, output)


def _detached(x: Any) -> Any:
    return x.detach() if isinstance(x, Tensor) else x
