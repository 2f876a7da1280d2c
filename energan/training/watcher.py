"""What is shown and kept of a run while it trains: its log, its checkpoints, a preview of each of its capabilities."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Any, final

import torch
from torch import Tensor

from energan import capabilities
from energan.capabilities import Preview
from energan.data import ImageSet
from energan.data.image_set import fixed_subset
from energan.engine import Trainer
from energan.engine.distributed import Ranks
from energan.engine.game import Logs
from energan.experiment import Experiment
from energan.inference.model import Model
from energan.inference.snapshot import snapshot
from energan.runs.checkpoints import read_checkpoint
from energan.runs.folder import RunFolder
from energan.training.log import Log, log_every
from energan.utils.console import progress_shown, warn
from energan.utils.errors import UserError
from energan.utils.image_files import save_sheet

SHEET = 64  # images on the sheet of real images
CUDA_GENERATOR = 16  # bytes of the state of a CUDA device's random numbers

METRICS_EVERY = 4  # looks between two measurements of the metrics


@final
class Watcher:
    """Watches a trainer on rank 0: locks the folder, loads the newest checkpoint, logs, previews and saves.

    A checkpoint is the last thing that is written of a step. So whatever moment a run is killed at, the steps after its
    newest checkpoint are played and written again, and those up to it lack nothing.

    A context. UserError where the newest checkpoint cannot be continued from, and where training diverges.
    """

    def __init__(
        self,
        experiment: Experiment,
        folder: RunFolder,
        data: ImageSet,
        trainer: Trainer,
        quiet: bool,
        changes: Mapping[str, Any],
        track: str = "",
    ) -> None:
        self.experiment, self.folder, self.trainer = experiment, folder, trainer
        with ExitStack() as stack:
            stack.enter_context(folder.locked())
            folder.refuse_lost()
            if begun := bool(folder.checkpoints()):
                _continue(trainer, folder, experiment)
                folder.drop_oldest()  # a run that was killed just before it did
            status = {**folder.record["status"], "state": "running", "step": trainer.t, "message": ""}
            game = {**folder.record["game"], "hyperparameters": dict(experiment.game.hyperparameters)}
            folder.update(**changes, status=status, game=game)
            self.images = experiment.shown(data).images
            save_sheet(self.images[fixed_subset(len(self.images), SHEET)], folder.path / "real.png")
            if (changed := experiment.changed(data)) is not None:
                save_sheet(changed[:SHEET], folder.path / "augmented.png")
            self._capabilities = [
                (each, each.prepare(experiment, data) if each.prepare else None)
                for each in capabilities.of(experiment.game)
            ]
            self._best = all(each.best for each, _ in self._capabilities)
            self.log = Log(folder, experiment, trainer.t, quiet, track)
            if experiment.initialise and not begun:  # whoever resumes the folder elsewhere may not be able to do that
                folder.save(trainer, self._snapshot())
            self._stack = stack.pop_all()

    def __enter__(self) -> "Watcher":
        try:
            self._stack.enter_context(self.log)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def add(self, logs: Logs) -> None:
        """Takes one step's logs into the interval's means."""
        self.log.add(logs)

    def look(self) -> str:
        """Writes a line of the log; every `save_every` steps, and at the end, also previews and then a checkpoint.

        Returns why training is to end here, before its last step, or "".
        """
        saving = saves_at(self.trainer.t, self.experiment)
        self.log.flush(saving)  # before a checkpoint too: no exploded state is kept as the last good one
        if saving:
            model = self._snapshot()
            self._preview(model)
            self.log.judge()
            if flat := self.log.flat():
                self.log.write({"step": self.trainer.t, "flat": True})
            self.folder.save(self.trainer, model)
            return flat
        return ""

    def end(self, state: str, reason: str) -> None:
        """Saves a run that was stopped between two looks, and writes how the run stands."""
        if self.trainer.t % self.experiment.save_every and self.trainer.t < self.experiment.steps:
            self.log.flush(saving=True)
            self.folder.save(self.trainer, self._snapshot())
        self.log.status(state, reason)

    def _snapshot(self) -> Model:
        """The model as it is now. UserError where its weights are not finite."""
        self.log.check_finite(self.trainer)
        return snapshot(self.trainer, self.images, self.experiment.batch // self.experiment.microbatches)

    def _preview(self, model: Model) -> None:
        t, experiment = self.trainer.t, self.experiment

        def show(images: Tensor, columns: int | None = None) -> None:
            save_sheet(images, self.folder.path / "samples" / f"{t:06d}.png", columns)
            self.log.images(images)

        def save_best(distance: float) -> None:
            if self._best and distance < self.log.best:
                self.log.best = distance
                self.folder.save_best(self.trainer, model, distance)

        preview = Preview(
            experiment=experiment,
            model=model,
            images=self.images,
            metrics=t % (METRICS_EVERY * experiment.save_every) == 0 or t == experiment.steps,
            show=show,
            log=self.log.metrics,
            write=lambda line: self.log.write({"step": t, **line}),
            save_best=save_best,
            data=self.trainer.data,
            step=t,
        )
        with progress_shown(False):  # the training's own is shown
            for capability, prepared in self._capabilities:
                if capability.preview:
                    capability.preview(preview, prepared)


@final
class RankWatcher:
    """The Watcher of rank 0, as all ranks see it: what it raises is raised on every rank. A context."""

    def __init__(
        self, experiment: Experiment, trainer: Trainer, ranks: Ranks, make_watcher: Callable[[], Watcher]
    ) -> None:
        self._experiment, self._ranks, self._trainer = experiment, ranks, trainer
        self._watcher: Watcher | None = None
        self._flat = ""
        with ranks.errors_on_all_ranks():
            if ranks.rank == 0:
                self._watcher = make_watcher()
        trainer.broadcast()

    def __enter__(self) -> "RankWatcher":
        if self._watcher:
            self._watcher.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._watcher:
            self._watcher.__exit__(kind, error, trace)

    def step(self, logs: Logs) -> bool:
        """Takes one step's logs; looks at the trainer where that is due. Whether training is to go on."""
        if self._watcher:
            self._watcher.add(logs)
        t = self._trainer.t
        if saves_at(t, self._experiment) or t % log_every(self._experiment) == 0:
            with self._ranks.errors_on_all_ranks():
                if self._watcher:
                    self._flat = self._watcher.look()
        return not (self._experiment.stop_when_flat and self._ranks.any(bool(self._flat)))

    def end(self, caught: list[str]) -> str:
        """ "finished"; "finished early" where samples come no nearer; or "stopped" where a signal (`caught`, or another
        rank's) ended the run. All is saved."""
        flat = bool(self._experiment.stop_when_flat) and self._ranks.any(bool(self._flat))
        state = "finished" if self._trainer.t >= self._experiment.steps else "finished early" if flat else "stopped"
        reason = f"stopped by {caught[0] if caught else 'another rank'}" if state == "stopped" else self._flat
        with self._ranks.errors_on_all_ranks():
            if self._watcher:
                self._watcher.end(state, reason)
        return state


