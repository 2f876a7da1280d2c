"""The check of all games: a step on the device against the CPU's in float64, many models, CUDA graphs."""

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import torch

from benchmarks.gpu import small
from benchmarks.gpu.outcome import (
    BF16,
    CHAOS,
    FP32,
    TIMES,
    Finding,
    Item,
    Played,
    Setting,
    Vectors,
    apart,
    expect,
    flat,
    larger,
    learners,
    of_moments,
    of_nets,
)
from energan.engine import Ensemble, Trainer
from energan.engine.game import Game

STEPS = 3
MODELS = 2
PERTURBED = 5
UNIT = 2.0**-24  # of fp32: half the distance from 1 to the next number
LONGEST = 12  # eager steps until a graph has to be there
REPLAYED = 6  # steps after it


def items() -> list[Item]:
    names = list(small.small_games())
    kinds: dict[str, Callable[[str, Setting], Finding]] = {
        "fp32, three steps": fp32,
        "bf16, three steps": bf16,
        "many as one": many,
        "graph": graph,
        "graph of many": graph_of_many,
    }
    every = [Item(kind, name, partial(check, name)) for kind, check in kinds.items() for name in names]
    return [*every, Item("graph", "a game that waits", waits)]


def played(one: Trainer, steps: int = STEPS) -> Played:
    logs = [{k: float(v) for k, v in one.step().items()} for _ in range(steps)]
    return so_far(one, logs)


def so_far(one: Trainer, logs: Sequence[dict[str, float]]) -> Played:
    """What is compared of a trainer, where these were its logs."""
    return Played(of_nets(one.nets, learners(one.game)), of_moments(one.state()["moments"]), logs)


def beginning(game: Game) -> Vectors:
    """The weights before the first step."""
    return of_nets({who: player.net for who, player in game.players.items()}, learners(game))


@cache
def start(name: str) -> Vectors:
    return beginning(small.build(name))


@cache
def reference(name: str, precision: str = "fp64") -> Played:
    """Three steps on the CPU."""
    return played(small.trainer(name, "cpu", precision))


@cache
def rounding(name: str) -> float:
    """How far float64's steps go apart where only the first weights are rounded to fp32, at random, PERTURBED times."""
    worst, exact = 0.0, played(small.trainer(name, "cpu", "fp64"))  # the same game as below, whatever the reference is
    for seed in range(PERTURBED):
        one, draws = small.trainer(name, "cpu", "fp64"), torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for who in learners(one.game):
                for weight in one.nets[who].parameters():
                    weight.mul_(1 + UNIT * torch.randn(weight.shape, generator=draws, dtype=weight.dtype))
        worst = larger(worst, *apart(exact, played(one), start(name)))
    return worst


def fp32(name: str, at: Setting) -> Finding:
    found = played(small.trainer(name, at.device, "fp32"))
    return _in_fp32(name, larger(*apart(reference(name), found, start(name))))


def _in_fp32(name: str, apart_by: float) -> Finding:
    """The finding: a game that doubles a rounding at every turn may be as far apart as rounding alone takes it."""
    if apart_by <= FP32 or (most := TIMES * rounding(name)) <= FP32:
        return Finding(apart_by, FP32)
    return Finding(apart_by, most, "rounding decides the steps: float64's own go as far apart, of weights rounded once")


def bf16(name: str, at: Setting) -> Finding:
    found = played(small.trainer(name, at.device, "bf16"))
    moved, said = apart(reference(name), found, start(name))
    its_moved, its_said = apart(reference(name), reference(name, "bf16"), start(name))
    expect(moved != 0, "bf16 gives float64's numbers: nothing was rounded")
    tolerances = (max(BF16, TIMES * its_moved), max(BF16, TIMES * its_said))
    if its_moved > CHAOS:
        expect(moved < float("inf"), "weights are not finite")
        return Finding(said, tolerances[1], "rounding decides the steps: logs are compared, and are finite")
    ratios = (moved / tolerances[0], said / tolerances[1])
    return Finding(moved, tolerances[0]) if larger(*ratios) != ratios[1] else Finding(said, tolerances[1])


