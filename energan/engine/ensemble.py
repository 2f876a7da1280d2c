"""Ensemble: many models as one program."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from types import FunctionType
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.func import grad_and_value, vmap

from energan.engine.game import Batch, Game, Learner, Logs, Move, Objective, Players, Source
from energan.engine.isolation import isolated
from energan.engine.optimizers import Moments, Optimizer, Several, Tree, Wrapper
from energan.engine.rng import stream
from energan.engine.state import (
    DTYPES,
    Inputs,
    State,
    check,
    chosen,
    copy_into,
    draw,
    gathered,
    halved,
    parameters,
    sent,
)
from energan.utils.errors import UserError


@final
class Ensemble:
    """N models of one game as one program.

    Args:
        games: N games of one structure; they differ in weights and hyperparameters.
        sources: Each model's data.
        seeds: Of each model's noise.
        precision: "fp32" or "fp64": under vmap, torch's batch norm has no backward pass in mixed precision.
        device: Where it trains.
        compile: Whether torch.compile compiles the whole turn, optimizers too.

    Raises:
        UserError: The games differ in structure, or there are not as many sources and seeds.

    >>> from energan.engine.game import Move, Player
    >>> from energan.engine.optimizers import SGD
    >>> def loss(p, b):
    ...     value = (p.D(b.x) - b.x).square().mean()
    ...     return value, {"loss": value}
    >>> def game(lr):
    ...     return Game({"D": Player(nn.Linear(1, 1), SGD(lr))}, {"D": (Move(loss, min=("D",)),)})
    >>> many = Ensemble([game(0.1), game(0.2)], [lambda k: {"x": torch.ones(4, 1)}] * 2, seeds=[0, 1])
    >>> many.step()["D/loss"].shape
    torch.Size([2])
    """

    @isolated()
    def __init__(
        self,
        games: Sequence[Game],
        sources: Sequence[Source],
        *,
        seeds: Sequence[int],
        precision: str = "fp32",
        device: str = "cpu",
        compile: bool = False,
    ) -> None:
        for game in games:
            check(game)
            same_structure(games[0], game)
        if not len(games) == len(sources) == len(seeds):
            raise UserError(f"{len(games)} games need as many sources and seeds, got {len(sources)} and {len(seeds)}")
        if precision not in ("fp32", "fp64"):
            raise UserError(f"models trained as one run in fp32 or fp64, not in {precision}")
        self.game, self.device, self._dtype = games[0], torch.device(device), DTYPES[precision]
        self._sources = [halved(source, self.device) for source in sources]
        self._nets = {
            name: player.net.to(self.device, self._dtype).train(player.optimizer is not None)
            for name, player in games[0].players.items()
        }
        self._optimizers = {name: p.optimizer for name, p in games[0].players.items() if p.optimizer}
        self._projections = {name: p.projection for name, p in games[0].players.items()}
        self._weights = {name: self._stack([parameters(g.players[name].net) for g in games]) for name in self._nets}
        self._rates = {name: self._settings([g.players[name].optimizer for g in games]) for name in self._optimizers}
        self._hyperparameters = self._stack([_tensors(g.hyperparameters) for g in games])
        self._moments: dict[str, Moments] = {
            name: vmap(optimizer.init)(self._weights[name]) for name, optimizer in self._optimizers.items()
        }
        self._schedules = {
            name: [o.schedule for g in games if (o := g.players[name].optimizer)] for name in self._optimizers
        }
        self._unscheduled = torch.ones(len(games), dtype=self._dtype, device=self.device)
        self.generators = [torch.Generator(self.device).manual_seed(seed) for seed in seeds]
        self.compiled, self.in_place = compile, False
        self.t = self._draws = 0
        turns = {turn: self._batched(turn, moves) for turn, moves in self.game.turns.items()}
        self._turns = {k: torch.compile(f, fullgraph=True, dynamic=False) if compile else f for k, f in turns.items()}

    def _stack(self, trees: Sequence[Mapping[str, Tensor]]) -> Tree:
        # the first game's nets are on the device already, the others' are not
        moved = [{k: w.detach().to(self.device, self._dtype) for k, w in tree.items()} for tree in trees]
        return {k: torch.stack([tree[k] for tree in moved]) for k in trees[0]}

    def _settings(self, optimizers: Sequence[Optimizer | None]) -> Tree:
        return self._stack([_tensors(o.settings()) for o in optimizers if o])

    def __len__(self) -> int:
        return len(self.generators)

    @isolated()
    def step(self) -> Logs:
        """Plays the turns of step t in all models. Returns their logs, (N,) each, by "turn/name"."""
        turns = self.game.turns_at(self.t)
        logs = self.play(turns, (self.next_inputs() for _ in turns))
        self.t += 1
        return logs

    def next_inputs(self) -> Inputs:
        """Returns the host's part of the next turn, and goes on to the one after it. Data are (N, ...)."""
        trees = [chosen(source, self._draws) for source in self._sources]
        data = {k: sent(torch.stack([tree[k] for tree in trees]), self.device) for k in trees[0]}
        self._draws += 1
        rates = {
            name: torch.tensor([f(self.t) if f else 1.0 for f in schedules], dtype=self._dtype)
            for name, schedules in self._schedules.items()
            if any(schedules)
        }
        return Inputs(data, self.t, {k: sent(rate, self.device) for k, rate in rates.items()})

    def play(self, turns: Sequence[str], inputs: Iterable[Inputs]) -> Logs:
        """The device's part of a step: plays turns with what each is given. Returns their logs.

        Where `in_place` is set, as by `Graphed`, the new state is written over the old one; else it takes its place.
        """
        logs: Logs = {}
        batch: Tree = {}
        for before, turn, each in zip(("", *turns[:-1]), turns, inputs, strict=True):
            if self.game.share.get(turn) != before:
                batch = self._batch(each)
            t = torch.as_tensor(each.t)
            rates = {name: each.rates.get(name, self._unscheduled) for name in self._schedules}
            with torch.no_grad():  # functional gradients are taken inside; nothing outside needs a graph
                weights, moments, new = self._turns[turn](self._weights, self._moments, batch, t, rates)
            logs |= {k: v.clone() for k, v in new.items()}  # one may be a weight, which is about to change
            self._take(turn, weights, moments)
        return logs

    def _take(self, turn: str, weights: dict[str, Tree], moments: dict[str, Moments]) -> None:
        if not self.in_place:
            self._weights, self._moments = weights, moments
            return
        for name in {name for move in self.game.turns[turn] for name in move.min + move.max}:
            copy_into(self._weights[name], weights[name])
            copy_into(self._moments[name], moments[name])

    def _batch(self, inputs: Inputs) -> Tree:
        """Returns the turn's data and noise, (N, ...)."""
        trees = [
            draw(self.game, gathered(source, {k: v[i] for k, v in inputs.data.items()}), generator, self._dtype)
            for i, (source, generator) in enumerate(zip(self._sources, self.generators, strict=True))
        ]
        return {k: torch.stack([tree[k] for tree in trees]) for k in trees[0]}

    def _batched(self, called: str, moves: tuple[Move, ...]) -> Any:
        """(weights, moments, batch, t, rates) of N models -> (weights, moments, logs) after one turn."""

        def turn(
            weights: dict[str, Tree], moments: dict[str, Moments], numbers: Tree, settings: dict[str, Tree],
            values: Tree, t: Tensor, rates: Tree,
        ) -> tuple[dict[str, Tree], dict[str, Moments], Logs]:  # fmt: skip
            b = Batch({**values, **numbers, "t": t})
            learners = {
                name: Learner(o.with_settings(**settings[name]), moments[name], rates[name], self._projections[name])
                for name, o in self._optimizers.items()
            }
            grads: dict[str, Tree] = {}
            logs: Logs = {}
            for move in moves:
                movers = {name: weights[name] for name in move.min + move.max}
                value = partial(_value, self._nets, move.objective, weights, learners, b)
                gradients, (_, new) = grad_and_value(value, has_aux=True)(movers)
                logs |= move.named(new, called, len(moves))
                for name, gradient in gradients.items():
                    sign = -1 if name in move.max else 1
                    before = grads.get(name, dict.fromkeys(gradient, 0))
                    grads[name] = {k: before[k] + sign * g for k, g in gradient.items()}
            after, moments_after = dict(weights), dict(moments)
            for name, grad in grads.items():
                after[name], learner = learners[name].step(weights[name], grad)
                moments_after[name] = learner.moments
            return after, moments_after, logs

        batched = vmap(turn, in_dims=(0, 0, 0, 0, 0, None, 0), randomness="error")
        return lambda weights, moments, values, t, rates: batched(
            weights, moments, self._hyperparameters, self._rates, values, t, rates
        )

    def players(self, i: int) -> Players:
        """Returns the players of model i, bound to its weights."""
        return Players(self._nets, {name: {k: w[i] for k, w in tree.items()} for name, tree in self._weights.items()})

    def state(self) -> State:
        """Returns all that the next step depends on; weights and moments have a leading axis of N models."""
        return {
            "weights": self._weights,
            "moments": self._moments,
            "hyperparameters": self._hyperparameters,
            "generators": torch.stack([g.get_state() for g in self.generators]),
            "t": torch.tensor(self.t),
            "draws": torch.tensor(self._draws),
        }

    def load(self, state: State) -> None:
        """Continues from `state`. KeyError or RuntimeError if it is of another game."""
        mine = {"weights": self._weights, "moments": self._moments, "hyperparameters": self._hyperparameters}
        for name, tree in mine.items():
            copy_into(tree, state[name])
        for generator, generator_state in zip(self.generators, state["generators"], strict=True):
            generator.set_state(generator_state.clone())  # torch misreads a view, and crashes
        self.t, self._draws = int(state["t"]), int(state["draws"])


