"""The vocabulary: a GAN is a game.

Its *players* are networks. A *move* is an objective that some players descend and others ascend. A *turn* is a
set of moves made at once, from the same point. A game says in which *order* turns are played. Published systems
differ in nothing else, so a game's file holds nothing else, and the engine knows nothing of any one game.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple, final

import torch
from torch import Tensor, nn
from torch.func import functional_call

from energan.engine.optimizers import Moments, Optimizer
from energan.utils.specification import named

Weights = dict[str, Tensor]

Noise = Callable[[torch.Generator, int], Tensor]  # (generator, n) -> (n, ...), on the generator's device

# k -> the k-th batch of data ever drawn, keyed by the equations' letters
Source = Callable[[int], Mapping[str, Tensor]]

Projection = Callable[[Weights], Weights]  # pure; after each of a player's steps, onto the weights it may have


@final
@dataclass(frozen=True)
class Clip:
    """The projection of each weight onto [low, high]: WGAN's critic, BEGAN's k.

    >>> Clip(-1, 1)({"w": torch.tensor([-3.0, 0.5])})["w"].tolist()
    [-1.0, 0.5]
    """

    low: float
    high: float

    def __call__(self, weights: Weights) -> Weights:
        return {name: w.clamp(self.low, self.high) for name, w in weights.items()}


class Player(NamedTuple):
    """A network and how it learns.

    Attributes:
        net: The network.
        optimizer: What its steps are made by. None: the network is frozen.
        projection: Applied to its weights after each step, such as `Clip`. None: there is none.

    >>> from energan.engine.optimizers import Adam
    >>> Player(nn.Linear(2, 1), Adam(1e-3), Clip(-0.01, 0.01)).projection
    Clip(low=-0.01, high=0.01)
    """

    net: nn.Module
    optimizer: Optimizer | None = None
    projection: Projection | None = None


class Learner(NamedTuple):
    """What a player's next step depends on, besides its weights and its gradient."""

    optimizer: Optimizer
    moments: Moments
    rate: Tensor | float
    projection: Projection | None

    def step(self, weights: Weights, grads: Weights) -> tuple[Weights, "Learner"]:
        """Returns the weights after one step, and the learner after it: pure, differentiable in both arguments."""
        after, moments = self.optimizer.step(weights, grads, self.moments, self.rate)
        return self.projection(after) if self.projection else after, self._replace(moments=moments)


@final
class Players:
    """Networks bound to weights: `p.D(x)` is D(x).

    By default a player is its module, called as it is. `p.move(D=weights)` rebinds D to other weights
    (functionally, so one may differentiate through them: averaged generators, vmap). `p.stepped(D=gradient)` returns
    the players after D's own next step, differentiable too: unrolled GANs. `p.given(D=c)` returns the players of which
    D is called with c after its own arguments: D(x) is D(x, c). `p.then(G=f)` returns those of which G(z) is f(G(z)).

    >>> D = nn.Linear(1, 1, bias=False)
    >>> doubled = Players({"D": D}).move(D={"weight": torch.tensor([[2.0]])})
    >>> doubled.D(torch.tensor([[3.0]])).item()
    6.0
    """

    def __init__(
        self,
        nets: Mapping[str, nn.Module],
        weights: Mapping[str, Weights] | None = None,
        learners: Mapping[str, Learner] | None = None,
        given: Mapping[str, Tensor] | None = None,
        then: Mapping[str, Callable[[Any], Any]] | None = None,
        kept: Mapping[str, Callable[..., Any]] | None = None,
    ) -> None:
        self._nets = dict(nets)
        self._weights = dict(weights or {})
        self._learners = dict(learners or {})
        self._given = dict(given or {})
        self._then = dict(then or {})
        self._kept = dict(kept or {})  # called in place of nets that are not rebound: kept_calls

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_") or name not in self._nets:
            raise AttributeError(
                f"this game has no player {name!r}; it has {', '.join(self.__dict__.get('_nets', ()))}"
            )
        net = self._nets[name]
        call = partial(_call, net, self._weights[name]) if name in self._weights else self._kept.get(name, net)
        call = partial(_call_given, call, self._given[name]) if name in self._given else call
        return partial(_call_then, call, self._then[name]) if name in self._then else call

    def __iter__(self) -> Iterator[str]:
        return iter(self._nets)

    def weights(self, name: str) -> dict[str, Tensor]:
        """The parameters that player `name` is bound to now, by name."""
        return dict(self._weights.get(name) or self._nets[name].named_parameters())

    def move(self, **weights: Weights) -> "Players":
        """The same players with some rebound to other weights."""
        return Players(self._nets, {**self._weights, **weights}, self._learners, self._given, self._then, self._kept)

    def given(self, **last: Tensor) -> "Players":
        """The same players, of which some are called with one more argument, the last: G(z) is G(z, c)."""
        return Players(self._nets, self._weights, self._learners, {**self._given, **last}, self._then, self._kept)

    def then(self, **last: Callable[[Any], Any]) -> "Players":
        """The same players, of which some return what a function makes of their output: G(z) is f(G(z))."""
        return Players(self._nets, self._weights, self._learners, self._given, {**self._then, **last}, self._kept)

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
        return Players(self._nets, weights, learners, self._given, self._then, self._kept)


