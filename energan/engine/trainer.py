"""Trainer: one model, in place."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import final

import torch
from torch import nn

from energan.engine.cross_rank import synchronised
from energan.engine.distributed import ALONE, Ranks
from energan.engine.game import Batch, Game, Learner, Logs, Move, Objective, Player, Players, Source
from energan.engine.isolation import isolated
from energan.engine.kept_calls import KeptCalls
from energan.engine.optimizers import Optimizer, Rate, Tree
from energan.engine.precision import autocast
from energan.engine.rng import stream
from energan.engine.state import (
    DTYPES,
    Inputs,
    State,
    check,
    chosen,
    copy,
    copy_into,
    divided,
    draw,
    gathered,
    gradient,
    halved,
    leaves,
    parameters,
    sent,
    tree,
)
from energan.utils.checks import at_least


@final
class Trainer:
    """One model, in place: the game's own modules are moved to the device and the precision, and trained.

    Args:
        game: What is played.
        source: k -> the k-th batch of data.
        seed: Of the noise.
        precision: "fp32", "fp64", or "bf16": autocast, where weights, moments, energies and losses stay in float32.
        device: Where it trains.
        ema: {player: decay}: keeps exponential moving averages of those players' weights, as `newest_share` has them.
        compile: Whether torch.compile compiles the objectives, without graph breaks.
        microbatches: Equal parts in which each batch is played, one after another, for less memory: the gradient is
            the parts' mean. Statistics of the batch (batch norm, pulling away) are then of each part.
        ranks: The processes that train this model together, each on its rows of the source's batches. All step alike;
            logs are their mean.
        sync_batch_stats: Whether statistics of the batch are over all ranks' rows (energan.engine.cross_rank).
            Compiled objectives cannot be synchronised.

    Raises:
        UserError: A batch cannot be divided, or the game cannot be trained exactly (a layer with running averages).

    >>> import torch
    >>> from energan.engine.optimizers import SGD
    >>> def loss(p, b):
    ...     value = (p.D(b.x) - b.x).square().mean()
    ...     return value, {"loss": value}
    >>> game = Game({"D": Player(nn.Linear(1, 1), SGD(0.1))}, {"D": (Move(loss, min=("D",)),)})
    >>> trainer = Trainer(game, lambda k: {"x": torch.ones(4, 1)}, seed=0)
    >>> float(trainer.step()["D/loss"]) > float(trainer.step()["D/loss"])
    True
    """

    @isolated()
    def __init__(
        self,
        game: Game,
        source: Source,
        *,
        seed: int = 0,
        precision: str = "fp32",
        device: str = "cpu",
        ema: Mapping[str, float] | None = None,
        compile: bool = False,
        microbatches: int = 1,
        ranks: Ranks = ALONE,
        sync_batch_stats: bool = False,
    ) -> None:
        check(game)
        at_least(1, microbatches=microbatches)
        self._microbatches, self._ranks = microbatches, ranks
        self._synchronised = ranks if sync_batch_stats else ALONE
        self.game, self._precision = game, precision
        self.device = torch.device(device)
        self._source = halved(source, self.device)
        self._dtype = DTYPES[precision]
        self.nets = {name: self._place(player) for name, player in game.players.items()}
        learners = {name: p.optimizer for name, p in game.players.items() if p.optimizer}
        self._weights = {name: parameters(net) for name, net in self.nets.items()}
        self._moments = {name: optimizer.init(self._weights[name]) for name, optimizer in learners.items()}
        self._optimizers: dict[str, Optimizer] = learners
        self._decay = dict(ema or {})
        self._average = {name: copy(self._weights[name]) for name in self._decay}
        self._hyperparameters = {
            k: torch.tensor(v, dtype=self._dtype, device=self.device) for k, v in game.hyperparameters.items()
        }
        self._generator = torch.Generator(self.device).manual_seed(seed)
        self.generators = [self._generator]
        self.t = self._draws = 0
        self._objective = (
            partial(torch.compile, fullgraph=True, dynamic=False) if compile else lambda objective: objective
        )
        self.compiled, self.in_place = compile, True
        self._compiled: dict[Objective, Objective] = {}

    def _place(self, player: Player) -> nn.Module:
        # channels-last is what convolutions are fastest in, on this side of 5-d tensors
        net = player.net.to(self.device, self._dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return net.train(player.optimizer is not None)  # a frozen net neither drops nor normalises by the batch

    @isolated()
    def step(self) -> Logs:
        """Plays the turns of step t. Returns their logs, () each, on the device and not waited for, by "turn/name"."""
        turns = self.game.turns_at(self.t)
        logs = self.play(turns, (self.next_inputs() for _ in turns))
        self.t += 1
        return logs

    def data(self, k: int) -> Tree:
        """The k-th batch of data, of all ranks, on the device: to look at; nothing is drawn by it."""
        chosen_here = {name: v.to(self.device) for name, v in chosen(self._source, k).items()}
        return dict(gathered(self._source, chosen_here))

    def next_inputs(self) -> Inputs:
        """Returns the host's part of the next turn, and goes on to the one after it."""
        rows = {k: self._ranks.rows(v) for k, v in chosen(self._source, self._draws).items()}
        data = {k: sent(v, self.device) for k, v in rows.items()}
        self._draws += 1
        rates = {k: o.schedule(self.t) for k, o in self._optimizers.items() if o.schedule}
        return Inputs(data, self.t, rates, {k: newest_share(decay, self.t) for k, decay in self._decay.items()})

    def play(self, turns: Sequence[str], inputs: Iterable[Inputs]) -> Logs:
        """The device's part of a step: plays turns with what each is given. Returns their logs."""
        logs: Logs = {}
        shares: Mapping[str, Rate] = {}
        batches: list[Batch] = []
        before, kept = "", None
        for turn, after, each in zip(turns, (*turns[1:], ""), inputs, strict=True):
            if self.game.share.get(turn) != before:
                batches, kept = self._batches(each), None
            if self.game.share.get(after) == turn:
                kept = self._keeping(turn, after)
            logs |= self._turn(turn, each, batches, kept)
            before, shares = turn, each.shares
        with torch.no_grad():  # else the averages would keep the graph of every step
            for name, share in shares.items():
                average, weights = list(self._average[name].values()), list(self._weights[name].values())
                if not isinstance(share, torch.Tensor):
                    torch._foreach_lerp_(average, weights, share)
                else:  # in a CUDA graph
                    for a, w in zip(average, weights, strict=True):
                        a.lerp_(w, share.to(a.dtype))
        return logs

    def _keeping(self, turn: str, after: str) -> KeptCalls | None:
        """What `after` may go back through, of what its players draw in `turn`; None where it draws them again."""
        if self.compiled or self._microbatches > 1:  # a graph of the parts is what would not fit into memory
            return None
        names = [name for name in self.game.movers(after) if name not in self.game.movers(turn)]
        return KeptCalls({name: self.nets[name] for name in names}, {name: self._weights[name] for name in names})

    def _turn(self, turn: str, inputs: Inputs, batches: list[Batch], kept: KeptCalls | None) -> Logs:
        logs: Logs = {}
        players = self._bound(inputs.rates, kept)
        for weights in self._weights.values():
            for w in weights.values():
                w.grad = None  # of a turn that an error broke off
        for move in self.game.turns[turn]:
            new = self._backward(move, players, batches)
            logs |= move.named(new, turn, len(self.game.turns[turn]))
        # every move of the turn has its gradient from the same point: now all players step
        with torch.no_grad():
            names = self.game.movers(turn)
            if self._ranks.count > 1:
                logs = self._exchange(names, logs)
            for name in names:
                self._update(name, inputs.rates)
        for weights in self._weights.values():
            for w in weights.values():
                w.requires_grad_(True)  # as the caller's modules came
        return logs

    def _batches(self, inputs: Inputs) -> list[Batch]:
        """Returns this rank's rows of the turn's batch, in its parts."""
        values = draw(self.game, gathered(self._source, inputs.data), self._generator, self._dtype, self._ranks)
        t = torch.as_tensor(inputs.t)
        return [Batch({**part, **self._hyperparameters, "t": t}) for part in divided(values, self._microbatches)]

    def _exchange(self, names: list[str], logs: Logs) -> Logs:
        """Replaces the players' gradients by their mean over ranks. Returns that of the logs."""
        grads = [gradient(w) for name in names for w in self._weights[name].values()]
        means = {k: v.to(self._dtype) for k, v in logs.items()}
        self._ranks.average_([*grads, *means.values()])
        return means

    @property
    def players(self) -> Players:
        """The players as they are now."""
        return self._bound({name: o.schedule(self.t) for name, o in self._optimizers.items() if o.schedule})

    def _bound(self, rates: Mapping[str, Rate], kept: KeptCalls | None = None) -> Players:
        learners = {name: self._learner(name, rates) for name in self._optimizers}
        return Players(self.nets, learners=learners, kept=kept.calls if kept else None)

    def _learner(self, name: str, rates: Mapping[str, Rate]) -> Learner:
        projection = self.game.players[name].projection
        return Learner(self._optimizers[name], self._moments[name], rates.get(name, 1.0), projection)

    def _backward(self, move: Move, players: Players, batches: list[Batch]) -> Logs:
        for name, weights in self._weights.items():
            for w in weights.values():
                w.requires_grad_(name in move.min or name in move.max)  # the others' weights need no gradient
        if move.objective not in self._compiled:
            self._compiled[move.objective] = self._objective(move.objective)
        # an ascending player's gradient is subtracted from that of the turn's earlier moves: -(-g + gradient)
        self._negate(move.max)
        parts = [self._part(self._compiled[move.objective], players, i, b) for i, b in enumerate(batches)]
        self._negate(move.max)
        if len(parts) == 1:
            return parts[0]
        return {k: torch.stack([logs[k] for logs in parts]).to(self._dtype).mean(0) for k in parts[0]}

    def _part(self, objective: Objective, players: Players, i: int, b: Batch) -> Logs:
        """Plays the objective on part i of this rank's rows and adds its part of the gradient. Returns the logs."""
        with synchronised(self._synchronised):
            with stream(b.key, self._ranks.rank * self._microbatches + i), autocast(self._precision, self.device):
                loss, logs = objective(players, b)
            (loss if self._microbatches == 1 else loss / self._microbatches).backward()
        # a log may be a weight itself (BEGAN's k), which is about to change in place
        return {k: v.detach().clone() for k, v in logs.items()}

    def _negate(self, names: tuple[str, ...]) -> None:
        for name in names:
            if grads := [w.grad for w in self._weights[name].values() if w.grad is not None]:
                torch._foreach_neg_(grads)

    def _update(self, name: str, rates: Mapping[str, Rate]) -> None:
        weights = self._weights[name]
        optimizer, moments, rate, projection = self._learner(name, rates)
        optimizer.step_(weights, [gradient(w) for w in weights.values()], moments, rate)
        if projection:
            copy_into(weights, projection(weights))
        for w in weights.values():
            w.grad = None

    def state(self) -> State:
        """Returns all that the next step depends on: a tree of the live tensors (save it before the next step)."""
        return {
            "weights": {name: dict(net.state_dict()) for name, net in self.nets.items()},
            "moments": self._moments,
            "ema": self._average,
            "hyperparameters": self._hyperparameters,
            "generator": self._generator.get_state(),
            "t": torch.tensor(self.t),
            "draws": torch.tensor(self._draws),
        }

    def load(self, state: State) -> None:
        """Continues from `state`. KeyError or RuntimeError if it is of another game."""
        for name, net in self.nets.items():
            net.load_state_dict(state["weights"].get(name, {}))  # a net without tensors leaves nothing in a file
        copy_into(self._moments, state["moments"])
        copy_into(self._average, state["ema"])
        copy_into(self._hyperparameters, state["hyperparameters"])
        self._generator.set_state(state["generator"].clone())  # torch misreads a view, and crashes
        self.t, self._draws = int(state["t"]), int(state["draws"])

    def broadcast(self) -> None:
        """All ranks take rank 0's state: other ranks may have read different files, or rounded differently."""
        if self._ranks.count > 1:
            state = {k: v.detach().cpu().clone() for k, v in leaves(self.state())}
            self._ranks.copy_(state.values())
            self.load(tree(state))

    def averaged(self) -> dict[str, Tree]:
        """Returns the averaged weights, by player and parameter name."""
        return self._average


def newest_share(decay: float, t: int) -> float:
    """The share of the weights after step t = 0, 1, ... in their average: that of the steps before has the rest.

    (1 - decay) / (1 - decay^(t + 1)), which falls from 1 to 1 - decay. So the weights after step i count with
    decay^(t - i), divided by the sum of these: the initial weights, which nobody trained, are never in it. It is the
    correction of Adam's moments (Kingma & Ba 2014, arXiv:1412.6980, section 3). Rounded to float32, as CUDA graphs
    are given it.

    >>> newest_share(0.5, 0), round(newest_share(0.5, 1), 6), round(newest_share(0.999, 10**5), 6)
    (1.0, 0.666667, 0.001)
    """
    return torch.tensor((1 - decay) / (1 - decay ** (t + 1)), dtype=torch.float32).item()
