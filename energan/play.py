"""The engine plays a game two ways, from the same definition.

`One`   a single model, as fast as a hand-written PyTorch loop: players are the modules themselves, gradients come
        from backward(), optimizers are fused and in place.
`Many`  models that differ in weights, seeds and numbers (margin, learning rate, ...) as one batched program:
        torch.func under vmap. Model i does what it would have done alone.

Both keep a state that is a plain tree of tensors; saving it is resuming it.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.func import grad_and_value, vmap

from energan.errors import UserError
from energan.game import Batch, Game, Logs, Move, Objective, Player, Players, Source
from energan.noise import stream
from energan.optimizers import Moments, Optimizer, Tree

DTYPES = {"fp64": torch.float64, "fp32": torch.float32, "bf16": torch.float32}  # of the weights
State = dict[str, Any]  # nested dicts whose leaves are tensors


def _autocast(precision: str, device: torch.device) -> AbstractContextManager[Any]:
    return torch.autocast(device.type, torch.bfloat16) if precision == "bf16" else nullcontext()


def _weights(net: nn.Module) -> Tree:
    return dict(net.named_parameters())


def _draw(game: Game, data: Mapping[str, Tensor], generator: torch.Generator, dtype: torch.dtype) -> Tree:
    """One turn's data and noise, and the key of the layers' stream."""
    values = {k: v.to(dtype) if v.is_floating_point() else v for k, v in data.items()}
    n = len(next(iter(values.values())))
    for name, noise in game.noise.items():
        values[name] = noise(generator, n).to(dtype)
    values["key"] = torch.randint(2**31, (), generator=generator, device=generator.device)
    return values


def _check(game: Game) -> None:
    for turn, moves in game.turns.items():
        for name in (name for move in moves for name in move.min + move.max):
            if name not in game.players or game.players[name].optimizer is None:
                raise UserError(f"turn {turn!r} moves {name!r}, which is not a player with an optimizer")


@final
class One:
    """A single model, in place.

    precision "bf16" is autocast: weights, moments, energies and losses stay in float32.
    average   {player: decay} keeps exponential moving averages of those players' weights.
    compile   compiles the objectives with torch.compile, without graph breaks.
    """

    def __init__(
        self,
        game: Game,
        source: Source,
        *,
        seed: int = 0,
        precision: str = "fp32",
        device: str = "cpu",
        average: Mapping[str, float] | None = None,
        compile: bool = False,
    ) -> None:
        _check(game)
        self.game, self._source, self._precision = game, source, precision
        self.device = torch.device(device)
        self._dtype = DTYPES[precision]
        self.nets = {name: self._place(player) for name, player in game.players.items()}
        self.players = Players(self.nets)
        learners = {name: p.optimizer for name, p in game.players.items() if p.optimizer}
        self._weights = {name: _weights(net) for name, net in self.nets.items()}
        self._moments = {name: optimizer.init(self._weights[name]) for name, optimizer in learners.items()}
        self._optimizers: dict[str, Optimizer] = learners
        self._decay = dict(average or {})
        self._average = {name: _copy(self._weights[name]) for name in self._decay}
        self._numbers = {k: torch.tensor(v, dtype=self._dtype, device=self.device) for k, v in game.numbers.items()}
        self._generator = torch.Generator(self.device).manual_seed(seed)
        self.t = self._draws = 0
        self._objective = (
            partial(torch.compile, fullgraph=True, dynamic=False) if compile else lambda objective: objective
        )
        self._compiled: dict[Objective, Objective] = {}

    def _place(self, player: Player) -> nn.Module:
        # channels-last is what convolutions are fastest in, on this side of 5-d tensors
        net = player.net.to(self.device, self._dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return net.train(player.optimizer is not None)  # a frozen net neither drops nor normalises by the batch

    def step(self) -> Logs:
        """Plays step t's turns; gives their logs, () each and not synchronised, keyed "turn/name"."""
        logs: Logs = {}
        for turn in self.game.order(self.t):
            logs |= {f"{turn}/{k}": v for k, v in self._turn(turn).items()}
        with torch.no_grad():  # else the averages would keep the graph of every step
            for name, decay in self._decay.items():
                average, weights = self._average[name].values(), self._weights[name].values()
                torch._foreach_lerp_(list(average), list(weights), 1 - decay)
        self.t += 1
        return logs

    def _turn(self, turn: str) -> Logs:
        data = {k: v.to(self.device, non_blocking=True) for k, v in self._source(self._draws).items()}
        self._draws += 1
        values = _draw(self.game, data, self._generator, self._dtype)
        b = Batch({**values, **self._numbers, "t": torch.tensor(self.t)})
        logs: Logs = {}
        for move in self.game.turns[turn]:
            logs |= self._backward(move, b)
        # every move of the turn has its gradient from the same point: now all players step
        with torch.no_grad():
            for name in dict.fromkeys(name for move in self.game.turns[turn] for name in move.min + move.max):
                self._update(name)
        return logs

    def _backward(self, move: Move, b: Batch) -> Logs:
        for name, net in self.nets.items():
            net.requires_grad_(name in move.min or name in move.max)  # the others' weights need no gradient
        if move.objective not in self._compiled:
            self._compiled[move.objective] = self._objective(move.objective)
        with stream(b.key), _autocast(self._precision, self.device):
            loss, logs = self._compiled[move.objective](self.players, b)
        # an ascending player's slope is subtracted from what the turn's earlier moves gave it: -(-g + slope)
        self._negate(move.max)
        loss.backward()
        self._negate(move.max)
        return {k: v.detach() for k, v in logs.items()}

    def _negate(self, names: tuple[str, ...]) -> None:
        for name in names:
            if grads := [w.grad for w in self._weights[name].values() if w.grad is not None]:
                torch._foreach_neg_(grads)

    def _update(self, name: str) -> None:
        optimizer, weights = self._optimizers[name], self._weights[name]
        for w in weights.values():
            if w.grad is None:
                w.grad = torch.zeros_like(w)
        grads = [w.grad for w in weights.values() if w.grad is not None]
        rate = optimizer.schedule(self.t) if optimizer.schedule else 1.0
        optimizer.step_(weights, grads, self._moments[name], rate)
        for w in weights.values():
            w.grad = None

    def state(self) -> State:
        """Everything that the next step depends on: a tree of the live tensors (save it before the next step)."""
        return {
            "weights": {name: dict(net.state_dict()) for name, net in self.nets.items()},
            "moments": self._moments,
            "average": self._average,
            "numbers": self._numbers,
            "generator": self._generator.get_state(),
            "t": torch.tensor(self.t),
            "draws": torch.tensor(self._draws),
        }

    def load(self, state: State) -> None:
        """Continues from `state`. KeyError or RuntimeError if it is of another game."""
        for name, net in self.nets.items():
            net.load_state_dict(state["weights"][name])
        _copy_into(self._moments, state["moments"])
        _copy_into(self._average, state["average"])
        _copy_into(self._numbers, state["numbers"])
        self._generator.set_state(state["generator"].clone())  # torch misreads a view, and crashes
        self.t, self._draws = int(state["t"]), int(state["draws"])

    def averaged(self) -> dict[str, Tree]:
        """The averaged weights of the players that are averaged, by player and parameter name."""
        return self._average


