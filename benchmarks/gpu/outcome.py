"""An item of the check, what it found, and how far two results are apart."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, final

import torch
from torch import Tensor, nn

from energan.engine.game import Game

FP32 = 1e-3
"""How far an fp32 result may be from float64's or from another fp32 one, relative to its size.

Measured between float32 and float64 on a CPU, over all small games and three steps: 1.5e-4 (DGN-AM, whose losses
cancel), else 4e-5 or less, mostly 1e-6. A GPU sums in another order, which is as much again. A loss that is one percent
off gives 1e-2 in its player's moments, a wrong sign 2.
"""

BF16, TIMES, CHAOS = 0.25, 3.0, 0.5
"""How far a bf16 result may be from float64's: TIMES as far as the CPU's own, and BF16 at least.

bf16 has 8 bits, so a product is off by 0.4 %. Differences that cancel, and ReLUs that switch in nets of six units, make
0.4 of it at most in the CPU's moments. A wrong sign gives 2; a factor of two 1 in the first moments, 3 in the second.
Where the CPU's own are off by more than CHAOS (a generator of EBGAN-LN's), rounding decides: there the logs alone are
compared, which are of the steps before it does.
"""

HALF_ULP = 2.0**-24  # of float32, relative: what storing a weight rounds it by


class SkippedError(Exception):
    """An item that cannot be checked here; the message says why."""


class Finding(NamedTuple):
    """What an item found: a deviation and its tolerance (none where something is right or wrong), and a note."""

    deviation: float | None = None
    tolerance: float | None = None
    note: str = ""

    @property
    def fault(self) -> str:
        """What is wrong, or ""."""
        if self.deviation is None or self.tolerance is None or self.deviation <= self.tolerance:
            return ""  # of a NaN, no comparison holds
        return f"deviates by {self.deviation:.2g}, of which {self.tolerance:.2g} may be rounding"


@final
@dataclass(frozen=True)
class Setting:
    """Where items run: on a device, in a folder of their own."""

    device: str
    folder: Path

    @property
    def cuda(self) -> bool:
        return self.device.startswith("cuda")

    def wait(self) -> None:
        if self.cuda:
            torch.cuda.synchronize()


@final
@dataclass(frozen=True)
class Item:
    """One thing to check, of a group that is one row where all is right."""

    group: str
    name: str
    run: Callable[[Setting], Finding]

    @property
    def title(self) -> str:
        return f"{self.group}: {self.name}"


def expect(right: bool, otherwise: str) -> None:
    """AssertionError with a sentence, unless it is right."""
    if not right:
        raise AssertionError(otherwise)


# ---- distances ----


def flat(net: nn.Module | Mapping[str, Tensor]) -> Tensor:
    """All weights as one vector in float64, on the CPU."""
    weights = net.parameters() if isinstance(net, nn.Module) else net.values()
    return torch.cat([w.detach().cpu().double().flatten() for w in weights])


def learners(game: Game) -> list[str]:
    return [name for name, player in game.players.items() if player.optimizer]


Vectors = Mapping[str, Tensor]  # player, or player/moment -> all of its numbers


def of_nets(nets: Mapping[str, nn.Module], names: Sequence[str]) -> Vectors:
    return {name: flat(nets[name]) for name in names}


def of_moments(moments: Mapping[str, Mapping[str, Mapping[str, Tensor]]]) -> Vectors:
    """Of an optimizer's state, all but counts: gradients and their squares, which show a loss's scale where Adam's
    steps do not."""
    trees = {f"{player}/{name}": tree for player, kinds in moments.items() for name, tree in kinds.items()}
    return {key: flat(tree) for key, tree in trees.items() if not key.endswith(("/count", "/updates"))}


class Played(NamedTuple):
    """What some steps came to: weights, moments, and the logs of each step."""

    weights: Vectors
    moments: Vectors
    logs: Sequence[Mapping[str, Any]]


def apart(reference: Played, other: Played, start: Vectors) -> tuple[float, float]:
    """How far two plays of one game from the same `start` are apart: in their updates and moments, in their logs."""
    moved = update_apart(reference.weights, other.weights, start), vectors_apart(reference.moments, other.moments)
    return larger(*moved), logs_apart(reference.logs, other.logs)


def update_apart(reference: Vectors, other: Vectors, start: Vectors) -> float:
    """The largest |other - reference| / |reference - start| of the players, lengths of vectors of all their weights.

    What float32 rounds in storing the weights, at each of three steps, is set aside: a small update of large weights is
    mostly that.
    """
    worst = 0.0
    for name, first in start.items():
        update = (reference[name] - first).norm()
        beyond = (other[name] - reference[name]).norm() - 3 * HALF_ULP * first.norm()
        worst = larger(worst, float(beyond) / max(float(update), 1e-12))
    return worst


def vectors_apart(reference: Vectors, other: Vectors) -> float:
    """The largest |other - reference| / |reference|, of those that are not 0.

    SGD without momentum keeps none in a Trainer, and the gradient in an Ensemble.
    """
    expect(reference.keys() == other.keys(), "they have other parts")
    sizes = {k: float(v.norm()) for k, v in reference.items()}
    return larger(0.0, *(float((other[k] - reference[k]).norm()) / size for k, size in sizes.items() if size))


def logs_apart(reference: Sequence[Mapping[str, Any]], other: Sequence[Mapping[str, Any]]) -> float:
    """The largest difference of two logs, step by step, relative to the log.

    A log that is below a hundredth of its step's largest counts as that: it is a difference of such numbers, or 0.
    """
    worst = 0.0
    for expected, given in zip(reference, other, strict=True):
        expect(expected.keys() == given.keys(), f"logs are called {', '.join(given)} instead of {', '.join(expected)}")
        least = 0.01 * max(float(torch.as_tensor(v).abs().max()) for v in expected.values())
        for key, value in expected.items():
            a, b = (torch.as_tensor(v).detach().cpu().double() for v in (value, given[key]))
            worst = larger(worst, float(((a - b).abs() / b.abs().clamp(min=max(least, 1e-12))).max()))
    return worst


def states_apart(reference: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> float:
    """The largest difference of leaves, relative to the largest number of the leaf; 0 where all bits are equal."""
    expect(reference.keys() == other.keys(), "the states have other leaves")
    worst = 0.0
    for key, value in reference.items():
        a, b = value.detach().cpu().double(), other[key].detach().cpu().double()
        if a.numel() and not torch.equal(a, b):
            worst = larger(worst, float((a - b).abs().max()) / max(float(a.abs().max()), 1e-12))
    return worst


def larger(*values: float) -> float:
    """The largest; NaN where one is none, of which `max` says nothing."""
    return next(filter(math.isnan, values), max(values))
