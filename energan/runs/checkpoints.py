"""Checkpoints: safetensors of all that the next step depends on, and of the batch-norm statistics of a Model."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from energan.engine import State, Trainer, leaves, tree
from energan.inference.model import Model
from energan.inference.snapshot import batch_norm_statistics
from energan.utils.errors import UserError
from energan.utils.files import DIGEST, LARGEST_STEP, read_weights, write_weights

NOTHING: Mapping[str, str] = {}

OF_THE_FILE = ("format", DIGEST)  # metadata that are written anew with each file

SLIM = "slim"  # the mark of weights without what training goes on from

UNREAD = "unread"  # the parameters that are left out, as a list in JSON: no readout reads them

SHARED = "model.safetensors"  # the checkpoint of a run that was given away (runs/sharing)

FOLDER = "checkpoints"  # of a run: in it, a checkpoint has the name of its step, or "best"


class Checkpoint(NamedTuple):
    """What a checkpoint holds: the state of a Trainer, the statistics as "G/net.1.mean" -> tensor, and its step.

    slim: the state has no moments of the optimizers and no random numbers; it is enough to draw and to score by.
    unread: parameters that it leaves out, as "D/up.0.weight", for no readout reads them.
    """

    state: State
    statistics: dict[str, Tensor]
    step: int
    slim: bool = False
    unread: frozenset[str] = frozenset()


def write_checkpoint(path: Path, trainer: Trainer, model: Model, about: Mapping[str, str] = NOTHING) -> Path:
    """Writes the trainer's state and the model's batch-norm statistics, and more metadata. Returns the path."""
    state = {f"state/{k}": v for k, v in leaves(trainer.state())}
    statistics = {f"standing/{k}": v for k, v in batch_norm_statistics(model).items()}
    return write_weights(path, state | statistics, {"step": str(trainer.t), **about})


def write_slim(source: Path, path: Path) -> Path:
    """Writes a checkpoint without what only training needs: weights, averaged weights and statistics stay as they are.

    Raises:
        UserError: The source is no checkpoint, or nothing can be written.
    """
    read_checkpoint(source)
    flat, about = read_weights(source)
    kept = {k: v for k, v in flat.items() if not k.startswith(("state/moments/", "state/generator"))}
    return write_weights(path, kept, {**{k: v for k, v in about.items() if k not in OF_THE_FILE}, SLIM: "1"})


def read_checkpoint(path: Path) -> Checkpoint:
    """A checkpoint's content. UserError for a file that is damaged, pickled, or no checkpoint."""
    flat, about = read_weights(path)
    flat = {k: v.float() if v.dtype == torch.float16 else v for k, v in flat.items()}  # kept so to save space
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
        slim = about.get(SLIM) == "1"
        unread = frozenset(map(str, json.loads(about.get(UNREAD, "[]"))))
        if not slim and (not isinstance(state["generator"], Tensor) or state["generator"].dtype != torch.uint8):
            raise ValueError("the state of the random numbers is none")
    except (
        AttributeError,
        IndexError,
        KeyError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:  # a tensor taken for a tree, too
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{path} does not fit this run ({reason}); delete it to go on from an older one") from error
    if path.parent.name == FOLDER and path.stem.isdecimal() and int(path.stem) != counts[0]:
        raise UserError(
            f"{path} is not of the step of its name but of step {counts[0]}: "
            f"call it {counts[0]:06d}.safetensors again, or delete it"
        )
    statistics = {k.removeprefix("standing/"): v for k, v in flat.items() if k.startswith("standing/")}
    return Checkpoint(state, statistics, counts[0], slim, unread)


def _count(value: object) -> int:
    """A number of steps, () int64. ValueError for anything else."""
    if not isinstance(value, Tensor) or value.shape != () or value.is_floating_point() or value.is_complex():
        raise ValueError("a number of steps is none")
    if not 0 <= int(value) < LARGEST_STEP:
        raise ValueError(f"a number of steps is {int(value)}")
    return int(value)