@final
class Many:
    """N models of one game as one program. `games` share their structure and differ in weights and numbers.

    seeds (N) drive each model's noise, sources (N) give its data. `compile` compiles the whole turn, optimizers too.
    precision is "fp32" or "fp64": under vmap, torch's batch norm has no backward pass in mixed precision.
    """

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
            _check(game)
            _same_structure(games[0], game)
        if not len(games) == len(sources) == len(seeds):
            raise UserError(f"{len(games)} games need as many sources and seeds, got {len(sources)} and {len(seeds)}")
        if precision not in ("fp32", "fp64"):
            raise UserError(f"models trained as one run in fp32 or fp64, not in {precision}")
        self.game, self._sources = games[0], sources
        self._device, self._dtype = torch.device(device), DTYPES[precision]
        self._nets = {
            name: player.net.to(self._device, self._dtype).train(player.optimizer is not None)
            for name, player in games[0].players.items()
        }
        self._optimizers = {name: p.optimizer for name, p in games[0].players.items() if p.optimizer}
        self._weights = {name: self._stack([_weights(g.players[name].net) for g in games]) for name in self._nets}
        self._rates = {name: self._settings([g.players[name].optimizer for g in games]) for name in self._optimizers}
        self._numbers = self._stack([_tensors(g.numbers) for g in games])
        self._moments: dict[str, Moments] = {
            name: vmap(optimizer.init)(self._weights[name]) for name, optimizer in self._optimizers.items()
        }
        self._schedules = {
            name: [o.schedule for g in games if (o := g.players[name].optimizer)] for name in self._optimizers
        }
        self._generators = [torch.Generator(self._device).manual_seed(seed) for seed in seeds]
        self.t = self._draws = 0
        turns = {turn: self._batched(moves) for turn, moves in self.game.turns.items()}
        self._turns = {k: torch.compile(f, fullgraph=True, dynamic=False) if compile else f for k, f in turns.items()}

    def _stack(self, trees: Sequence[Mapping[str, Tensor]]) -> Tree:
        return {k: torch.stack([tree[k].detach() for tree in trees]).to(self._device, self._dtype) for k in trees[0]}

    def _settings(self, optimizers: Sequence[Optimizer | None]) -> Tree:
        return self._stack([_tensors(o._asdict()) for o in optimizers if o])

    def __len__(self) -> int:
        return len(self._generators)

    def step(self) -> Logs:
        """Plays step t's turns in all models; gives their logs, (N,) each, keyed "turn/name"."""
        logs: Logs = {}
        for turn in self.game.order(self.t):
            trees = [
                _draw(self.game, source(self._draws), generator, self._dtype)
                for source, generator in zip(self._sources, self._generators, strict=True)
            ]
            self._draws += 1
            batch = {k: torch.stack([tree[k] for tree in trees]).to(self._device) for k in trees[0]}
            rates = {
                name: torch.tensor([f(self.t) if f else 1.0 for f in schedules], dtype=self._dtype)
                for name, schedules in self._schedules.items()
            }
            t = torch.tensor(self.t)
            with torch.no_grad():  # functional gradients are taken inside; nothing outside needs a graph
                self._weights, self._moments, new = self._turns[turn](self._weights, self._moments, batch, t, rates)
            logs |= {f"{turn}/{k}": v for k, v in new.items()}
        self.t += 1
        return logs

    def _batched(self, moves: tuple[Move, ...]) -> Any:
        """(weights, moments, batch, t, rates) of N models -> (weights, moments, logs) after one turn."""

        def turn(
            weights: dict[str, Tree], moments: dict[str, Moments], numbers: Tree, settings: dict[str, Tree],
            values: Tree, t: Tensor, rates: Tree,
        ) -> tuple[dict[str, Tree], dict[str, Moments], Logs]:  # fmt: skip
            b = Batch({**values, **numbers, "t": t})
            grads: dict[str, Tree] = {}
            logs: Logs = {}
            for move in moves:
                movers = {name: weights[name] for name in move.min + move.max}
                value = partial(_value, self._nets, move.objective, weights, b)
                slopes, (_, new) = grad_and_value(value, has_aux=True)(movers)
                logs |= new
                for name, slope in slopes.items():
                    sign = -1 if name in move.max else 1
                    before = grads.get(name, dict.fromkeys(slope, 0))
                    grads[name] = {k: before[k] + sign * g for k, g in slope.items()}
            after, remembered = dict(weights), dict(moments)
            for name, grad in grads.items():
                optimizer = self._optimizers[name]._replace(**settings[name])
                after[name], remembered[name] = optimizer.step(weights[name], grad, moments[name], rates[name])
            return after, remembered, logs

        batched = vmap(turn, in_dims=(0, 0, 0, 0, 0, None, 0), randomness="error")
        return lambda weights, moments, values, t, rates: batched(
            weights, moments, self._numbers, self._rates, values, t, rates
        )

    def players(self, i: int) -> Players:
        """The players of model i, bound to its weights."""
        return Players(self._nets, {name: {k: w[i] for k, w in tree.items()} for name, tree in self._weights.items()})

    def state(self) -> State:
        """Everything that the next step depends on; weights and moments have a leading axis of N models."""
        return {
            "weights": self._weights,
            "moments": self._moments,
            "numbers": self._numbers,
            "generators": torch.stack([g.get_state() for g in self._generators]),
            "t": torch.tensor(self.t),
            "draws": torch.tensor(self._draws),
        }

    def load(self, state: State) -> None:
        """Continues from `state`. KeyError or RuntimeError if it is of another game."""
        for mine, other in ((self._weights, "weights"), (self._moments, "moments"), (self._numbers, "numbers")):
            _copy_into(mine, state[other])
        for generator, remembered in zip(self._generators, state["generators"], strict=True):
            generator.set_state(remembered.clone())  # torch misreads a view, and crashes
        self.t, self._draws = int(state["t"]), int(state["draws"])


