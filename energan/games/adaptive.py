"""Adaptive augmentation (ADA), added to a game with a critic.  "Training generative adversarial networks with limited
data", Karras, Aittala, Hellsten, Laine, Lehtinen & Aila 2020, arXiv:2006.06676.

    D sees T_p(x) and T_p(G(z)), in the moves of all players: T_p makes each change with probability p     section 2.2
    sign         r_t = E[sign D(x)]                                       of training images               eq. 1
    validation   r_v = (E[D(x)] - E[D(v)]) / (E[D(x)] - E[D(G(z))])       v: images withheld               eq. 1
    p <- clip(p + rate sign(r - target), 0, 0.8)                          every 4 steps; p starts at 0     section 3

Both are 0 where D does not overfit and 1 where it does. r_t needs a D whose sign means something, as a logit's does.
r_v takes any real-valued critic: a score whose differences alone mean something, or an energy, D = -E, as EBGAN's. D is
read by the game's own readouts: -energy, or `conditions.match` of a game that is asked for something.

x, v (n, c, h, w); p is a player of one weight, so it is in the state and a resumed run repeats. An auto-encoder is
given T_p(x), and that is its target, too.

NOTE: T is DiffAugment's colour, translation and cutout (arXiv:2006.10738), not ADA's eighteen changes.
NOTE: r is of one batch every 4 steps; the paper averages the batches of 4 steps.
NOTE: p is at most 0.8, beyond which the paper sees augmentations leak into samples (section 2.2).
NOTE: the paper's target is 0.6, of r_t. That of r_v, 0.5, is ours: half of the way to a D that knows x alone.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from energan.engine.game import Batch, Clip, Game, Logs, Move, Objective, Player, Players, Readout
from energan.engine.optimizers import SGD
from energan.networks.layers import Scalar
from energan.utils.specification import recorded

EVERY = 4  # steps

MOST = 0.8  # of p

TARGETS = {"sign": 0.6, "validation": 0.5}

MEANINGS = {
    "p": "probability of each augmentation of what D sees; it rises while D overfits",
    "r": "how far D overfits, 0 to 1: r_t, the mean sign of D(x), or r_v, where D puts withheld images between",
}

Change = Callable[[Tensor, Tensor], Tensor]  # images (n, c, h, w), and p () -> T_p of them


def of_augmented(p: Players, b: Batch, objective: Objective, change: Change) -> tuple[Tensor, Logs]:
    chance = p.p().detach()

    def seen(x: Tensor) -> Tensor:
        return change(x, chance)

    return objective(p.then(G=seen), b.having(x=seen(b.x)))


def overfitting(
    p: Players, b: Batch, score: Readout, draw: Readout, change: Change, heuristic: str, target: float
) -> tuple[Tensor, Logs]:
    chance = p.p()
    with torch.no_grad():
        real = score(p, b.having(x=change(b.x, chance)))
        if heuristic == "sign":
            r = real.sign().mean()
        else:
            held = score(p, b.having(x=change(b.v, chance))).mean()
            fake = score(p, b.having(x=change(draw(p, b), chance))).mean()
            apart = real.mean() - fake
            # where D does not tell samples from images, it does not overfit
            r = torch.where(apart > 0, (real.mean() - held) / apart.clamp(min=1e-12), torch.zeros_like(apart))
        way = (r - target).sign()
    return -(chance * way).sum(), {"p": chance, "r": r}


def score_of(game: Game) -> Readout:
    """D's output, high for images that it takes for real; of a game that is asked for something, with what b.y asks."""
    if (conditions := game.conditions) is not None:
        return partial(_match, match=conditions.match, data=conditions.data)
    assert game.energy is not None, "a game with a critic"
    return partial(_minus, energy=game.energy)


def _match(p: Players, b: Batch, match: Readout, data: str) -> Tensor:
    return match(p, b.having(c=getattr(b, data))).float()


def _minus(p: Players, b: Batch, energy: Readout) -> Tensor:
    return -energy(p, b).float()


def _order(t: int, order: Callable[[int], Sequence[str]] | None, turns: tuple[str, ...]) -> tuple[str, ...]:
    played = tuple(order(t)) if order else turns
    return (*played, "p") if t % EVERY == EVERY - 1 else played


@recorded
def adaptive(
    game: Game,
    change: Change,
    *,
    rate: float,
    heuristic: Literal["sign", "validation"] = "sign",
    target: float | None = None,
) -> Game:
    """The game, whose D sees augmented images, as far as it overfits.

    Args:
        game: A game with a generator G, that draws and scores images.
        change: T: images (n, c, h, w) and p () -> images, each of its changes made with probability p.
        rate: How far p moves, every 4 steps: 4 batch / images in which it can go from 0 to 1, 500,000 in the paper.
        heuristic: r_t or r_v; for r_v the batches have v.
        target: Of r; by default 0.6 for r_t, 0.5 for r_v.
    """
    assert game.sample is not None and "G" in game.players, "a game that draws"
    measured = partial(
        overfitting, score=score_of(game), draw=game.sample, change=change, heuristic=heuristic,
        target=TARGETS[heuristic] if target is None else target,
    )  # fmt: skip
    turns = {
        turn: tuple(
            move._replace(objective=partial(of_augmented, objective=move.objective, change=change)) for move in moves
        )
        for turn, moves in game.turns.items()
    }
    return game._replace(
        players={**game.players, "p": Player(Scalar(0.0), SGD(rate), Clip(0.0, MOST))},
        turns={**turns, "p": (Move(measured, min=("p",)),)},
        order=partial(_order, order=game.order, turns=tuple(game.turns)),
        meanings={**game.meanings, **MEANINGS},
    )
