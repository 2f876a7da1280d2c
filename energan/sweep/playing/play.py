"""A trial, played: trained, measured, and forgotten but for its row."""

import functools
import math
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple, final

from energan.sweep.metric import known
from energan.sweep.plan.halving import Ask, Halving, never
from energan.sweep.plan.trials import Result, Trial
from energan.utils.console import progress_shown
from energan.utils.errors import UserError, printable

if TYPE_CHECKING:
    from energan.data import ImageSet
    from energan.engine import Trainer
    from energan.experiment import Experiment
    from energan.inference.model import Model

KEPT = 4  # sets of images that a process keeps, for the next trial's use
SHEET = 64  # samples of a sheet

Stop = Callable[[], bool]


@final
class Keep(NamedTuple):
    """What is kept of a trial besides its row.

    folder  the sweep's
    sheets  a sheet of samples, where the system draws
    runs    its run folder, with the last checkpoint, which all commands open
    """

    folder: Path
    sheets: bool = False
    runs: bool = False


class GivenUp(Exception):
    """The trial was stopped before its end: nothing of it is kept, and it is played again."""


class Diverged(Exception):
    """Training diverged."""


class Stopped(Exception):
    """The trial was not good enough to go on: `metrics` are what it had."""

    def __init__(self, metrics: dict[str, float]) -> None:
        super().__init__()
        self.metrics = metrics


def play(trial: Trial, keep: Keep, stop: Stop = lambda: False, ask: Ask = never) -> Result:
    """The trial's row. GivenUp where `stop` says so between two steps.

    What goes wrong in a trial is its result. KeyboardInterrupt passes.

    ask: Whether a trial that is looked at while it trains is stopped there.
    """
    reached = [0]
    looks: list[tuple[int, float | None]] = []
    row = outcome(trial, reached, lambda: _played(trial, keep, stop, ask, reached, looks))
    return {**row, "looks": looks} if trial.halving else row


def outcome(trial: Trial, reached: list[int], work: Callable[[], dict[str, float]], spent: float = 0.0) -> Result:
    """The row of a trial whose metrics `work` gives, or raises what went wrong. GivenUp passes.

    reached: [the step that it is at]; spent: seconds that it took already.
    """
    begun, metrics = time.monotonic(), dict[str, float]()
    try:
        with progress_shown(False):
            metrics = work()
        state, message = "finished", ""
    except GivenUp:
        raise
    except Diverged as error:
        state, message = "diverged", f"training diverged before step {reached[0]}: {error}"
    except Stopped as error:
        state, metrics = "stopped", error.metrics
        message = f"stopped after {reached[0]:,} of {trial.arguments['steps']:,} steps: others were better there"
    except UserError as error:
        state, message = "refused", str(error)
    except Exception as error:  # of memory, of a user's own recipe: other trials go on
        reason = " ".join(str(error).split())[:300]
        state, message = "failed", printable(f"{type(error).__name__}: {reason}")
    seconds = round(spent + time.monotonic() - begun, 3)
    return trial.row(state, message, step=reached[0], seconds=seconds, metrics=metrics)


@final
class Ready(NamedTuple):
    """A trial that can begin: its experiment as it was built, as its images make it, and the images."""

    built: "Experiment"
    experiment: "Experiment"
    data: "ImageSet"


def ready(trial: Trial) -> Ready:
    """The trial's experiment and images. UserError for what cannot be trained."""
    from energan import capabilities
    from energan.recipes.build import build

    built = build(trial.recipe, **trial.arguments)
    experiment = built._replace(prepare=_remembered(built.prepare))
    data = experiment.training_set()
    for capability in capabilities.of(experiment.game):
        if capability.validate:
            capability.validate(experiment, data)
    if experiment.initialise:
        experiment.initialise(data)
    return Ready(built, experiment.reading_as(data), data)


def _played(
    trial: Trial, keep: Keep, stop: Stop, ask: Ask, reached: list[int], looks: list[tuple[int, float | None]]
) -> dict[str, float]:
    """The metrics of the trial. `reached` tells at which step it is, `looks` what was seen on the way."""
    from energan.utils.hardware import deterministic

    start = ready(trial)

    def look(trainer: "Trainer") -> None:
        metrics = metrics_of(trial, start, trainer, Keep(keep.folder))
        cost = _cost(trial.halving, metrics)
        looks.append((trainer.t, cost if math.isfinite(cost) else None))
        if ask(trial.number, trainer.t, cost):
            raise Stopped(metrics)

    when = trial.halving.looks(start.experiment.steps) if trial.halving else frozenset[int]()
    with deterministic(start.experiment.deterministic):
        trainer = _trained(start.experiment, start.data, stop, reached, lambda t: look(t) if t.t in when else None)
        return metrics_of(trial, start, trainer, keep)


