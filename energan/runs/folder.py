"""The run folder: all that is known of a run.  Its format is docs/run-folder.md.

run.json                        configuration, environment, command, state
log.jsonl                       one JSON object a line: progress, energy histograms, metrics
samples/000500.png, real.png    sheets from fixed noise; training images; augmented.png: as batches change them
checkpoints/000500.safetensors  newest few and best.safetensors
evaluation.json, neighbours.png, report.html
uncertain.png, predictions.csv  of a classifier; temperature.json, label-next.csv and .png, suspected-labels.csv
"""

import json
import math
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, final

from energan.data import ImageSet
from energan.engine import Trainer
from energan.experiment import Experiment
from energan.inference.model import Model
from energan.runs.checkpoints import FOLDER, SHARED, read_checkpoint, write_checkpoint
from energan.runs.copies import refuse_copy
from energan.runs.log import all_lines
from energan.runs.record import FORMAT, checked, read_run_json, refuse_links
from energan.runs.signature import sign
from energan.utils.errors import UserError
from energan.utils.files import exclusive, read_weights, sweep, unwritable, write_json
from energan.utils.hardware import environment
from energan.utils.version import __version__

KEPT = 3  # newest checkpoints

BEST = Path(FOLDER, "best.safetensors")

NOTHING: Mapping[str, Any] = {}


