"""CUDA graphs: a whole step, captured once and replayed, so that the host launches one graph instead of each kernel.

Small networks are bound by launches: a step of some hundred kernels takes the host longer than the GPU. What a step
does is the same every time but for what the host gives it (`state.Given`): that is copied into tensors that stay, and
the graph reads them there. Which turns a step has is fixed within a graph; each sequence of turns gets its own.

Nothing here knows how a step is played, nor which game it is of.
"""

import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any, Literal, Protocol, final

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from energan.engine.game import Logs
from energan.engine.isolation import isolated
from energan.engine.state import Given
from energan.utils.console import warn
from energan.utils.errors import UserError

Graph = Literal["auto", "on", "off"]

WARM = 3  # steps before the first capture: libraries choose their kernels and get their memory in them

Replay = Callable[[], Tensor]


class Played(Protocol):
    """What is asked of a Trainer, or of an Ensemble."""

    t: int
    device: torch.device
    compiled: bool
    in_place: bool
    generators: list[torch.Generator]

    @property
    def turns(self) -> tuple[str, ...]: ...
    def given(self) -> Given: ...
    def play(self, turns: Sequence[str], given: Sequence[Given]) -> Logs: ...
    def step(self) -> Logs: ...


class Recorder(Protocol):
    """How work is captured: by CUDA; in tests by an imitation that runs anywhere.

    warmed  runs the work where it would be captured; returns what it returns
    capture  returns a function that does the work again, with its tensors in the same places, and returns what the
        work returned. Nothing is computed by the capture itself. RuntimeError for work that cannot be captured.
    """

    def warmed(self, work: Callable[[], Tensor]) -> Tensor: ...
    def capture(self, work: Callable[[], Tensor], generators: Sequence[torch.Generator]) -> Replay: ...


@final
class CudaRecorder:
    """Captures on a stream of its own. Its graphs share their memory: they are never replayed at once."""

    def __init__(self, device: torch.device) -> None:
        self._device, self._stream = device, torch.cuda.Stream(device)
        self._pool = torch.cuda.graph_pool_handle()

    def warmed(self, work: Callable[[], Tensor]) -> Tensor:
        now = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(now)
        with torch.cuda.stream(self._stream):
            result = work()
        now.wait_stream(self._stream)
        result.record_stream(now)
        return result

    def capture(self, work: Callable[[], Tensor], generators: Sequence[torch.Generator]) -> Replay:
        with torch.cuda.device(self._device):  # where generators keep what a graph reads of them
            graph, now = torch.cuda.CUDAGraph(), torch.cuda.current_stream()
            for generator in generators:
                graph.register_generator_state(generator)  # so that each replay draws the next numbers
            try:
                # thread_local: another thread may pin memory for the next batch meanwhile
                with torch.cuda.graph(graph, self._pool, self._stream, capture_error_mode="thread_local"):
                    result = work()
            except BaseException:
                self._recover(graph, now, generators)
                raise

        def replay() -> Tensor:
            graph.replay()
            return result

        return replay

    def _recover(
        self, graph: torch.cuda.CUDAGraph, now: torch.cuda.Stream, generators: Sequence[torch.Generator]
    ) -> None:
        """Where CUDA itself breaks a capture off (the host waited), torch takes it to go on, in three places.

        Its stream stays the current one, generators refuse to draw outside of it, and the allocator, which waits for
        its end, gives no memory back to the device.
        """
        torch.cuda.set_stream(now)
        graph.reset()
        for generator in (*generators, torch.cuda.default_generators[torch.cuda.current_device()]):
            generator.graphsafe_set_state(generator.clone_state())
        with suppress(RuntimeError):  # the allocator knows that it ended
            torch._C._cuda_endAllocateToPool(torch.cuda.current_device(), self._pool)
            torch._C._cuda_releasePool(torch.cuda.current_device(), self._pool)


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
        turns = self.one.turns
        given = [self.one.given() for _ in turns]
        plan = self._plans.get(turns)
        if plan is None:
            plan = self._plans[turns] = _Plan(self.one, turns, given)
        elif odd := plan.odd(given):
            self._give_up(plan, odd)
            logs = self.one.play(turns, given)
            self.one.t += 1
            return logs
        else:
            plan.take(given)
        if plan.replay is None and self._warm >= WARM and self._known.issuperset(turns):
            self._capture(plan, self._recorder)
        logs = plan.logs(plan.replay() if plan.replay else self._launched(plan))
        self.one.t += 1
        return logs

    def _launched(self, plan: "_Plan") -> Tensor:
        """Plays the step kernel by kernel, and finds whether it could be captured."""
        if self._recorder is None:  # it could not, as was found just now
            return plan.work()
        looks = _Looks(self.one.device)
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

    def __init__(self, one: Played, turns: tuple[str, ...], given: Sequence[Given]) -> None:
        self.turns, self._one = turns, one
        self.replay: Replay | None = None
        self._names: list[str] = []
        self._given = [
            Given(
                {k: v.clone() for k, v in each.data.items()},
                torch.tensor(each.t, device=one.device),
                # torch's fused optimizers take rates in float32
                {k: _kept(v, one.device) for k, v in each.rates.items()},
            )
            for each in given
        ]

    def odd(self, given: Sequence[Given]) -> str:
        """Why the host's part of a step is no such as this plan has places for; "" where it is.

        A copy would stretch a batch of one row to all rows, and leave what is no longer given as it was.
        """
        for mine, new in zip(self._given, given, strict=True):
            for name in mine.data.keys() | new.data.keys():
                x, old = new.data.get(name), mine.data.get(name)
                if x is None or old is None or x.shape != old.shape or x.dtype != old.dtype:
                    return f"its data {name!r} are {_kind(x)} at step {new.t}, and were {_kind(old)}"
        return ""

    def take(self, given: Sequence[Given]) -> None:
        """Copies the host's part of a step into this plan's tensors."""
        for mine, new in zip(self._given, given, strict=True):
            for old, values in ((mine.data, new.data), (mine.rates, new.rates)):
                for k, value in values.items():
                    _put(old[k], value)
            _put(mine.t, new.t)

    def work(self) -> Tensor:
        """Plays the turns. Returns all logs in one tensor, (logs, ...)."""
        logs = self._one.play(self.turns, self._given)
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


