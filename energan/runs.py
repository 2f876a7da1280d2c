"""The folder that remembers a run.  Its format is docs/run-folder.md.

run.json                        configuration, environment, command, state
log.jsonl                       one JSON object a line: progress, energy histograms, metrics
samples/000500.png, real.png    sheets from fixed noise; training images
checkpoints/000500.safetensors  newest few and best.safetensors
evaluation.json, neighbours.png, report.html
uncertain.png, predictions.csv  of a classifier
"""

import fcntl
import inspect
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from torch import Tensor

from energan import __version__
from energan.data import Images
from energan.errors import UserError
from energan.files import read_weights, unwritable, write_json, write_weights
from energan.machine import environment
from energan.model import Model, standing
from energan.play import One, State, leaves, tree
from energan.run import Run

FORMAT = 1
KEPT = 3  # newest checkpoints
NEEDED = ("recipe", "arguments", "steps", "precision", "device", "data", "status")  # of run.json, to go on or sample


def create(folder: Path, run: Run, data: Images, recipe: str, arguments: Mapping[str, Any], command: str) -> None:
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
    with held(folder):
        if any(path.name == "run.json" for path in folder.iterdir()):  # since it was looked into
            raise UserError(f"another run has begun in {folder}; choose another --out")
        write_json(folder / "run.json", record)


@contextmanager
def held(folder: Path) -> Iterator[None]:
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


def read(folder: Path) -> dict[str, Any]:
    """run.json. UserError for a folder that is none, is damaged, or is newer than this Energan."""
    path = folder / "run.json"
    try:
        record = json.loads(path.read_text())
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"{folder} is not a run folder: it has no run.json") from None
    except OSError as error:
        raise UserError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error
    except ValueError as error:
        raise UserError(f"{path} is damaged: it is no JSON ({error})") from error
    number = record.get("format") if isinstance(record, dict) else None
    if not isinstance(number, int):
        raise UserError(f"{path} is damaged: it has no format number")
    if number > FORMAT:
        raise UserError(f"{folder} has run folder format {number}, this Energan reads up to {FORMAT}: upgrade energan")
    if lacking := [key for key in NEEDED if key not in record]:
        raise UserError(f"{path} is damaged: it lacks {', '.join(lacking)}")
    return record


def update(folder: Path, **changes: Any) -> None:
    """Replaces entries of run.json."""
    write_json(folder / "run.json", {**read(folder), **changes})


def rebuild(record: Mapping[str, Any], **changes: Any) -> Run:
    """The Run that run.json describes: its recipe called with its arguments. UserError if it is none of ours."""
    from energan.recipes import RECIPES

    if record["recipe"] not in RECIPES:
        raise UserError(f"this run's recipe {record['recipe']!r} is not one that this Energan has")
    make, arguments = RECIPES[record["recipe"]], {**record["arguments"], **changes}
    try:
        inspect.signature(make).bind(**arguments)
    except TypeError as error:
        raise UserError(f"this run's arguments are not those of this Energan's {record['recipe']}: {error}") from error
    return make(**arguments)


def save(folder: Path, one: One, model: Model, name: str | None = None) -> Path:
    """Writes a checkpoint (all that the next step depends on, and the standing statistics) and drops the oldest."""
    checkpoints = folder / "checkpoints"
    tensors = {f"state/{k}": v for k, v in leaves(one.state())} | {
        f"standing/{k}": v for k, v in standing(model).items()
    }
    path = write_weights(
        checkpoints / f"{name or f'{one.t:06d}'}.safetensors", tensors, {"format": str(FORMAT), "step": str(one.t)}
    )
    for old in numbered(folder)[:-KEPT]:
        old.unlink()
    return path


def numbered(folder: Path) -> list[Path]:
    """The checkpoints by step, oldest first."""
    found = (folder / "checkpoints").glob("[0-9]*.safetensors")
    return sorted((p for p in found if p.stem.isdecimal()), key=lambda p: int(p.stem))


def newest(folder: Path) -> Path:
    found = numbered(folder)
    if not found:
        raise UserError(f"{folder} has no checkpoint yet; train for longer or lower --every")
    return found[-1]


def read_checkpoint(path: Path) -> tuple[State, dict[str, Tensor]]:
    """(state, standing statistics) of a checkpoint. UserError if it is damaged, pickled, or no checkpoint."""
    flat, _ = read_weights(path)
    if not any(k.startswith("state/") for k in flat):
        raise UserError(f"{path} holds weights but is no checkpoint of a run")
    state = tree({k.removeprefix("state/"): v for k, v in flat.items() if k.startswith("state/")})
    return state, {k.removeprefix("standing/"): v for k, v in flat.items() if k.startswith("standing/")}


def load(folder: str | Path, *, checkpoint: str | int | Path | None = None, device: str = "cpu") -> Model:
    """The trained model of a run folder: `.sample(n)`, `.score(images)`, `.probabilities(images)` and their modules.

    checkpoint: "best", a step, or a path; the newest by default. UserError for anything that is not a sound run.
    """
    folder = Path(folder)
    run = rebuild(read(folder), device=device)
    path = find(folder, checkpoint)
    state, statistics = read_checkpoint(path)
    nets = {name: player.net for name, player in run.game.players.items()}
    try:
        for name, net in nets.items():
            averaged = state["average"].get(name, {})
            standing_ = {k.split("/", 1)[1]: v for k, v in statistics.items() if k.startswith(f"{name}/")}
            net.load_state_dict({**state["weights"].get(name, {}), **averaged, **standing_})  # none: without tensors
    except (KeyError, RuntimeError) as error:
        raise UserError(f"{path} does not fit this run's networks: {str(error).splitlines()[0]}") from error
    return Model(run.game, nets, device)


def find(folder: Path, checkpoint: str | int | Path | None) -> Path:
    """The path of a checkpoint named by None (newest), "best", a step, or itself."""
    if checkpoint is None:
        return newest(folder)
    stem = str(checkpoint).zfill(6) if str(checkpoint).isdecimal() else checkpoint
    for path in (folder / "checkpoints" / f"{stem}.safetensors", Path(str(checkpoint))):
        if path.is_file():
            return path
    names = ", ".join(p.stem for p in sorted((folder / "checkpoints").glob("*.safetensors")))
    raise UserError(f"there is no checkpoint {checkpoint}; {folder} has {names or 'none'}")
