"""Steps that are replayed."""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any, Literal, Protocol, final

import torch
from torch import Tensor

from energan.engine.game import Game, Logs
from energan.engine.graphs.looks import Looks
from energan.engine.graphs.recorder import CudaRecorder, Recorder, Replay
from energan.engine.isolation import isolated
from energan.engine.state import Inputs
from energan.utils.console import warn
from energan.utils.errors import UserError

Graph = Literal["auto", "on", "off"]

WARM = 3  # steps before the first capture: libraries choose their kernels and get their memory in them


class Played(Protocol):
    """What is asked of a Trainer, or of an Ensemble."""

    game: Game
    t: int
    device: torch.device
    compiled: bool
    in_place: bool
    generators: list[torch.Generator]

    def next_inputs(self) -> Inputs: ...
    def play(self, turns: Sequence[str], inputs: Sequence[Inputs]) -> Logs: ...
    def step(self) -> Logs: ...


@final
class Graphed:
    """Steps of a Trainer or an Ensemble, replayed from CUDA graphs where that is possible, else played as ever.

    The one that it is given stays what is saved, loaded and looked at: both see the same tensors.

    Args:
        one: A Trainer or an Ensemble.
        graph: "auto": graphs on CUDA, where the step can be captured. "on": the same, but an error where it cannot.
            "off": none.
        recorder: Captures; None: CUDA's, on a CUDA device.

    Attributes:
        captured: Number of graphs.
        why: Why steps are not replayed, in one sentence; "" where they are, or where nobody asked for it.

    Raises:
        UserError: `graph` is "on", and the device is not CUDA, or, in the first steps, the step cannot be captured.

    >>> from energan.engine import Trainer
    >>> from energan.engine.game import Game, Move, Player
    >>> from energan.engine.optimizers import SGD
    >>> def loss(p, b):
    ...     value = (p.D(b.x) - b.x).square().mean()
    ...     return value, {"loss": value}
    >>> game = Game({"D": Player(torch.nn.Linear(1, 1), SGD(0.1))}, {"D": (Move(loss, min=("D",)),)})
    >>> graphed = Graphed(Trainer(game, lambda k: {"x": torch.ones(4, 1)}))
    >>> list(graphed.step()), graphed.captured
    (['D/loss'], 0)
    """

    def __init__(self, one: Played, graph: Graph = "auto", *, recorder: Recorder | None = None) -> None:
        self.one, self.why = one, ""
        self._wanted = graph
        if graph not in ("auto", "on", "off"):
            raise UserError(f"`graph` {graph!r} must be auto, on or off")
        if recorder is None and one.device.type == "cuda" and graph != "off":
            recorder = CudaRecorder(one.device)
        if recorder is None and graph == "on":
            raise UserError(f"`graph` on needs a CUDA device, and this is {one.device}: use auto or off")
        self._recorder = recorder if graph != "off" else None
        if self._recorder:
            one.in_place = True  # a graph knows tensors by their places
        self._plans: dict[tuple[str, ...], _Plan] = {}
        self._warm = 0
        self._known: set[str] = set()  # turns that have been played

    @property
    def captured(self) -> int:
        return sum(plan.replay is not None for plan in self._plans.values())

    @isolated()
    def step(self) -> Logs:
        """Plays the next step. Returns its logs, on the device and not waited for."""
        if self._recorder is None:
            return self.one.step()
        turns = tuple(self.one.game.turns_at(self.one.t))
        inputs = [self.one.next_inputs() for _ in turns]
        plan = self._plans.get(turns)
        if plan is None:
            plan = self._plans[turns] = _Plan(self.one, turns, inputs)
        elif mismatch := plan.mismatch(inputs):
            self._give_up(plan, mismatch)
            logs = self.one.play(turns, inputs)
            self.one.t += 1
            return logs
        else:
            plan.take(inputs)
        if plan.replay is None and self._warm >= WARM and self._known.issuperset(turns):
            self._capture(plan, self._recorder)
        logs = plan.logs(plan.replay() if plan.replay else self._launched(plan))
        self.one.t += 1
        return logs

    def _launched(self, plan: "_Plan") -> Tensor:
        """Plays the step kernel by kernel, and finds whether it could be captured."""
        if self._recorder is None:  # it could not, as was found just now
            return plan.work()
        looks = Looks(self.one.device)
        with nullcontext() if self.one.compiled else looks:  # what is compiled whole looks at nothing
            values = self._recorder.warmed(plan.work)
        self._warm += 1
        self._known.update(plan.turns)
        if looks.seen:
            self._give_up(plan, looks.seen)
        return values

    def _capture(self, plan: "_Plan", recorder: Recorder) -> None:
        try:
            plan.replay = recorder.capture(plan.work, self.one.generators)
        except RuntimeError as error:
            self._give_up(plan, " ".join(str(error).split())[:200])

    def _give_up(self, plan: "_Plan", reason: str) -> None:
        turns = ", ".join(plan.turns)
        self.why = f"the step of {turns} cannot be a CUDA graph ({reason}), so each of its kernels is launched"
        if self._wanted == "on":
            raise UserError(f"`graph` on: {self.why}; use auto or off")
        self._recorder = None
        self._plans.clear()
        warn(self.why)


