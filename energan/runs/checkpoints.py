"""Checkpoints: safetensors of all that the next step depends on, and of the batch-norm statistics of a Model."""

from pathlib import Path

from torch import Tensor

from energan.engine import State, Trainer, leaves, tree
from energan.inference.model import Model
from energan.inference.snapshot import batch_norm_statistics
from energan.runs.record import FORMAT
from energan.utils.errors import UserError
from energan.utils.files import read_weights, write_weights


def write_checkpoint(path: Path, trainer: Trainer, model: Model) -> Path:
    """Writes the trainer's state and the model's batch-norm statistics. Returns the path."""
    state = {f"state/{k}": v for k, v in leaves(trainer.state())}
    statistics = {f"standing/{k}": v for k, v in batch_norm_statistics(model).items()}
    return write_weights(path, state | statistics, {"format": str(FORMAT), "step": str(trainer.t)})


def read_checkpoint(path: Path) -> tuple[State, dict[str, Tensor]]:
    """The state and the batch-norm statistics. UserError for a file that is damaged, pickled, or no checkpoint."""
    flat, _ = read_weights(path)
    if not any(k.startswith("state/") for k in flat):
        raise UserError(f"{path} holds weights but is no checkpoint of a run")
    state = tree({k.removeprefix("state/"): v for k, v in flat.items() if k.startswith("state/")})
    return state, {k.removeprefix("standing/"): v for k, v in flat.items() if k.startswith("standing/")}


def step_of(path: Path) -> int:
    """The step that a checkpoint was written at."""
    return int(read_weights(path)[1]["step"])
