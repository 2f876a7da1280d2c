"""Calls of a player in one turn, kept with their graphs for the next turn on the same batch: G(z), drawn once.

It is `Game.share`'s speed, not its meaning: drawing again gives the same numbers. (In bf16 they differ by rounding
where the second turn has yet another pass of the net, whose gradient is then not summed in bf16.)
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from energan.engine.optimizers import Tree
from energan.engine.rng import stream_draws


@final
class KeptCalls:
    """Nets as they are called in two turns on one batch, of which the second alone moves their players.

    In the first, a call is computed with its graph, and returned without it. In the second, the same call (of the very
    same tensors) returns what was computed, with its graph; once, as a graph is gone back through once. Not kept is
    what drew random numbers in its layers, and what depends on arguments with gradients of their own.

    Args:
        nets: The nets.
        weights: Those of their weights that learn. `requires_grad` of these says whether their player moves now.

    >>> G, z = nn.Linear(1, 1).requires_grad_(False), torch.ones(1, 1)
    >>> calls = KeptCalls({"G": G}, {"G": dict(G.named_parameters())}).calls
    >>> fake = calls["G"](z)
    >>> again = G.requires_grad_(True) and calls["G"](z)
    >>> fake.requires_grad, again.requires_grad, torch.equal(fake, again)
    (False, True, True)
    """

    def __init__(self, nets: Mapping[str, nn.Module], weights: Mapping[str, Tree]) -> None:
        self.calls: dict[str, Callable[..., Any]] = {
            name: partial(_call, net, list(weights[name].values()), []) for name, net in nets.items()
        }


def _call(net: nn.Module, weights: list[Tensor], kept: list[tuple[tuple[Any, ...], Any]], *arguments: Any) -> Any:
    moves = any(w.requires_grad for w in weights)
    for i, (known, output) in enumerate(kept):
        if len(known) == len(arguments) and all(a is b for a, b in zip(known, arguments, strict=True)):
            return kept.pop(i)[1] if moves else tree_map(_detached, output)
    if moves or any(isinstance(a, Tensor) and a.requires_grad for a in arguments):
        return net(*arguments)
    before = stream_draws()
    for w in weights:
        w.requires_grad_(True)
    try:
        with torch.enable_grad():  # an objective that asks for no gradient of this player may be without
            output = net(*arguments)
    finally:
        for w in weights:
            w.requires_grad_(False)
    if stream_draws() == before:
        kept.append((arguments, output))
    return tree_map(_detached, output)


def _detached(x: Any) -> Any:
    return x.detach() if isinstance(x, Tensor) else x
