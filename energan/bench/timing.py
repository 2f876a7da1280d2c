"""Times and counts the steps of a recipe's model on this machine, for `energan bench` and `--batch auto`."""

import io
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr
from pathlib import Path
from statistics import median, quantiles
from typing import Any, NamedTuple

import numpy as np
import torch

from energan.bench.operations import Counter, Step
from energan.bench.phases import instrumented, instrumented_source
from energan.bench.roofline import synchronise
from energan.data import ImageSet
from energan.data.batches.resident import resident
from energan.engine import Trainer, graphs
from energan.engine.graphs import Graphed
from energan.experiment import Experiment
from energan.utils.errors import UserError

Make = Callable[..., Experiment]

WARM = 2  # steps that are not timed

COUNTED = 3  # steps that are counted; the fastest is reported

CODED = 16  # batches of images whose codes are computed beforehand


class Bench(NamedTuple):
    """A recipe's model, ready to step; `t`, a step in the middle of the run, is repeated."""

    run: Experiment
    one: Trainer
    graphed: Graphed
    t: int

    @property
    def order(self) -> list[str]:
        return list(self.run.game.turns_at(self.t))

    def step(self) -> None:
        """Plays step t."""
        self.one.t = self.t
        self.graphed.step()

    def seconds(self) -> float:
        """The seconds of one step."""
        synchronise(self.one.device)
        began = time.perf_counter()
        self.step()
        synchronise(self.one.device)
        return time.perf_counter() - began


def warmed_up(
    run: Experiment, data: ImageSet, mark: Callable[[str, int], None] | None = None, *, eager: bool = False
) -> Bench:
    """The experiment's model on these images, after WARM steps. Frozen nets keep their initial weights.

    `mark` is called at each turn and, when `eager`, at each phase.
    """
    if run.coded:
        data = data._replace(
            images=data.images[: CODED * run.batch],
            labels=None if data.labels is None else data.labels[: CODED * run.batch],
        )
    if run.initialise and all(player.optimizer for player in run.game.players.values()):
        run.initialise(data)
    source, game = resident(run.batches(data), run.device), run.game
    if mark:
        source, game = instrumented_source(source, mark), instrumented(game, mark) if eager else game
    one = Trainer(
        game, source, seed=run.seed, precision=run.precision, device=run.device, ema=run.ema,
        compile=run.compile and not eager,
    )  # fmt: skip
    bench = Bench(run, one, Graphed(one, "off" if mark else run.graph), run.steps // 2)
    for _ in range(WARM if bench.one.device.type == "cpu" else graphs.WARM + WARM):
        bench.step()
    return bench


def images_of(make: Make, arguments: Mapping[str, Any]) -> tuple[Experiment, ImageSet, str]:
    """The experiment, its images and their description: those of --data, or, without it, noise.

    Noise has neither attributes nor captions: a recipe that needs them is given the images of its own default.
    """
    if arguments.get("data"):
        return _named(make, arguments)
    try:
        return _noise(make, arguments)
    except UserError as refused:
        try:
            return _named(make, {name: value for name, value in arguments.items() if name != "data"})
        except (TypeError, UserError):  # the first: a recipe without a default
            raise refused from None


def _named(make: Make, arguments: Mapping[str, Any]) -> tuple[Experiment, ImageSet, str]:
    run = make(**arguments)
    data = run.training_set()
    return run, data, f"{len(data.images)} images of {data.name}"


def _noise(make: Make, arguments: Mapping[str, Any]) -> tuple[Experiment, ImageSet, str]:
    n = max(512, 4 * arguments.get("batch", 0), arguments.get("labels", 0))
    images = np.random.default_rng(0).integers(0, 256, (n, 8, 8, 3), dtype=np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "noise.npz"
        count = arguments.get("classes")  # how many, or whether there are any
        np.savez(path, images=images, labels=np.arange(n) % (count if type(count) is int else 10))
        plain = {name: type(arguments[name])() for name in ("only", "centre") if name in arguments}  # noise has none
        run = make(**{**arguments, **plain, "data": str(path)})
        with redirect_stderr(io.StringIO()):  # nobody needs to see noise being resized
            data = run.training_set()
    return run, data, f"{n} images of noise (--data names your own)"


def count(run: Experiment, data: ImageSet) -> Step:
    """The operations of the fastest of COUNTED uncompiled steps."""
    counter: list[Counter] = []

    def mark(phase: str, moved: int) -> None:
        if counter:
            counter[0].mark(phase, moved)

    bench = warmed_up(run, data, mark, eager=True)
    steps = []
    for _ in range(COUNTED):
        counter[:] = [Counter(bench.one.device, bench.order)]
        _occupy(bench.one.device)
        with counter[0]:
            bench.step()
        synchronise(bench.one.device)
        steps.append(counter[0].step())
    return min(steps, key=lambda step: sum(op.seconds for op in step.operations))


def _occupy(device: torch.device) -> None:
    """Keeps a GPU busy for a moment, so that operations wait for it and not it for them: each one's own time."""
    if device.type == "cuda":
        busy = torch.ones(8192, 8192, device=device)
        for _ in range(10):
            torch.mm(busy, busy)


def turns(run: Experiment, data: ImageSet, repeats: int) -> dict[str, float]:
    """Median seconds of each turn of a step (all its turns of that name); the last includes averaging."""
    began: list[float] = []

    def mark(phase: str, _: int) -> None:
        if phase == "data":
            synchronise(torch.device(run.device))
            began.append(time.perf_counter())

    bench = warmed_up(run, data, mark)
    durations: dict[str, list[float]] = {turn: [] for turn in bench.order}
    for _ in range(repeats):
        began.clear()
        bench.step()
        mark("data", 0)
        each = dict.fromkeys(durations, 0.0)
        for turn, start, stop in zip(bench.order, began, began[1:], strict=False):
            each[turn] += stop - start
        for turn, seconds in each.items():
            durations[turn].append(seconds)
    return {turn: median(seconds) for turn, seconds in durations.items()}


def quartiles(values: list[float]) -> tuple[float, float, float]:
    """The lower quartile, the median and the upper one."""
    low, middle, high = quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3
    return low, middle, high