def _cost(halving: Halving | None, metrics: dict[str, float]) -> float:
    """What is looked at, less being better. UserError where it is not measured, or neither way is better."""
    name = (halving.metric if halving else "") or next(iter(metrics), "")
    if name not in metrics:
        raise UserError(f"`metric` {name!r} is not measured here: there are {', '.join(metrics) or 'none'}")
    if not (metric := known(name)).way:
        raise UserError(f"`halving` needs a `metric` of which less or more is better, and of {name} neither is")
    return metric.key(metrics[name])


def metrics_of(trial: Trial, start: Ready, trainer: "Trainer", keep: Keep) -> dict[str, float]:
    """The metrics of the trial, trained; keeps what is to be kept. Diverged where the weights are not finite."""
    from energan.capabilities import Measurement
    from energan.evaluation import measured, samples_of
    from energan.inference.snapshot import snapshot
    from energan.training.divergence import not_finite

    if wrong := not_finite(trainer):
        raise Diverged(wrong)
    experiment = start.experiment
    shown = experiment.shown(start.data)
    model = snapshot(trainer, shown.images, experiment.batch // experiment.microbatches)
    with TemporaryDirectory(prefix="energan-") as scratch:
        n = trial.samples or samples_of(experiment, shown)
        measurement = Measurement(Path(scratch), experiment, model, shown, n, seed=0, pictures=False)
        result, _ = measured(measurement, trainer.t)
        if keep.sheets and experiment.game.sample is not None:
            from energan.utils.image_files import save_sheet

            save_sheet(measurement.samples(SHEET)[:SHEET], keep.folder / "sheets" / f"{trial.number:06d}.png")
    if keep.runs:
        path = keep.folder / "runs" / f"{trial.number:06d}"
        _keep_run(path, start.built.reading_as(start.data), start.data, trial, trainer, model)
    return result["metrics"]


def _trained(
    experiment: "Experiment", data: "ImageSet", stop: Stop, reached: list[int], look: Callable[["Trainer"], None]
) -> "Trainer":
    """The trainer after all steps, each of which is shown to `look`. Diverged, as a run would find it."""
    from energan.engine.graphs import Graphed
    from energan.training.divergence import Means
    from energan.training.log import log_every
    from energan.training.loop import trainer_of

    trainer = trainer_of(experiment, data)
    graphed, means, every = Graphed(trainer, experiment.graph), Means(), log_every(experiment)
    while trainer.t < experiment.steps:
        if stop():
            raise GivenUp
        means.add(graphed.step())
        reached[0] = trainer.t
        if trainer.t % every == 0 or trainer.t == experiment.steps:
            _, wrong = means.take(saving=trainer.t == experiment.steps)
            if wrong:
                raise Diverged(wrong)
        look(trainer)
    return trainer


def _keep_run(
    path: Path, experiment: "Experiment", data: "ImageSet", trial: Trial, trainer: "Trainer", model: "Model"
) -> None:
    """Writes the trial's run folder; one that a kill left before its row was written is replaced."""
    import shutil

    from energan.runs.folder import RunFolder

    shutil.rmtree(path, ignore_errors=True)
    folder = RunFolder(path)
    folder.create(experiment, data, trial.recipe, trial.arguments, f"a trial of the sweep in {path.parent.parent}")
    folder.save(trainer, model)
    folder.update(status={"state": "finished", "step": trainer.t, "seconds": 0.0, "message": ""})


_sets: dict[str, "ImageSet"] = {}  # the images that this process has read


def images_read() -> dict[str, tuple[str, str]]:
    """Name and hash of the images that this process has read, by what was asked for."""
    return {key: (data.name, data.sha256) for key, data in _sets.items()}


def _remembered(prepare: "Callable[..., ImageSet]") -> "Callable[..., ImageSet]":
    """The function that loads images, which remembers the last sets: trials of one process mostly share them."""
    from energan.utils.specification import describe

    try:
        known = repr(describe(prepare))
    except UserError:  # anyone's function: what it does is not known
        return prepare

    @functools.wraps(prepare)
    def load(*given: Any, **named: Any) -> "ImageSet":
        key = f"{known} {given} {named}"
        if key not in _sets:
            while len(_sets) >= KEPT:
                del _sets[next(iter(_sets))]
            _sets[key] = prepare(*given, **named)
        return _sets[key]

    return load
