"""A game instrumented to report its phases: data, noise, play, update.

A step is watched from outside, by the parts of a game that the engine calls (its data, objectives and optimizers), so
that the engine knows nothing of being watched.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import final

from torch import Tensor

from energan.engine.game import Batch, Game, Logs, Objective, Players, Source
from energan.engine.optimizers import Moments, Rate, Wrapper

Mark = Callable[[str, int], None]  # (phase that begins: "data", "noise", "play" or "update"; bytes that it must move)


@final
@dataclass(frozen=True)
class _Marked(Wrapper):
    """Another optimizer, that says so before each of its steps."""

    mark: Mark

    def step_(self, weights: Mapping[str, Tensor], grads: list[Tensor], moments: Moments, rate: Rate) -> None:
        kept = [*weights.values(), *(m for tree in moments.values() for m in tree.values())]
        self.mark("update", 2 * sum(t.nbytes for t in kept) + sum(g.nbytes for g in grads))
        self.optimizer.step_(weights, grads, moments, rate)


def instrumented(game: Game, mark: Mark) -> Game:
    """The game, with mark("play", 0) before each objective and mark("update", bytes) before each player's step.

    The bytes are the least that an update moves: weights and moments once each way, gradients once.
    """
    turns = {
        name: tuple(move._replace(objective=_objective(move.objective, mark)) for move in moves)
        for name, moves in game.turns.items()
    }
    players = {
        name: player._replace(optimizer=_Marked(player.optimizer, mark)) if player.optimizer else player
        for name, player in game.players.items()
    }
    return game._replace(turns=turns, players=players)


def _objective(objective: Objective, mark: Mark) -> Objective:
    def play(p: Players, b: Batch) -> tuple[Tensor, Logs]:
        mark("play", 0)
        return objective(p, b)

    return play


def instrumented_source(source: Source, mark: Mark) -> Source:
    """The data, with mark("data", 0) where a turn begins (each starts by drawing its batch), and mark("noise", 0)."""

    def draw(k: int) -> Mapping[str, Tensor]:
        mark("data", 0)
        batch = source(k)
        mark("noise", 0)
        return batch

    return draw
