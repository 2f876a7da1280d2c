"""Training log: progress bar, log.jsonl, TensorBoard, Weights & Biases."""

import json
import math
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, final

from torch import Tensor

from energan.engine import Trainer
from energan.engine.game import Logs
from energan.experiment import Experiment
from energan.runs.folder import RunFolder
from energan.runs.log import all_lines
from energan.runs.reader import number
from energan.training.divergence import Means, not_finite
from energan.training.verdict import Verdict, flat_since, looks_of, settled, stays, verdict
from energan.training.weights_and_biases import WeightsAndBiases
from energan.utils.console import progress_bar, warn
from energan.utils.errors import UserError
from energan.utils.files import unwritable, write
from energan.utils.hardware import peak_memory

JUDGED = {"diagnosis", "flat"}  # keys of the log's lines that a verdict is made of

SHOWN_SECONDS = 1.0  # between two steps that the progress shows


def log_every(experiment: Experiment) -> int:
    """Steps between two lines of the log."""
    return max(1, min(100, experiment.steps // 50))


@final
class Log:
    """A context in which a run's steps are counted, averaged over intervals, shown and written.

    Opening it on a resumed run drops the lines that a killed run wrote after its newest checkpoint, and warns where it
    drops others, which cannot be read.
    """

    def __init__(self, folder: RunFolder, run: Experiment, step: int, quiet: bool, track: str = "") -> None:
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.table import Column

        self.folder, self.run = folder, run
        self._track = track
        self._tracker: WeightsAndBiases | None = None
        self._path = folder.path / "log.jsonl"
        self._means = Means(step)
        self._before, self.best = 0.0, math.inf
        self._lines: list[dict[str, Any]] = []  # of the log, as far as a verdict is made of them
        self._verdict: Verdict | None = None
        whole, rest = Column(no_wrap=True, min_width=len(f"{run.steps}") * 2 + 6), Column(no_wrap=True, ratio=1)
        columns = (  # what does not fit in the terminal's width is cut from the quantities
            TextColumn("step {task.completed:.0f}/{task.total:.0f}", table_column=whole), BarColumn(bar_width=10),
            TextColumn("{task.fields[rate]}", table_column=Column(no_wrap=True, min_width=24)), TimeRemainingColumn(),
            TextColumn("{task.fields[logs]}", table_column=rest),
        )  # fmt: skip
        self._progress = progress_bar("steps", show=not quiet, columns=columns)
        self._progress.expand = True
        self._task = self._progress.add_task("training", total=run.steps, completed=step, rate="", logs="")

    def _reopen(self) -> None:
        """Keeps the lines up to the step; a killed run has written its seconds there alone."""
        unreadable = 0

        def fill(path: Path) -> None:  # line by line: the log may be long
            nonlocal unreadable
            with path.open("w") as file:
                for line in all_lines(self._path, must=True):
                    if line is None:
                        unreadable += 1
                        continue
                    if line["step"] > self.step:
                        continue
                    file.write(json.dumps(line) + "\n")
                    self._before = max(self._before, number(line.get("seconds")) or 0.0)
                    if line.keys() & JUDGED:
                        self._lines.append(line)

        write(self._path, fill)
        if unreadable:
            warn(f"{self._path}: lines that cannot be read, and are left out: {unreadable:,}")

    def __enter__(self) -> "Log":
        from torch.utils.tensorboard.writer import SummaryWriter

        self._before = self.folder.record["status"]["seconds"] if self.step else 0.0
        self._reopen()
        self.best = self.folder.best_distance(self.step)
        # TensorBoard's thread tells a full disk twice: in a traceback, and by raising from its next call here
        self._hook, threading.excepthook = threading.excepthook, self._unhandled
        self._board = SummaryWriter(str(self.folder.path / "tensorboard"), purge_step=self.step)
        if self._track:
            self._tracker = WeightsAndBiases(self.folder.path, self.folder.record)
        self._progress.start()
        self._started = self._since = self._shown = time.monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()
        try:
            if self._tracker:
                self._tracker.close()
            self._board.close()
        finally:
            threading.excepthook = self._hook

    def _unhandled(self, error: threading.ExceptHookArgs) -> None:
        if not issubclass(error.exc_type, OSError):
            self._hook(error)

    @property
    def step(self) -> int:
        """Steps that are done."""
        return self._means.step

    @property
    def seconds(self) -> float:
        """Of training so far, over all sessions."""
        return self._before + time.monotonic() - self._started

    def add(self, logs: Logs) -> None:
        """Takes one step's logs into the interval's mean; nothing is synchronised with the device."""
        self._means.add(logs)
        if (now := time.monotonic()) - self._shown > SHOWN_SECONDS:  # else a line of the log may be minutes away
            self._shown = now
            self._progress.update(self._task, completed=self.step)

    def flush(self, saving: bool = False) -> None:
        """Ends an interval, if it has a step: writes its means and rates.

        UserError if a quantity is not finite any more, or exploded; in the first steps, if the state is to be kept.
        """
        if not self._means.counts:
            return
        before = self._means.since
        means, wrong = self._means.take(saving)
        now = time.monotonic()
        rate = (self.step - before) / (now - self._since)
        self._since = now
        finite = {k: v if math.isfinite(v) else None for k, v in means.items()}
        images = rate * self.run.batch
        self.write({
            "step": self.step, "seconds": round(self.seconds, 2), "steps_per_second": round(rate, 3),
            "images_per_second": round(images, 1), "logs": finite,
        })  # fmt: skip
        self._curves(means)
        shown = "  ".join(f"{k} {v:.3g}" for k, v in means.items() if k != "D/[m-E(G(z))]+")
        shown = f"{self._verdict.kind}  {shown}" if self._verdict else shown
        self._progress.update(
            self._task, completed=self.step, rate=f"{rate:.1f} steps/s {images:.0f} images/s", logs=shown
        )
        if wrong:
            self.fail(wrong, begun=before > 0)

    def fail(self, what: str, begun: bool = True) -> None:
        """Ends a training that diverged. begun: whether a line of the log was in order before."""
        kept = self.folder.checkpoints()
        kept_name = f"the checkpoint of step {int(kept[-1].stem)} is kept" if kept else "there was no checkpoint yet"
        message = f"training diverged before step {self.step}: {what}; {kept_name}; try a lower learning rate or margin"
        if "nan" in what and not begun:
            message += ", and look for NaN in the data"
        self.status("diverged", message)
        found = verdict(self.folder.record, (), self.folder.path, message)
        assert found is not None  # of what diverged there is a verdict
        raise UserError(f"{message}, as {found.command} does")

    def check_finite(self, one: Trainer) -> None:
        """Before a checkpoint is written: every weight is finite."""
        if wrong := not_finite(one):
            self.fail(wrong)

    def write(self, line: dict[str, Any]) -> None:
        if line.keys() & JUDGED:
            self._lines.append(line)
        self._curves({f"diagnosis/{k}": v for k, v in line.get("diagnosis", {}).items()})
        try:
            with self._path.open("a") as f:
                f.write(json.dumps(line, allow_nan=False) + "\n")
        except OSError as error:
            raise unwritable(self._path, error) from error

    def flat(self) -> str:
        """What shows that training is to end before its last step: samples come no nearer; or ""."""
        patience = self.run.stop_when_flat
        if not patience or self.step >= self.run.steps:
            return ""
        went = flat_since(looks_of(self._lines, anew=True), patience, settled(self.folder.record))
        return "" if went is None else stays(went)

    def judge(self) -> None:
        """Writes the verdict on the training so far, and shows its kind from now on."""
        self._verdict = verdict(self.folder.record, self._lines, self.folder.path)
        if self._verdict and any(line["step"] == self.step for line in self._lines):
            self.write({"step": self.step, "verdict": {"kind": self._verdict.kind, "says": self._verdict.sentence}})

    def metrics(self, values: dict[str, float], samples: int) -> None:
        self.write({"step": self.step, "metrics": values, "samples": samples})
        self._curves({f"metrics/{k}": v for k, v in values.items()})

    def images(self, images: Tensor) -> None:
        seen = images[:, :3]  # of four channels, what is seen on white
        self._board.add_images("samples", seen, self.step)
        if self._tracker:
            self._tracker.images(seen, self.step)

    def _curves(self, values: dict[str, float]) -> None:
        for k, v in values.items():
            self._board.add_scalar(k, v, self.step)
        if self._tracker and values:
            self._tracker.scalars(values, self.step)

    def status(self, state: str, message: str = "") -> None:
        status = {"state": state, "step": self.step, "seconds": round(self.seconds, 1), "message": message}
        self.folder.update(status={**status, "peak_memory_bytes": peak_memory()})
