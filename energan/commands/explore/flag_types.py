"""Flags that the explore commands share.

A chain setting that is None is the system's own: as it was published, or as the flags of the run's training had it.
"""

from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal

from tyro.conf import UseAppendAction, arg

Gradient = Literal["log-softmax", "logit", "activation"]

Class = Annotated[str, arg(name="class")]

Texts = Annotated[UseAppendAction[tuple[str, ...]], arg(name="text")]


@dataclass(frozen=True)
class ChainLength:
    """How long chains are and how large their steps."""

    chain_steps: int | None = None
    """Steps of each chain."""
    rate: float | None = None
    """What each step is multiplied by."""

    def settings(self) -> dict[str, Any]:
        """The fields of engine.game.SamplerSettings that are set."""
        values = {field.name.removeprefix("chain_"): getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True)
class ChainFactors(ChainLength):
    """Also the factors of a step's terms."""

    eps1: float | None = None
    """Factor of the prior, R(h) - h."""
    eps2: float | None = None
    """Factor of the classifier's gradient."""


@dataclass(frozen=True)
class ChainFlags(ChainFactors):
    """All settings of a chain."""

    eps3: float | None = None
    """Standard deviation of the noise."""
    gradient: Gradient | None = None
    """What of the classifier is climbed."""
    normalise: bool | None = None
    """Whether each step is divided by its mean size."""
    last_rate: float | None = None
    """The rate that the last steps go down to, in equal parts."""
    clip: tuple[float, float] | None = None
    """Lowest and highest code, such as 0 30."""