def _value(
    nets: Mapping[str, nn.Module], objective: Objective, weights: dict[str, Tree], learners: Mapping[str, Learner],
    b: Batch, movers: dict[str, Tree],
) -> tuple[Tensor, Logs]:  # fmt: skip
    """A move's objective as a function of its movers' weights."""
    with stream(b.key):
        return objective(Players(nets, {**weights, **movers}, learners), b)


def _tensors(numbers: Mapping[str, Any]) -> Tree:
    return {k: torch.tensor(v, dtype=torch.float64) for k, v in numbers.items() if isinstance(v, float | int)}


def same_structure(a: Game, b: Game) -> None:
    """UserError unless the two games differ only in weights and hyperparameters, as those of an Ensemble may."""
    for what in ("players", "turns", "hyperparameters"):
        if list(getattr(a, what)) != list(getattr(b, what)):
            raise UserError(f"models trained as one must have the same {what}, by name")
    for name, player in a.players.items():
        other = b.players[name]
        if _architecture(player.net) != _architecture(other.net):
            raise UserError(f"models trained as one must share their architecture; player {name!r} differs")
        if not _equal(_fixed(player.net), _fixed(other.net)):
            raise UserError(f"models trained as one must share what does not learn; player {name!r} differs")
        if _kind(player.optimizer) != _kind(other.optimizer):
            raise UserError(f"models trained as one must share their optimizers' kind; player {name!r} differs")
        if player.projection != other.projection:
            raise UserError(f"models trained as one must share their projections; player {name!r} differs")
    if a.share != b.share:
        raise UserError("models trained as one must share the same turns' batches")
    noise = [{name: draw(torch.Generator().manual_seed(0), 2) for name, draw in game.noise.items()} for game in (a, b)]
    if not _equal(*noise):
        raise UserError("models trained as one must share their noise; only its seed may differ")
    for turn, moves in a.turns.items():
        if [_told(move) for move in moves] != [_told(move) for move in b.turns[turn]]:
            raise UserError(f"models trained as one must share their objectives; turn {turn!r} differs")
    if _parts(a.order) != _parts(b.order):
        raise UserError("models trained as one must play their turns in the same order")


