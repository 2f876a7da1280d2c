"""Checkpoints: safetensors of all that the next step depends on, and of the batch-norm statistics of a Model."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from energan.engine import State, Trainer, leaves, tree
from energan.inference.model import Model
from energan.inference.snapshot import batch_norm_statistics
from energan.utils.errors import UserError
from energan.utils.files import LARGEST_STEP, read_weights, write_weights

NOTHING: Mapping[str, str] = {}

FOLDER = "checkpoints"  # of a run: in it, a checkpoint has the name of its step, or "best"


class Checkpoint(NamedTuple):
    """What a checkpoint holds: the state of a Trainer, the statistics as "G/net.1.mean" -> tensor, and its step."""

    state: State
    statistics: dict[str, Tensor]
    step: int


def write_checkpoint(path: Path, trainer: Trainer, model: Model, about: Mapping[str, str] = NOTHING) -> Path:
    """Writes the trainer's state and the model's batch-norm statistics, and more metadata. Returns the path."""
    state = {f"state/{k}": v for k, v in leaves(trainer.state())}
    statistics = {f"standing/{k}": v for k, v in batch_norm_statistics(model).items()}
    return write_weights(path, state | statistics, {"step": str(trainer.t), **about})


def read_checkpoint(path: Path) -> Checkpoint:
    """A checkpoint's content. UserError for a file that is damaged, pickled, or no checkpoint."""
    flat, about = read_weights(path)
    parts = {k.removeprefix("state/"): v for k, v in flat.items() if k.startswith("state/")}
    if not parts:
        raise UserError(f"{path} holds weights but is no checkpoint of a run")
    try:
        state = tree(parts)
        counts = [_count(state[name]) for name in ("t", "draws")]
        if not all(isinstance(state[name], dict) for name in ("weights", "moments", "ema", "hyperparameters")):
            raise ValueError("a tensor stands where others should be named")
        if about.get("step") != str(counts[0]):
            raise ValueError("its metadata do not have its step")
        if not isinstance(state["generator"], Tensor) or state["generator"].dtype != torch.uint8:
            raise ValueError("the state of the random numbers is none")
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:  # a tensor taken for a tree, too
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{path} does not fit this run ({reason}); delete it to go on from an older one") from error
    if path.parent.name == FOLDER and path.stem.isdecimal() and int(path.stem) != counts[0]:
        raise UserError(
            f"{path} is not of the step of its name but of step {counts[0]}: "
            f"call it {counts[0]:06d}.safetensors again, or delete it"
        )
    return Checkpoint(
        state, {k.removeprefix("standing/"): v for k, v in flat.items() if k.startswith("standing/")}, counts[0]
    )


def _count(value: object) -> int:
    """A number of steps, () int64. ValueError for anything else."""
    if not isinstance(value, Tensor) or value.shape != () or value.is_floating_point() or value.is_complex():
        raise ValueError("a number of steps is none")
    if not 0 <= int(value) < LARGEST_STEP:
        raise ValueError(f"a number of steps is {int(value)}")
    return int(value)