def _value(
    nets: Mapping[str, nn.Module], objective: Objective, weights: dict[str, Tree], b: Batch, movers: dict[str, Tree]
) -> tuple[Tensor, Logs]:
    """A move's objective as a function of its movers' weights."""
    with stream(b.key):
        return objective(Players(nets, {**weights, **movers}), b)


def _tensors(numbers: Mapping[str, Any]) -> Tree:
    return {k: torch.tensor(v, dtype=torch.float64) for k, v in numbers.items() if isinstance(v, float | int)}


def _same_structure(a: Game, b: Game) -> None:
    """UserError unless the two games differ in nothing but weights and numbers."""
    for name, player in a.players.items():
        other = b.players.get(name, Player(nn.Identity()))
        if _architecture(player.net) != _architecture(other.net):
            raise UserError(f"models trained as one must share their architecture; player {name!r} differs")
        if type(player.optimizer) is not type(other.optimizer):
            raise UserError(f"models trained as one must share their optimizers' kind; player {name!r} differs")
    for turn, moves in a.turns.items():
        pairs = zip(moves, b.turns.get(turn, ()), strict=False)
        if len(moves) != len(b.turns.get(turn, ())) or not all(_same_move(*pair) for pair in pairs):
            raise UserError(f"models trained as one must share their objectives; turn {turn!r} differs")