@final
class _Plan:
    """A sequence of turns with the tensors that the host's part is copied into, and its graph once there is one."""

    def __init__(self, one: Played, turns: tuple[str, ...], inputs: Sequence[Inputs]) -> None:
        self.turns, self._one = turns, one
        self.replay: Replay | None = None
        self._names: list[str] = []
        self._inputs = [
            Inputs(
                {k: v.clone() for k, v in each.data.items()},
                torch.tensor(each.t, device=one.device),
                # torch's fused optimizers take rates in float32
                *({k: _kept(v, one.device) for k, v in values.items()} for values in (each.rates, each.shares)),
            )
            for each in inputs
        ]

    def mismatch(self, inputs: Sequence[Inputs]) -> str:
        """Why the host's part of a step is no such as this plan has places for; "" where it is.

        A copy would stretch a batch of one row to all rows, and leave what is no longer given as it was.
        """
        for mine, new in zip(self._inputs, inputs, strict=True):
            for name in mine.data.keys() | new.data.keys():
                x, old = new.data.get(name), mine.data.get(name)
                if x is None or old is None or x.shape != old.shape or x.dtype != old.dtype:
                    return f"its data {name!r} are {_kind(x)} at step {new.t}, and were {_kind(old)}"
        return ""

    def take(self, inputs: Sequence[Inputs]) -> None:
        """Copies the host's part of a step into this plan's tensors."""
        for mine, new in zip(self._inputs, inputs, strict=True):
            for old, values in ((mine.data, new.data), (mine.rates, new.rates), (mine.shares, new.shares)):
                for k, value in values.items():
                    _put(old[k], value)
            _put(mine.t, new.t)

    def work(self) -> Tensor:
        """Plays the turns. Returns all logs in one tensor, (logs, ...)."""
        logs = self._one.play(self.turns, self._inputs)
        self._names = list(logs)
        return torch.stack([_floating(v) for v in logs.values()]) if logs else torch.empty(0, device=self._one.device)

    def logs(self, values: Tensor) -> Logs:
        """Returns the logs as the step gave them, apart from the graph's own tensors."""
        return dict(zip(self._names, values.clone().unbind(), strict=True))


def _kind(x: Tensor | None) -> str:
    """Data type and shape, as in "int64 (4, 1)"."""
    return "missing" if x is None else f"{str(x.dtype).removeprefix('torch.')} {tuple(x.shape)}"


def _kept(rate: float | Tensor, device: torch.device) -> Tensor:
    return rate.clone() if isinstance(rate, Tensor) else torch.tensor(rate, dtype=torch.float32, device=device)


def _floating(x: Tensor) -> Tensor:
    return x if x.dtype == torch.float64 else x.float()


def _put(old: Any, new: float | Tensor) -> None:
    if isinstance(new, Tensor):
        old.copy_(new, non_blocking=True)
    else:
        old.fill_(new)  # a kernel's argument: nothing is copied from the host
