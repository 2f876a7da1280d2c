"""Any game of images, asked for a class.  The general form of "Conditional generative adversarial nets", Mirza &
Osindero 2014, arXiv:1411.1784, eq. 2.

    G(z) becomes G(z, y),  D(x) becomes D(x, y)        in each objective of the game, whatever it is

x (n, c, h, w) in [-1, 1]; y (n, classes), the class of x, one-hot. The i-th sample of a turn is drawn for the class of
the i-th image, and D is told that class with either. So the point of a gradient penalty that lies between the two, and
a pair of R3GAN's, are of one class. How y enters the nets is theirs (networks.layers.condition).
"""

from functools import partial

import torch
from torch import Tensor

from energan.engine.game import Batch, Conditions, Game, Logs, Objective, Players, Readout
from energan.engine.noise import one_hot
from energan.utils.specification import recorded


def of_class(p: Players, b: Batch, objective: Objective, who: tuple[str, ...]) -> tuple[Tensor, Logs]:
    return objective(p.given(**dict.fromkeys(who, b.y)), b)


def least_energy(p: Players, b: Batch, energy: Readout, classes: int, who: tuple[str, ...]) -> Tensor:
    """min over y of E(x, y)."""
    return torch.stack([energy(told, b) for told in _told_each(p, b, classes, who)]).amin(0)


def least_energy_map(
    p: Players, b: Batch, energy: Readout, energy_map: Readout, classes: int, who: tuple[str, ...]
) -> Tensor:
    """The map of E(x, y), (n, h, w), for the y of `least_energy`."""
    each = _told_each(p, b, classes, who)
    best = torch.stack([energy(told, b) for told in each]).argmin(0)
    maps = torch.stack([energy_map(told, b) for told in each])
    return maps[best, torch.arange(b.x.shape[0], device=b.x.device)]


def _told_each(p: Players, b: Batch, classes: int, who: tuple[str, ...]) -> list[Players]:
    """The players, told each of the classes."""
    given = (y.expand(b.x.shape[0], -1) for y in torch.eye(classes, dtype=b.x.dtype, device=b.x.device))
    return [p.given(**dict.fromkeys(who, y)) for y in given]


@recorded
def conditional(game: Game, classes: int, who: tuple[str, ...] = ("G", "D")) -> Game:
    """The game whose players `who`, which take a class after their other input, are asked for one.

    Its energy reading is that of an image with the class that it has the lowest energy with.
    """
    draw, energy, each = game.sample, game.energy, game.energy_map
    assert draw is not None and energy is not None, "a game that draws, and scores images"
    turns = {
        turn: tuple(move._replace(objective=partial(of_class, objective=move.objective, who=who)) for move in moves)
        for turn, moves in game.turns.items()
    }
    return game._replace(
        turns=turns,
        noise={**game.noise, "c": one_hot(classes)},
        sample=lambda p, b: draw(p.given(**dict.fromkeys(who, b.c)), b),
        energy=partial(least_energy, energy=energy, classes=classes, who=who),
        energy_map=each and partial(least_energy_map, energy=energy, energy_map=each, classes=classes, who=who),
        conditions=Conditions("classes", lambda p, b: -energy(p.given(**dict.fromkeys(who, b.c)), b)),
    )