@final
class RunFolder:
    """A run folder. run.json is read once, when it is first asked for.

    Args:
        path: The folder; it need not be there yet.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @cached_property
    def record(self) -> dict[str, Any]:
        """run.json. UserError for a folder that is none, is damaged, of a newer Energan, or has links out of it."""
        record = read_run_json(self.path)
        refuse_links(self.path)
        return checked(record, self.path / "run.json")

    def create(
        self,
        experiment: Experiment,
        data: ImageSet,
        recipe: str,
        arguments: Mapping[str, Any],
        command: str,
        more: Mapping[str, Any] = NOTHING,
    ) -> None:
        """Writes run.json of a new run; more: entries besides.

        UserError if the folder holds something already, or the data no batch.
        """
        experiment.batches(data)  # refused before anything is written
        try:
            if self.path.is_dir():
                sweep(self.path)  # a run that was killed before it had a run.json
            taken = self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir()))
        except OSError as error:  # a name too long, a folder that may not be looked into
            raise unwritable(self.path, error) from error
        if taken and not self.path.is_dir():
            raise UserError(f"{self.path} is there already, a file; choose another `out`")
        if taken:
            raise UserError(
                f"{self.path} is there already and not empty; choose another `out`, or `energan resume {self.path}`"
            )
        described = experiment.described(data)
        record = {
            "format": FORMAT,
            "energan": __version__,
            "recipe": recipe,
            "command": command,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "arguments": dict(arguments),
            **described,
            "signature": sign(json.loads(json.dumps(described["experiment"]))),
            "environment": environment(),
            "status": {"state": "running", "step": 0, "seconds": 0.0, "message": ""},
            **more,
        }
        with self.locked():
            if any(path.name == "run.json" for path in self.path.iterdir()):  # since it was looked into
                raise UserError(f"another run has begun in {self.path}; choose another `out`")
            write_json(self.path / "run.json", record, durable=True)

    def update(self, **changes: Any) -> None:
        """Replaces entries of run.json."""
        self.record = {**self.record, **changes}
        write_json(self.path / "run.json", self.record, durable=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """The folder, made if need be, for this process alone. UserError where another one trains in it.

        run.json is read again afterwards: who had the folder before may have changed it.
        """
        refuse_copy(self.path, "what is trained")
        with exclusive(self.path, f"another process trains in {self.path} at this moment; choose another `out`"):
            self.__dict__.pop("record", None)
            yield

    def save(self, trainer: Trainer, model: Model) -> Path:
        """Writes a checkpoint, called by its step, and drops the oldest. Returns its path."""
        path = write_checkpoint(self.path / FOLDER / f"{trainer.t:06d}.safetensors", trainer, model)
        self.drop_oldest()
        return path

    def save_best(self, trainer: Trainer, model: Model, distance: float) -> Path:
        """Writes the checkpoint `best`, of that distance to the real images. Returns its path."""
        return write_checkpoint(self.path / BEST, trainer, model, {"distance": repr(distance)})

    def best_distance(self, step: int) -> float:
        """The distance of the checkpoint `best`; infinite where there is none that is sound, or it is of a later step.

        The log has it too, but a log may be lost.
        """
        try:
            _, about = read_weights(self.path / BEST)
            distance = float(about["distance"])
            return distance if int(about["step"]) <= step and distance >= 0 else math.inf
        except (KeyError, ValueError):  # UserError is one
            return math.inf

    def refuse_lost(self) -> None:
        """UserError for a run without a checkpoint that had some: trained anew, it would lose its log, and be another.

        A run that was killed before its first checkpoint had none.
        """
        if self.checkpoints():
            return
        self.refuse_shared()
        if self.record.get("restarted_from"):
            raise UserError(f"{self.path} was to begin with the weights of another run, and has none: restart that")
        lines = all_lines(self.path / "log.jsonl", must=True)
        status, logged = self.record["status"], [line["step"] for line in lines if line]
        ended = status["step"] if status["state"] in ("finished", "finished early", "stopped") else 0
        logged = [step for step in logged if step > self.record["save_every"]]  # a checkpoint was written before
        if reached := max([ended, *logged]):
            raise UserError(
                f"{self.path} was trained to step {reached}, but has no checkpoint any more: put {FOLDER}/ back, or "
                "train in another `out`"
            )

    def refuse_shared(self) -> None:
        """UserError for a model that was given away: there are no checkpoints to go on from.

        With all that training goes on from, its weights become one by another name.
        """
        shared = self.path / SHARED
        if self.checkpoints() or not shared.is_file():
            return
        here = shlex.quote(str(self.path))
        if (saved := read_checkpoint(shared)).slim:
            raise UserError(
                f"{self.path} was packed without its optimizers' state, so it cannot be resumed: `energan restart "
                f"{here}` begins a new run with its weights, and `energan pack --resumable` packs all of it"
            )
        refuse_copy(self.path, "what is trained")
        raise UserError(
            f"{self.path} is a packed model: move its {SHARED} to {FOLDER}/{saved.step:06d}.safetensors, as `energan "
            "pull` does, and resume it then"
        )

    def drop_oldest(self) -> None:
        """Removes all checkpoints but the newest three, and the best."""
        for old in self.checkpoints()[:-KEPT]:
            old.unlink()

    def checkpoints(self) -> list[Path]:
        """The checkpoints by step, oldest first."""
        paths = (self.path / FOLDER).glob("[0-9]*.safetensors")
        return sorted((p for p in paths if p.stem.isdecimal()), key=lambda p: int(p.stem))

    def checkpoint(self, name: str | int | Path | None = None) -> Path:
        """The path of a checkpoint named by None (newest), "best", a step, or itself. UserError if there is none."""
        if name is None or name == "":
            if paths := self.checkpoints():
                return paths[-1]
            if (shared := self.path / SHARED).is_file():
                return shared
            raise UserError(f"{self.path} has no checkpoint yet; train for longer or lower `save_every`")
        stem = str(name).zfill(6) if str(name).isdecimal() else name
        for path in (self.path / FOLDER / f"{stem}.safetensors", Path(str(name))):
            with suppress(OSError, ValueError):  # of a name that no file can have
                if path.is_file():
                    return path
        names = ", ".join(p.stem for p in sorted((self.path / FOLDER).glob("*.safetensors")))
        one = f"a single one, {SHARED}: leave `checkpoint` out" if (self.path / SHARED).is_file() else ""
        raise UserError(f"there is no checkpoint {name}; {self.path} has {names or one or 'none'}")
