"""One system that plays on the engine's Trainer, as the laboratory has it, step by step.

Its numbers are those of

    with seeded(seed):
        game = SYSTEMS[name](settings)
    trainer = Trainer(game, toys.source(target, settings.batch, seed), seed=seed)

as long as no rate and no hyperparameter is changed. What is shown of it changes nothing in it.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple, final

import torch
from torch import Tensor

from energan.data import toys
from energan.engine import Trainer
from energan.engine.game import Batch, Game, Player
from energan.engine.optimizers import Schedule
from energan.engine.rng import seeded
from energan.lab.modes.systems import SYSTEMS, Settings
from energan.studio.pages.toy.points import SHOWN
from energan.utils.checks import at_least, usable_seed
from energan.utils.errors import UserError

ENDLESS = 10**9  # steps: a study's rates fall to 0 over the last half of its steps, here they stay

LARGEST = {"batch": 1024, "width": 256, "z": 64}

SIDE = 48  # of the critic's field, points

ARROWS = 13  # of its gradients, along a side


def settings_of(seed: int = 0, batch: int = 128, width: int = 64, z: int = 2) -> Settings:
    """The laboratory's settings of a game without end. UserError for one that is no sound number, or too large."""
    usable_seed(seed)
    at_least(1, width=width, z=z)
    at_least(2, batch=batch)
    for name, value in (("batch", batch), ("width", width), ("z", z)):
        if value > LARGEST[name]:
            raise UserError(f"`{name}` {value:,} is more than the {LARGEST[name]:,} that a toy game takes")
    return Settings(seeds=1, steps=ENDLESS, batch=batch, width=width, z=z, looks=1, seed=seed)


class Look(NamedTuple):
    """What is seen of a system. samples (SHOWN, 2); field (SIDE^2,), row by row from below; gradients (ARROWS^2, 2)."""

    samples: Tensor
    field: Tensor
    gradients: Tensor


def square(extent: float, side: int) -> Tensor:
    """(side^2, 2): points of a square grid over [-extent, extent]^2, row by row from below."""
    ticks = torch.linspace(-extent, extent, side)
    y, x = torch.meshgrid(ticks, ticks, indexing="ij")
    return torch.stack([x.flatten(), y.flatten()], 1)


