"""The folder that remembers a run.  Its format is docs/run-folder.md.

run.json                        configuration, environment, command, state
log.jsonl                       one JSON object a line: progress, energy histograms, metrics
samples/000500.png, real.png    sheets from fixed noise; training images
checkpoints/000500.safetensors  newest few and best.safetensors
evaluation.json, neighbours.png, report.html
uncertain.png, predictions.csv  of a classifier
"""

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from energan.data import ImageSet
from energan.experiment import SETTINGS, Experiment
from energan.runs.record import FORMAT, read_run_json
from energan.utils.errors import UserError
from energan.utils.files import unwritable, write_json
from energan.utils.hardware import environment
from energan.utils.version import __version__

NEEDED = ("recipe", "arguments", *SETTINGS, "classes", "experiment", "data", "game", "status")  # of run.json


def create_run(
    folder: Path, run: Experiment, data: ImageSet, recipe: str, arguments: Mapping[str, Any], command: str
) -> None:
    """Writes run.json of a new run. UserError if the folder holds something already, or the data no batch."""
    run.batches(data)  # refused before anything is written
    try:
        taken = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
    except OSError as error:  # a name too long, a folder that may not be looked into
        raise unwritable(folder, error) from error
    if taken and not folder.is_dir():
        raise UserError(f"{folder} is there already, a file; choose another --out")
    if taken:
        raise UserError(f"{folder} is there already and not empty; choose another --out, or `energan resume {folder}`")
    record = {
        "format": FORMAT,
        "energan": __version__,
        "recipe": recipe,
        "command": command,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "arguments": dict(arguments),
        **run.described(data),
        "environment": environment(),
        "status": {"state": "running", "step": 0, "seconds": 0.0, "message": ""},
    }
    with locked(folder):
        if any(path.name == "run.json" for path in folder.iterdir()):  # since it was looked into
            raise UserError(f"another run has begun in {folder}; choose another --out")
        write_json(folder / "run.json", record)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """The run folder, made if need be, for this process alone. UserError where another one trains in it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise unwritable(folder / "run.json", error) from error
    try:
        with suppress(OSError):  # a file system without locks
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UserError(f"another process trains in {folder} at this moment; choose another --out") from None
        yield
    finally:
        os.close(handle)  # and the lock is gone


def read_record(folder: Path) -> dict[str, Any]:
    """run.json. UserError for a folder that is none, is damaged, or is newer than this Energan."""
    record = read_run_json(folder)
    if lacking := [key for key in NEEDED if key not in record]:
        raise UserError(f"{folder / 'run.json'} is damaged: it lacks {', '.join(lacking)}")
    return record


def update_record(folder: Path, **changes: Any) -> None:
    """Replaces entries of run.json."""
    write_json(folder / "run.json", {**read_record(folder), **changes})
