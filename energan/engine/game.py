"""The vocabulary: a GAN is a game.

Its *players* are networks. A *move* is an objective that some players descend and others ascend. A *turn* is a
set of moves made at once, from the same point. A game says in which *order* turns are played. Nothing else
differs between the published systems, so nothing else is in a game's file, and nothing about any one game is
in the engine (play/).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, final

import torch
from torch import Tensor, nn
from torch.func import functional_call

from energan.engine.optimizers import Moments, Optimizer
from energan.utils.specification import named

Weights = dict[str, Tensor]

Noise = Callable[[torch.Generator, int], Tensor]  # (generator, n) -> (n, ...), on the generator's device

Source = Callable[
    [int], Mapping[str, Tensor]
]  # k -> the k-th batch of data ever drawn, keyed by the equations' letters

Projection = Callable[[Weights], Weights]  # pure; after each of a player's steps, onto the weights it may have


@final
@dataclass(frozen=True)
class Clip:
    """The projection onto [low, high] of each weight: WGAN's critic, BEGAN's k."""

    low: float
    high: float

    def __call__(self, weights: Weights) -> Weights:
        return {name: w.clamp(self.low, self.high) for name, w in weights.items()}


class Player(NamedTuple):
    """A network, how it learns (without an optimizer it is frozen) and what its weights are projected onto."""

    net: nn.Module
    optimizer: Optimizer | None = None
    projection: Projection | None = None


class Learner(NamedTuple):
    """What a player's next step depends on besides its weights and its gradient."""

    optimizer: Optimizer
    moments: Moments
    rate: Tensor | float
    projection: Projection | None

    def step(self, weights: Weights, grads: Weights) -> tuple[Weights, "Learner"]:
        """The weights after one step, and the learner as it then is: a pure function, differentiable in both."""
        after, moments = self.optimizer.step(weights, grads, self.moments, self.rate)
        return self.projection(after) if self.projection else after, self._replace(moments=moments)


@final
class Players:
    """Networks bound to weights: `p.D(x)` is D(x).

    By default a player is its module, called as it is. `p.move(D=weights)` rebinds D to other weights
    (functionally, so one may differentiate through them: averaged generators, vmap). `p.stepped(D=gradient)` are the
    players after D's own next step, differentiable too: unrolled GANs.
    """

    def __init__(
        self,
        nets: Mapping[str, nn.Module],
        weights: Mapping[str, Weights] | None = None,
        learners: Mapping[str, Learner] | None = None,
    ) -> None:
        self._nets = dict(nets)
        self._weights = dict(weights or {})
        self._learners = dict(learners or {})

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_") or name not in self._nets:
            raise AttributeError(
                f"this game has no player {name!r}; it has {', '.join(self.__dict__.get('_nets', ()))}"
            )
        if name in self._weights:
            return partial(_call, self._nets[name], self._weights[name])
        return self._nets[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._nets)

    def weights(self, name: str) -> dict[str, Tensor]:
        """The parameters that player `name` is bound to now, by name."""
        return dict(self._weights.get(name) or self._nets[name].named_parameters())

    def move(self, **weights: Weights) -> "Players":
        """The same players with some rebound to other weights."""
        return Players(self._nets, {**self._weights, **weights}, self._learners)

    def stepped(self, **grads: Weights) -> "Players":
        """The players after one step of the named ones, by their own optimizers, down these gradients.

        Weights that do not learn stay as they are, whatever gradient they have.
        """
        weights, learners = dict(self._weights), dict(self._learners)
        for name, grad in grads.items():
            before = self.weights(name)
            learning = {k: grad[k] for k in next(iter(learners[name].moments.values()))}
            after, learners[name] = learners[name].step({k: before[k] for k in learning}, learning)
            weights[name] = {**before, **after}
        return Players(self._nets, weights, learners)


def _call(net: nn.Module, weights: Weights, *arguments: Any) -> Any:
    return functional_call(net, weights, arguments)


@final
class Batch:
    """What one turn is played with: data (b.x, b.y), noise (b.z), the step (b.t) and the numbers (b.margin)."""

    def __init__(self, values: Mapping[str, Tensor]) -> None:
        self._values = dict(values)

    def __getattr__(self, name: str) -> Tensor:
        if name.startswith("_") or name not in self._values:
            raise AttributeError(f"this batch has no {name!r}; it has {', '.join(self.__dict__.get('_values', ()))}")
        return self._values[name]


Logs = dict[str, Tensor]

Objective = Callable[[Players, Batch], tuple[Tensor, Logs]]  # a scalar, and scalars to look at

Readout = Callable[[Players, Batch], Tensor]


class Move(NamedTuple):
    """An objective, who descends it and who ascends it. All other players are held still."""

    objective: Objective
    min: tuple[str, ...] = ()
    max: tuple[str, ...] = ()

    def named(self, logs: Logs, turn: str, moves: int) -> Logs:
        """The objective's logs as "turn/name"; in a turn of several moves, by whose they are: "D/loss", "D+k/M"."""
        whose = turn if moves == 1 else "+".join(self.min + self.max)
        return {f"{whose}/{k}": v for k, v in logs.items()}


@named
class SamplerSettings(NamedTuple):
    """How codes are looked for: the settings of `samplers.mala_approx`, which tells their meaning."""

    eps1: float = 1e-2
    eps2: float = 1.0
    eps3: float = 1e-15
    steps: int = 200
    rate: float = 1.0
    last_rate: float | None = None
    normalise: bool = False
    clip: tuple[float, float] | None = None
    gradient: str = "log-softmax"
    decay: float = 1.0


class LatentSpace(NamedTuple):
    """What a system draws by: chains over codes, towards what a classifier asks for, whichever classifier it is.

    encode  b.x images in [-1, 1] -> codes (n, *d)
    decode  b.h codes -> images (n, c, h, w), in [-1, 1] once trained, but not held there
    prior   b.h codes -> R(h) (n, *d), where likelier codes are; None where a system has none
    logits  b.x -> (n, classes), of the classifier that the system was made with
    start   the codes that chains start from
    chain   published settings
    bounds  b -> the lowest and the highest code of each unit, (2, *d); None where chains are not held
    """

    encode: Readout
    decode: Readout
    prior: Readout | None
    logits: Readout
    start: Noise
    chain: SamplerSettings
    bounds: Readout | None = None


class _Game(NamedTuple):
    players: dict[str, Player]
    turns: dict[str, tuple[Move, ...]]
    order: Callable[[int], Sequence[str]]
    noise: dict[str, Noise]
    hyperparameters: dict[str, float]
    sample: Readout | None
    energy: Readout | None = None
    logits: Readout | None = None
    codes: LatentSpace | None = None


@final
class Game(_Game):  # has a __dict__, for the call that made it: `_replace` gives one without
    """A whole system.

    players  who plays; a name is the letter of the equations
    turns    sets of moves made at once, from the same point
    order    step t -> the turns of that step, one after another; each is played on a fresh batch
    noise    every random number that an equation names; drawn anew for each turn
    hyperparameters  margin, weights, penalties: read as b.margin; tensors in the state, one per model in an Ensemble
    sample   batch of noise -> images in [-1, 1], (n, c, h, w); None where a system draws nothing, or by chains. A noise
             called c is the class to draw, one-hot (n, classes)
    energy   batch of data -> how unlike the training data each one is, (n,); None where a system has no such reading
    logits   batch of data -> of each class, (n, classes), as the classifier is used; None where a system has none
    codes    what chains draw by; None where a system draws otherwise
    """
