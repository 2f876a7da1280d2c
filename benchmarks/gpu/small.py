"""The small games that are played on two devices: those of the tests, with random numbers that are the same on both.

Every game of energan.games is among them, in several forms (tests/games/test_all_games.py holds it to that). A GPU's
generators draw other numbers than the CPU's from one seed, so here the CPU draws all: the noise that equations name
and the key of the layers' noise, which travels as one more noise.
"""

import sys
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from energan.engine import Ensemble, Trainer
from energan.engine.game import Batch, Game, Logs, Noise, Objective, Players, Source
from energan.engine.rng import stream

TESTS = Path(__file__).parents[2] / "tests"
for folder in (TESTS.parent, TESTS / "helpers"):
    if str(folder) not in sys.path:
        sys.path.append(str(folder))

KEY, KEYS = "layers", 2**20  # float32 holds such a key exactly

_twins: dict[torch.Generator, torch.Generator] = {}  # which not every torch lets go of by weak references


def small_games() -> dict[str, Any]:
    """Name -> the small game of the tests."""
    from tests.games.test_all_games import SMALL

    return SMALL


def build(name: str, i: int = 0) -> Game:
    """The i-th small game, on new nets: always from the same weights."""
    return small_games()[name].build(i, i)


def source(name: str, seed: int = 0) -> Source:
    """Its data."""
    from small_games import source as batches

    return batches(small_games()[name], seed)


def portable(game: Game) -> Game:
    """The game with random numbers that do not depend on the device."""
    turns = {
        name: tuple(move._replace(objective=_keyed(move.objective)) for move in moves)
        for name, moves in game.turns.items()
    }
    noise = {**game.noise, KEY: _key}
    return game._replace(turns=turns, noise={name: partial(_drawn_by_the_cpu, each) for name, each in noise.items()})


def _key(generator: torch.Generator, n: int) -> Tensor:
    return torch.randint(KEYS, (1,), generator=generator).expand(n)


def _drawn_by_the_cpu(noise: Noise, generator: torch.Generator, n: int) -> Tensor:
    if generator not in _twins:
        _twins[generator] = torch.Generator().manual_seed(generator.initial_seed())
    return noise(_twins[generator], n).to(generator.device)


def _keyed(objective: Objective) -> Objective:
    return partial(_play, objective)


def _play(objective: Objective, p: Players, b: Batch) -> tuple[Tensor, Logs]:
    with stream(getattr(b, KEY)[0].long()):
        return objective(p, b)


def trainer(name: str, device: str, precision: str, **settings: Any) -> Trainer:
    """A Trainer of the small game with portable random numbers."""
    return Trainer(portable(build(name)), source(name), device=device, precision=precision, **settings)


def ensemble(name: str, device: str, models: int = 2) -> Ensemble:
    """An Ensemble of several of them; model i is `Trainer(portable(build(name, i)), source(name, i), seed=i)`."""
    games, sources = [portable(build(name, i)) for i in range(models)], [source(name, i) for i in range(models)]
    return Ensemble(games, sources, seeds=range(models), device=device)