@final
class System:
    """A system that plays.

    Args:
        name: One of the laboratory's SYSTEMS.
        target: What it learns.
        settings: As `settings_of` has them.
        extent: Half the side of the square that is shown.

    Raises:
        UserError: There is no such system.
    """

    def __init__(self, name: str, target: toys.Distribution, settings: Settings, extent: float) -> None:
        if name not in SYSTEMS:
            raise UserError(f"there is no system {name!r}; there are {', '.join(SYSTEMS)}")
        with seeded(settings.seed):
            game = SYSTEMS[name](settings)
        self.name, self.extent = name, extent
        self.rates = _rates(game)
        self.hyperparameters = dict(game.hyperparameters)
        self._first = dict(self.rates)
        self.trainer = Trainer(
            game._replace(players={who: self._with_rate(who, player) for who, player in game.players.items()}),
            toys.source(target, settings.batch, settings.seed),
            seed=settings.seed,
        )
        self.logs: dict[str, float] = {}
        self.told = ""  # why it plays no more

    @property
    def reads_errors(self) -> bool:
        """Whether the critic's field is an energy, low at real points; else it is a score, high there."""
        return self.trainer.game.energy_map is not None

    def _with_rate(self, who: str, player: Player) -> Player:
        """The player, whose learning rate is what `rates` says at each step."""
        if who not in self._first or player.optimizer is None:
            return player
        schedule = partial(self._factor, who=who, own=player.optimizer.schedule)
        return player._replace(optimizer=player.optimizer.with_settings(schedule=schedule))

    def _factor(self, t: int, who: str, own: Schedule | None) -> float:
        return (own(t) if own else 1.0) * (self.rates[who] / self._first[who])

    def set_rate(self, who: str, rate: float) -> None:
        """The learning rate of a player, from its next step on. UserError for one that is no number from 0 on."""
        if who not in self.rates:
            raise UserError(f"{self.name} has no rate of {who!r}")
        if not (math.isfinite(rate) and rate >= 0):
            raise UserError(f"the rate of {who} is a number from 0 on, not {rate}")
        self.rates[who] = rate

    def set_hyperparameter(self, which: str, value: float) -> None:
        """A number of the game, from the next step on. UserError for one that is not finite, or not there."""
        if which not in self.hyperparameters:
            raise UserError(f"{self.name} has no {which!r}")
        if not math.isfinite(value):
            raise UserError(f"{which} is a number, not {value}")
        self.hyperparameters[which] = value
        self.trainer.state()["hyperparameters"][which].fill_(value)

    def step(self) -> None:
        """Plays one step; a system that has diverged stays where it is."""
        if self.told:
            return
        self.logs = {name: float(value) for name, value in self.trainer.step().items()}
        for name, value in self.logs.items():
            if not math.isfinite(value):
                return self._diverged(f"{name} is {value}")

    def look(self) -> Look | None:
        """What is seen of it now; None where it has diverged."""
        if self.told:
            return None
        found = Look(self._samples(), self._field(), self._gradients())
        for what, values in zip(("a sample", "the critic's output", "the critic's gradient"), found, strict=True):
            if not bool(values.isfinite().all()):
                self._diverged(f"{what} is no finite number")
                return None
        return found

    def _diverged(self, why: str) -> None:
        self.told = f"{self.name} diverged at step {self.trainer.t:,}: {why}. Start anew, with lower rates."

    @torch.no_grad()
    def _samples(self) -> Tensor:
        game, generator = self.trainer.game, torch.Generator().manual_seed(0)  # the same noise at each look
        assert game.sample is not None  # all of the laboratory's systems draw
        noise = {name: draw(generator, SHOWN) for name, draw in game.noise.items()}
        return game.sample(self.trainer.players, Batch(noise))

    def _reading(self, x: Tensor) -> Tensor:
        energy = self.trainer.game.energy
        assert energy is not None  # and read
        read = energy(self.trainer.players, Batch({"x": x}))
        return read if self.reads_errors else -read

    @torch.no_grad()
    def _field(self) -> Tensor:
        return self._reading(square(self.extent, SIDE))

    def _gradients(self) -> Tensor:
        # arrows stand in the middle of equal squares, else half of them would point out of the picture
        x = square(self.extent * (1 - 1 / ARROWS), ARROWS).requires_grad_(True)
        return torch.autograd.grad(self._reading(x).sum(), x)[0]


def _rates(game: Game) -> dict[str, float]:
    optimizers = {who: player.optimizer for who, player in game.players.items() if player.optimizer}
    found = {who: optimizer.settings().get("lr") for who, optimizer in optimizers.items()}
    return {who: rate for who, rate in found.items() if rate}


@final
class Pair:
    """Systems that play the same points with one seed, in step.

    Args:
        names: Of the systems, one or two.
        target: What they learn.
        settings: As `settings_of` has them.
        points: Some of what they learn, to be shown, (n, 2).
        extent: Half the side of the square that is shown.
    """

    def __init__(
        self, names: list[str], target: toys.Distribution, settings: Settings, points: Tensor, extent: float
    ) -> None:
        self.systems = [System(name, target, settings, extent) for name in names]
        self.points, self.extent, self.t = points, extent, 0

    def step(self) -> None:
        """Plays one step of each that has not diverged."""
        for system in self.systems:
            system.step()
        if not self.over:
            self.t += 1

    def play(self, steps: int, enough: Callable[[], bool] = lambda: False) -> None:
        """Plays so many steps; fewer, one at least, where it is enough before."""
        for _ in range(steps):
            self.step()
            if self.over or enough():
                return

    @property
    def over(self) -> bool:
        """Whether all have diverged."""
        return all(system.told for system in self.systems)