# ----------------------------------------------------------------------------------------- what a graph cannot do

_WAITS = {  # operations whose result the host waits for, or that make tensors of a size that depends on values
    "aten::_local_scalar_dense", "aten::is_nonzero", "aten::equal", "aten::nonzero", "aten::masked_select",
    "aten::_unique2", "aten::unique_dim", "aten::unique_consecutive", "aten::bincount", "aten::repeat_interleave",
    "aten::allclose",
}  # fmt: skip

_COPIES = {"aten::_to_copy", "aten::copy_"}


@final
class _Looks(TorchDispatchMode):
    """Finds the first operation that looks at values on the device: in a graph, nobody is there to look."""

    def __init__(self, device: torch.device) -> None:
        super().__init__()
        self.seen, self._device = "", device

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if not self.seen and (
            (_waits(func, args) and any(_is_on(x, self._device) for x in args)) or _crosses(func, args, result)
        ):
            self.seen = f"{func._schema.name.removeprefix('aten::')} at {_place()}"
        return result


def _waits(func: Any, args: tuple[Any, ...]) -> bool:
    name = func._schema.name
    if name in ("aten::index", "aten::index_put", "aten::index_put_"):  # by a mask: as many rows as it has
        return any(x is not None and x.dtype == torch.bool for x in args[1])
    return name in _WAITS


def _crosses(func: Any, args: tuple[Any, ...], result: Any) -> bool:
    """Whether it copies between the host and a device: a graph would copy what was there at its capture."""
    name = func._schema.name
    if name == "aten::lift_fresh":  # torch.tensor(..., device=...), whose copy is not seen
        return bool(result.device.type != "cpu")
    return name in _COPIES and len({x.device.type for x in (*args, result) if isinstance(x, Tensor)}) > 1


def _is_on(x: Any, device: torch.device) -> bool:
    return isinstance(x, Tensor) and x.device.type == device.type


def _place() -> str:
    """Returns the line that called torch, as in "losses/energy.py:12"."""
    ours = [
        frame
        for frame in traceback.extract_stack()
        if "torch" not in Path(frame.filename).parts and frame.filename != __file__
    ]
    return f"{'/'.join(Path(ours[-1].filename).parts[-2:])}:{ours[-1].lineno}" if ours else "a place unknown"
