"""What may be added to a game with a critic, whatever its loss: more of the critic's turns, a penalty on its gradient,
samples that both players learn from.

    repeated     k turns of D, each on a fresh batch, then one of G      Goodfellow et al. 2014, arXiv:1406.2661, alg. 1
    penalised    L_D + weight P
        r1           P = 1/2 E ||grad D(x)||^2                           Mescheder et al. 2018, arXiv:1801.04406, eq. 9
        one-sided    P = E [||grad D(x^)|| - 1]+^2, x^ between pairs     Petzka et al. 2018, arXiv:1709.08894
        dragan       P = E (||grad D(x + delta)|| - 1)^2                 Kodali et al. 2017, arXiv:1705.07215
    shared       G moves on the samples of D's last turn, which are drawn once     a departure from algorithm 1

D reads each example by itself: it has no batch norm, under which a gradient would be of the whole batch.
More samples at once for D (PacGAN) is a net: networks.layers.packed.
NOTE: delta is half a standard deviation of the batch times U(0, 1), as in code that goes with DRAGAN; the paper has
N(0, c I). That code takes the gradient at a random point on the way from x to x + delta, the paper, and we, at its end.
"""

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor

from energan.engine.game import Batch, Game, Logs, Objective, Players
from energan.engine.rng import stream_uniform
from energan.losses.gradient_penalty import interpolate, unit_norm, zero_centred
from energan.utils.errors import UserError
from energan.utils.specification import recorded

Penalty = Literal["r1", "one-sided", "dragan"]

MEANINGS = {
    "penalty": "weight of the penalty on the critic's gradient",
    "gradient penalty": "how far the critic's gradient is from what the penalty wants: 0 (r1), or a norm of 1",
}


@recorded
def repeated(game: Game, k: int, who: str = "D") -> Game:
    """The game with k turns of `who` before the others' in each step; k at least 1. ValueError if it has none."""
    if who not in game.turns:
        raise ValueError(f"the game has no turn of {who} alone: {', '.join(game.turns)}")
    order = tuple(turn for turn in game.turns for _ in range(k if turn == who else 1))
    return game._replace(order=partial(_always, order=order))


def _always(t: int, order: tuple[str, ...]) -> tuple[str, ...]:
    return order


@recorded
def shared(game: Game, who: str = "G") -> Game:
    """The game in which a turn that moves `who` is played on the batch of the turn before it: `Game.share`.

    UserError if no turn of `who` comes after one that does not move it.
    """
    moves = {turn: who in game.movers(turn) for turn in game.turns}
    pairs = {after: turn for turn, after in pairwise(game.turns) if moves[after] and not moves[turn]}
    if not pairs:
        raise UserError(f"no turn of {who} follows another's here (turns: {', '.join(game.turns)}): nothing to share")
    return game._replace(share=pairs)


def r1(p: Players, b: Batch, who: str) -> Tensor:
    return zero_centred(getattr(p, who), b.x) / 2


def one_sided(p: Players, b: Batch, who: str) -> Tensor:
    eps = stream_uniform(b.x.flatten(1)[:, 0]).to(b.x)
    return unit_norm(getattr(p, who), interpolate(b.x, p.G(b.z).detach(), eps), one_sided=True)


def dragan(p: Players, b: Batch, who: str) -> Tensor:
    delta = b.x.float().std(correction=0) / 2 * stream_uniform(b.x)
    return unit_norm(getattr(p, who), b.x + delta.to(b.x))


PENALTIES: dict[str, Callable[[Players, Batch, str], Tensor]] = {"r1": r1, "one-sided": one_sided, "dragan": dragan}


def with_penalty(p: Players, b: Batch, objective: Objective, kind: str, who: str) -> tuple[Tensor, Logs]:
    loss, logs = objective(p, b)
    steep = PENALTIES[kind](p, b, who)
    return loss + b.penalty * steep, {**logs, "gradient penalty": steep}


@recorded
def penalised(game: Game, kind: Penalty, weight: float, who: str = "D") -> Game:
    """The game in which `who`, which returns (n,), also minimises weight times the penalty, in its own turn."""
    (move,) = game.turns[who]
    objective = partial(with_penalty, objective=move.objective, kind=kind, who=who)
    return game._replace(
        turns={**game.turns, who: (move._replace(objective=objective),)},
        hyperparameters={**game.hyperparameters, "penalty": weight},
        meanings={**game.meanings, **MEANINGS},
    )


def has_batch_norm(net: torch.nn.Module) -> bool:
    """Whether a net's reading of one example depends on the others in its batch."""
    from energan.networks.layers import BatchNorm

    return any(isinstance(layer, BatchNorm) for layer in net.modules())