def many(name: str, at: Setting) -> Finding:
    """Each model of an Ensemble is what a Trainer makes of it."""
    together = small.ensemble(name, at.device, MODELS)
    logs = [together.step() for _ in range(STEPS)]
    worst = 0.0
    for i in range(MODELS):
        game = small.portable(small.build(name, i))
        first = beginning(game)
        alone = played(Trainer(game, small.source(name, i), seed=i, device=at.device))
        mine = Played(
            {who: flat(together.players(i).weights(who)) for who in alone.weights},
            of_moments(_model(together.state()["moments"], i)),
            [{k: float(v[i]) for k, v in step.items()} for step in logs],
        )
        worst = larger(worst, *apart(alone, mine, first))
    return _in_fp32(name, worst)


def _model(tree: Any, i: int) -> Any:
    """Model i's leaves of an Ensemble's tree."""
    return tree[i] if isinstance(tree, torch.Tensor) else {k: _model(v, i) for k, v in tree.items()}


# ---- graphs: the same device and generators on both sides, so the games are as they are ----


def graph(name: str, at: Setting) -> Finding:
    return _graphed(lambda: Trainer(small.build(name), small.source(name), seed=1, device=at.device), at)


def graph_of_many(name: str, at: Setting) -> Finding:
    def make() -> Ensemble:
        games, sources = [small.build(name, i) for i in range(MODELS)], [small.source(name, i) for i in range(MODELS)]
        return Ensemble(games, sources, seeds=range(MODELS), device=at.device)

    return _graphed(make, at)


def _graphed(make: Callable[[], Any], at: Setting, fallback: bool = False) -> Finding:
    """A step that is replayed against the eager one."""
    from energan.engine.graphs import Graphed

    one, eager = make(), make()
    first = _weights(one)
    replayed = Graphed(one)
    taken, logs = 0, []
    for _ in range(LONGEST):
        logs.append(_copied(replayed.step()))
        taken += 1
        if replayed.captured or replayed.why or not at.cuda:
            break
    expect(bool(replayed.captured or replayed.why) or not at.cuda, f"no graph after {LONGEST} steps, and no reason")
    expect(not fallback or not at.cuda or bool(replayed.why), "a game that waits for the device was captured")
    logs += [_copied(replayed.step()) for _ in range(REPLAYED)]
    expected = [_copied(eager.step()) for _ in range(taken + REPLAYED)]
    found = apart(_played(eager, expected), _played(one, logs), first)
    return Finding(larger(*found), FP32, replayed.why)


def _copied(logs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Logs that the next replay does not overwrite."""
    return {k: v.detach().clone() for k, v in logs.items()}


def _weights(one: Any) -> Vectors:
    state = one.state()["weights"]
    return {name: flat(state[name]) for name in learners(one.game)}


def _played(one: Any, logs: Sequence[dict[str, torch.Tensor]]) -> Played:
    return Played(_weights(one), of_moments(one.state()["moments"]), logs)


def waits(at: Setting) -> Finding:
    """A game whose objective reads a number is played eagerly, and right."""
    return _graphed(lambda: Trainer(waiting(small.build("gan")), small.source("gan"), device=at.device), at, True)


def waiting(game: Game) -> Game:
    """The game, whose objectives look at their loss before they return it."""

    def looking(objective: Any) -> Any:
        def play(p: Any, b: Any) -> Any:
            loss, logs = objective(p, b)
            return loss * (1.0 if float(loss.detach()) == float(loss.detach()) else 0.0), logs

        return play

    turns = {
        name: tuple(move._replace(objective=looking(move.objective)) for move in moves)
        for name, moves in game.turns.items()
    }
    return game._replace(turns=turns)
