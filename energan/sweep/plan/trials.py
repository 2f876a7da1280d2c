"""What a sweep is to do: its plan, and each trial of it, numbered. Plain data that any process can play.

Trial number t has setting t // len(seeds) and seed t % len(seeds). Its identity is a hash of recipe, arguments and
seed: what has been played is known again, and nothing else is taken for it.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, final

from energan.sweep.plan.halving import Halving
from energan.sweep.plan.space import Setting, Space
from energan.utils.errors import UserError

FORMAT = 1  # of sweep.json and of a row

Result = dict[str, Any]  # a trial's row: docs/sweep.md has its entries


@final
class Trial(NamedTuple):
    """One training: `recipe` with `arguments` (all of them, flat), of which `setting` and `seed` are the sweep's.

    samples: How many samples it is measured by; None for as many as its feature network is quick enough for.
    halving: How it may be stopped early; None: not.
    """

    number: int
    identity: str
    recipe: str
    arguments: dict[str, Any]
    setting: Setting
    seed: int
    samples: int | None
    halving: Halving | None = None

    def computed_identity(self) -> str:
        """The identity that its content has."""
        known = [FORMAT, self.recipe, self.arguments, self.samples, *(self.halving or ())]
        told = json.dumps(known, sort_keys=True, default=str)
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    def row(self, state: str, message: str = "", **more: Any) -> Result:
        """The trial's result, as plain data."""
        known = {"trial": self.number, "identity": self.identity, "setting": self.setting, "seed": self.seed}
        return {**known, "state": state, "message": message, "step": 0, "seconds": 0.0, "metrics": {}} | more


@final
@dataclass(frozen=True)
class Plan:
    """A recipe with arguments, the space of its settings, and seeds.

    arguments: Those that all trials have, flat.
    """

    recipe: str
    arguments: Mapping[str, Any]
    space: Space
    seeds: tuple[int, ...]
    samples: int | None = None
    halving: Halving | None = None

    def __post_init__(self) -> None:
        if not len(self.space):
            raise UserError("a sweep needs a setting or more")
        if len(set(self.seeds)) < len(self.seeds) or not self.seeds:
            raise UserError("`seeds` must be one or more different numbers")

    def __len__(self) -> int:
        return len(self.space) * len(self.seeds)

    def trial(self, number: int) -> Trial:
        """The trial of a number, from 0."""
        place, turn = divmod(number, len(self.seeds))
        setting, seed = self.space.setting(place), self.seeds[turn]
        arguments = {**self.arguments, **setting, "seed": seed}
        trial = Trial(number, "", self.recipe, arguments, setting, seed, self.samples, self.halving)
        return trial._replace(identity=trial.computed_identity())

    def trials(self, numbers: Iterator[int]) -> Iterator[Trial]:
        """The trials of these numbers, made one at a time."""
        return map(self.trial, numbers)

    def described(self) -> dict[str, Any]:
        """The plan as JSON, but for how many settings are drawn: two of one description agree on all that both have."""
        told = {
            "recipe": self.recipe,
            "arguments": {name: value for name, value in self.arguments.items() if name != "seed"},
            "space": self.space.described(),
            "seeds": list(self.seeds),
            "samples": self.samples,
            **({"halving": self.halving._asdict()} if self.halving else {}),
        }
        return json.loads(json.dumps(told, default=str))