def _fixed(net: nn.Module) -> Tree:
    """Returns the tensors of a net that do not learn: frozen parameters, buffers."""
    return {k: v for k, v in net.state_dict().items() if k not in parameters(net)}


def _equal(a: Tree, b: Tree) -> bool:
    return a.keys() == b.keys() and all(a[k].shape == b[k].shape and torch.equal(a[k], b[k]) for k in a)


def _architecture(net: nn.Module) -> list[Any]:
    """Returns what two nets must share for one to compute with the other's weights: layers, settings, shapes."""

    def settings(layer: nn.Module) -> dict[str, Any]:
        public = {k: v for k, v in vars(layer).items() if not k.startswith("_") and k != "training"}
        return {k: v for k, v in public.items() if isinstance(v, bool | int | float | str | tuple)}

    layers = [(name, type(layer), settings(layer)) for name, layer in net.named_modules()]
    return [layers, {name: w.shape for name, w in net.named_parameters()}]


def _kind(optimizer: Optimizer | None) -> Any:
    """What two optimizers must share: their types, those that they wrap, and what is none of their settings."""
    if not isinstance(optimizer, Wrapper | Several):
        return type(optimizer)
    inner = optimizer.optimizers if isinstance(optimizer, Several) else (optimizer.optimizer,)
    own = {k: v for k, v in vars(optimizer).items() if k not in ("optimizer", "optimizers", *optimizer.settings())}
    return type(optimizer), own, [_kind(each) for each in inner]


def _told(move: Move) -> Any:
    return _parts(move.objective), move.min, move.max


def _parts(f: Any) -> Any:
    """What two functions must share to be one: their code and all that it reads, functions among it."""
    if isinstance(f, FunctionType):
        named = (f.__kwdefaults__ or {}).values()
        read = [*(f.__defaults__ or ()), *named, *(cell.cell_contents for cell in f.__closure__ or ())]
        return f.__code__, [_parts(value) for value in read]
    if isinstance(f, partial):
        return _parts(f.func), [_parts(a) for a in f.args], {name: _parts(value) for name, value in f.keywords.items()}
    return id(f) if isinstance(f, Tensor) else f