def _call(net: nn.Module, weights: Weights, *arguments: Any) -> Any:
    return functional_call(net, weights, arguments)


def _call_then(call: Callable[..., Any], function: Callable[[Any], Any], *arguments: Any) -> Any:
    return function(call(*arguments))


def _call_given(call: Callable[..., Any], last: Tensor, *arguments: Any) -> Any:
    return call(*arguments, last)


@final
class Batch:
    """What one turn is played with: data (b.x, b.y), noise (b.z), the step (b.t), hyperparameters (b.margin).

    >>> Batch({"margin": torch.tensor(10.0)}).margin
    tensor(10.)
    """

    def __init__(self, values: Mapping[str, Tensor]) -> None:
        self._values = dict(values)

    def having(self, **values: Tensor) -> "Batch":
        """The same batch, with other values in some places."""
        return Batch({**self._values, **values})

    def __getattr__(self, name: str) -> Tensor:
        if name.startswith("_") or name not in self._values:
            raise AttributeError(f"this batch has no {name!r}; it has {', '.join(self.__dict__.get('_values', ()))}")
        return self._values[name]


Logs = dict[str, Tensor]

Objective = Callable[[Players, Batch], tuple[Tensor, Logs]]  # a scalar, and scalars to log

Readout = Callable[[Players, Batch], Tensor]


class Move(NamedTuple):
    """An objective, who descends it and who ascends it. All other players stay as they are.

    Attributes:
        objective: (players, batch) -> (a scalar, scalars to log).
        min: The players that descend it.
        max: The players that ascend it.

    >>> def loss(p, b):
    ...     value = p.D(b.x).mean()
    ...     return value, {"loss": value}
    >>> Move(loss, min=("D",)).min
    ('D',)
    """

    objective: Objective
    min: tuple[str, ...] = ()
    max: tuple[str, ...] = ()

    def named(self, logs: Logs, turn: str, moves: int) -> Logs:
        """The objective's logs as "turn/name"; in a turn of several moves as "movers/name": "D/loss", "D+k/M"."""
        whose = turn if moves == 1 else "+".join(self.min + self.max)
        return {f"{whose}/{k}": v for k, v in logs.items()}


@named
class SamplerSettings(NamedTuple):
    """The settings of a chain over codes, `samplers.mala_approx`. CHAIN_MEANINGS says what each one means.

    >>> SamplerSettings(steps=50)._replace(eps3=0.0).steps
    50
    """

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


CHAIN_MEANINGS = {  # of SamplerSettings
    "eps1": "epsilon 1: how far a step goes towards likelier codes",
    "eps2": "epsilon 2: how far a step goes towards the class asked for",
    "eps3": "epsilon 3: standard deviation of a step’s noise",
    "steps": "number of steps of a chain",
    "rate": "factor of a whole step",
    "last_rate": "final rate of a linear schedule (reached one step after the last); –: the rate is constant",
    "normalise": "whether each step is divided by its mean size: only the ratios of the epsilons matter then",
    "clip": "lowest and highest code; –: none here",
    "gradient": "what is climbed: the log-probability of the class, or its logit, or its activation",
    "decay": "factor of the code after each step",
}


class LatentSpace(NamedTuple):
    """What a system draws by: chains over codes, towards the classes of any classifier.

    Attributes:
        encode: b.x, images in [-1, 1] -> codes (n, *d).
        decode: b.h, codes -> images (n, c, h, w), in [-1, 1] once trained, but not clamped.
        prior: b.h, codes -> R(h) (n, *d), where likelier codes are. None: the system has none.
        logits: b.x -> (n, classes), of the classifier that the system was made with.
        start: The codes that chains start from.
        chain: The published settings.
        bounds: b -> the lowest and the highest code of each unit, (2, *d). None: codes are not clipped.

    >>> from energan.engine.noise import normal
    >>> same = lambda p, b: b.h
    >>> space = LatentSpace(lambda p, b: b.x, same, None, lambda p, b: p.E(b.x), normal(64), SamplerSettings())
    >>> space.chain.steps
    200
    """

    encode: Readout
    decode: Readout
    prior: Readout | None
    logits: Readout
    start: Noise
    chain: SamplerSettings
    bounds: Readout | None = None