def _architecture(net: nn.Module) -> list[Any]:
    """What two nets must have in common for one to compute with the other's weights: layers, settings and shapes."""

    def settings(layer: nn.Module) -> dict[str, Any]:
        public = {k: v for k, v in vars(layer).items() if not k.startswith("_") and k != "training"}
        return {k: v for k, v in public.items() if isinstance(v, bool | int | float | str | tuple)}

    layers = [(name, type(layer), settings(layer)) for name, layer in net.named_modules()]
    return [layers, {name: w.shape for name, w in net.named_parameters()}]


def _same_move(a: Move, b: Move) -> bool:
    def parts(f: Any) -> Any:
        return (f.func, f.args, f.keywords) if isinstance(f, partial) else f

    return (parts(a.objective), a.min, a.max) == (parts(b.objective), b.min, b.max)


def _copy(tree: Tree) -> Tree:
    return {k: w.detach().clone() for k, w in tree.items()}


def _copy_into(mine: Any, other: Any) -> None:
    """Copies the leaves of one tree into those of another of the same shape. KeyError if a leaf is missing."""
    for key, value in mine.items():
        if isinstance(value, Tensor):
            value.copy_(other[key])
        else:
            _copy_into(value, other[key])


def leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    """The leaves of a state as ("weights/G/0.weight", tensor) pairs, in the tree's order."""
    for key, value in tree.items():
        if isinstance(value, Tensor):
            yield prefix + key, value
        else:
            yield from leaves(value, f"{prefix}{key}/")
