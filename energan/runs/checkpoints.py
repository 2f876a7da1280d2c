"""Checkpoints of a run folder: saves, lists, finds and reads them."""

from pathlib import Path

from torch import Tensor

from energan.engine import State, Trainer, leaves, tree
from energan.inference.model import Model
from energan.inference.snapshot import batch_norm_statistics
from energan.runs.record import FORMAT
from energan.utils.errors import UserError
from energan.utils.files import read_weights, write_weights

KEPT = 3  # newest checkpoints


def save_checkpoint(folder: Path, one: Trainer, model: Model, name: str | None = None) -> Path:
    """Writes a checkpoint (all that the next step depends on, and the standing statistics) and drops the oldest."""
    checkpoints = folder / "checkpoints"
    tensors = {f"state/{k}": v for k, v in leaves(one.state())} | {
        f"standing/{k}": v for k, v in batch_norm_statistics(model).items()
    }
    path = write_weights(
        checkpoints / f"{name or f'{one.t:06d}'}.safetensors", tensors, {"format": str(FORMAT), "step": str(one.t)}
    )
    for old in list_checkpoints(folder)[:-KEPT]:
        old.unlink()
    return path


def list_checkpoints(folder: Path) -> list[Path]:
    """The checkpoints by step, oldest first."""
    found = (folder / "checkpoints").glob("[0-9]*.safetensors")
    return sorted((p for p in found if p.stem.isdecimal()), key=lambda p: int(p.stem))


def latest_checkpoint(folder: Path) -> Path:
    found = list_checkpoints(folder)
    if not found:
        raise UserError(f"{folder} has no checkpoint yet; train for longer or lower --save-every")
    return found[-1]


def read_checkpoint(path: Path) -> tuple[State, dict[str, Tensor]]:
    """(state, standing statistics) of a checkpoint. UserError if it is damaged, pickled, or no checkpoint."""
    flat, _ = read_weights(path)
    if not any(k.startswith("state/") for k in flat):
        raise UserError(f"{path} holds weights but is no checkpoint of a run")
    state = tree({k.removeprefix("state/"): v for k, v in flat.items() if k.startswith("state/")})
    return state, {k.removeprefix("standing/"): v for k, v in flat.items() if k.startswith("standing/")}


def find_checkpoint(folder: Path, checkpoint: str | int | Path | None) -> Path:
    """The path of a checkpoint named by None (newest), "best", a step, or itself."""
    if checkpoint is None:
        return latest_checkpoint(folder)
    stem = str(checkpoint).zfill(6) if str(checkpoint).isdecimal() else checkpoint
    for path in (folder / "checkpoints" / f"{stem}.safetensors", Path(str(checkpoint))):
        if path.is_file():
            return path
    names = ", ".join(p.stem for p in sorted((folder / "checkpoints").glob("*.safetensors")))
    raise UserError(f"there is no checkpoint {checkpoint}; {folder} has {names or 'none'}")