class Conditions(NamedTuple):
    """What a system can be asked to draw. b.c holds it, a row for each image.

    Attributes:
        kind: What a row of c is: "classes" (one-hot), "attributes" (a number each), or "text" (a sentence's code).
        match: b.x and b.c -> (n,), higher where the image shows more of what c asks for, as the system itself reads it.
        data: The key of a training batch that holds what its images show.
        draw: Batch of noise -> c as in training (n, d), for images that nobody asked for. None: the noise called c.

    >>> Conditions("classes", lambda p, b: p.D(b.x, b.c)).data
    'y'
    """

    kind: Literal["classes", "attributes", "text"]
    match: Readout
    data: str = "y"
    draw: Readout | None = None


class Code(NamedTuple):
    """What a noise of the system is in an image: the noise that would draw it, or a part of that noise.

    Attributes:
        read: b.x -> (n, d), as wide as the noise is.
        kind: "numbers"; or "category", probabilities of the categories, of which the noise is one, one-hot.

    >>> Code(lambda p, b: p.E(b.x)).kind
    'numbers'
    """

    read: Readout
    kind: Literal["numbers", "category"] = "numbers"


class Translation(NamedTuple):
    """What images of one domain become.

    Attributes:
        read: b.x (n, c, h, w) in [-1, 1], and the game's noise -> images (n, c2, scale h, scale w) in [-1, 1].
        multiple: Sides of b.x are to be multiples of it.
        scale: How many times larger than b.x the images are.

    >>> Translation(lambda p, b: p.G(b.x), multiple=4).scale
    1
    """

    read: Readout
    multiple: int = 1
    scale: int = 1


class _Game(NamedTuple):
    players: dict[str, Player]
    turns: dict[str, tuple[Move, ...]]
    order: Callable[[int], Sequence[str]] | None = None
    noise: Mapping[str, Noise] = {}
    hyperparameters: Mapping[str, float] = {}
    sample: Readout | None = None
    energy: Readout | None = None
    energy_map: Readout | None = None
    logits: Readout | None = None
    codes: LatentSpace | None = None
    conditions: Conditions | None = None
    encode: Mapping[str, Code] | None = None
    translate: Mapping[str, Translation] | None = None
    meanings: Mapping[str, str] = {}
    share: Mapping[str, str] = {}


@final
class Game(_Game):  # has a __dict__, for the call that made it: `_replace` gives one without
    """A whole system.

    Attributes:
        players: Who plays; a name is the letter of the equations.
        turns: Name -> the moves made at once, from the same point.
        order: Step t -> the turns of that step, one after another. None: each turn once, as written.
        noise: Every random number that an equation names; drawn anew for each turn.
        hyperparameters: Margin, weights, penalties: read as b.margin; tensors in the state, one per model in an
            Ensemble.
        sample: Batch of noise -> images in [-1, 1], (n, c, h, w). None: the system draws nothing, or draws by chains.
            A noise called c is the class to draw, one-hot (n, classes).
        energy: Batch of data -> how unlike the training data each one is, (n,). None: there is no such reading.
        energy_map: Batch of data -> what each pixel adds to the energy, (n, h, w). None: the energy is of whole images.
        logits: Batch of data -> the classifier's logits as they are used, (n, classes). None: there are none.
        codes: What chains draw by. None: the system draws otherwise.
        conditions: What it can be asked to draw: `sample` reads it as b.c. None: nothing, or by chains.
        encode: Noise that the system reads from images, by the noise's name. Where that is all noise of `sample`, an
            image can be drawn again. None: it reads none.
        translate: What images become, by the letters of the two domains, "xy": images of x become images of y. None:
            they become nothing.
        meanings: What hyperparameters, logged quantities and players mean, a line each; reports show it.
        share: Turn -> another, on whose batch it is played, data and noise, wherever it comes right after it in a step.
            {"G": "D"}: G moves on the samples that D has just learned from, and they are drawn once.

    Each turn is played on a fresh batch, unless it shares one. A shared z is z ~ p(z) in either turn, but D's weights
    in G's turn depend on it: given these weights it is no draw of p(z), and G's gradient no unbiased estimate of that
    of E L_G. Goodfellow et al. 2014 (arXiv:1406.2661, algorithm 1) draw anew for G. PyTorch's DCGAN example and the
    PyTorch code of pix2pix's authors show both players the same samples, D first.

    >>> turns = {"D": (Move(lambda p, b: (p.D(b.x).mean(), {}), min=("D",)),)}
    >>> Game(players={"D": Player(nn.Linear(2, 1))}, turns=turns).turns_at(0)
    ('D',)
    """

    @property
    def readouts(self) -> list[str]:
        """What the trained game can be asked: the names of its fields sample, energy, ... that are not None."""
        optional = [name for name, default in self._field_defaults.items() if default is None and name != "order"]
        return [name for name in optional if getattr(self, name) is not None]

    def turns_at(self, t: int) -> Sequence[str]:
        """The turns of step t, one after another."""
        return self.order(t) if self.order else tuple(self.turns)

    def movers(self, turn: str) -> list[str]:
        """The players that a turn moves."""
        return list(dict.fromkeys(name for move in self.turns[turn] for name in move.min + move.max))