def saves_at(t: int, experiment: Experiment) -> bool:
    """Whether a checkpoint is due when t steps are done."""
    return t % experiment.save_every == 0 or t == experiment.steps


def _continue(trainer: Trainer, folder: RunFolder, experiment: Experiment) -> None:
    """The trainer takes the newest checkpoint's state. UserError where it cannot, or is to end before that."""
    path = folder.checkpoint()
    saved = read_checkpoint(path)
    if saved.step > experiment.steps:
        raise UserError(
            f"{folder.path} is at step {saved.step} already: `steps` {experiment.steps} must be above that to train on"
        )
    own = trainer.state()
    drawn, draws = len(saved.state["generator"]), len(own["generator"])
    if drawn != draws and drawn in (CUDA_GENERATOR, len(torch.Generator().get_state())):  # another kind of device's
        before, here = folder.record["device"].partition(":")[0], trainer.device.type
        there = before if before != here else "another kind of device"  # a run.json of a resume that was killed
        warn(f"{folder.path} was trained on {there}: on {here} it goes on with other random numbers")
        generator = torch.Generator(trainer.device).manual_seed((experiment.seed + saved.step) % 2**63)
        saved.state["generator"] = generator.get_state()
    numbers = own["hyperparameters"]  # of another length the run may have others: a share of its steps
    saved.state["hyperparameters"] = {k: numbers.get(k, v) for k, v in saved.state["hyperparameters"].items()}
    try:
        trainer.load(saved.state)
    except (AttributeError, KeyError, RuntimeError, TypeError) as error:
        reason = str(error).splitlines()[0][:200]
        raise UserError(f"{path} does not fit this run ({reason}); delete it to go on from an older one") from error
