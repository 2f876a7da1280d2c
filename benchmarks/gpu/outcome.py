"""An item of the check, what it found, and how far two results are apart."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, final

import torch
from torch import Tensor, nn

from energan.engine.game import Game

FP32 = 1e-3
"""How far an fp32 result may be from float64's or another fp32 one, relative to the update.

Measured between float32 and float64 on a CPU, over all small games and three steps: 8e-5 (DGN-AM's D, whose loss
cancels), else 1e-6 or less. A GPU sums in another order, which is as much again. A loss that is one percent off gives
1e-2 in its player's update, a wrong sign 2.
"""

BF16, BF16_MOST, TIMES = 0.25, 1.0, 2.0
"""How far a bf16 result may be from float64's: twice as far as the CPU's own, at least BF16, at most BF16_MOST.

bf16 has 8 bits, so a product is off by 0.4 %; differences that cancel, and ReLUs that switch in nets of six units,
make more of it: 0.2 of the update and more on the CPU. A wrong sign gives 2, a factor of two gives 1.
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
    """One thing to check. `apart`: it runs in a process of its own, so beside the others."""

    group: str
    name: str
    run: Callable[[Setting], Finding]
    apart: bool = field(default=False)

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


Weights = Mapping[str, Tensor]  # player -> `flat` of its net


def of_nets(nets: Mapping[str, nn.Module], names: Sequence[str]) -> Weights:
    return {name: flat(nets[name]) for name in names}


def update_apart(reference: Weights, other: Weights, start: Weights) -> float:
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
    return next((v for v in values if v != v), max(values))
