"""A run folder, measured: its samples against real images, its chains, its classifier."""

import json
from pathlib import Path
from typing import Any

from energan.capabilities.classification import classification
from energan.capabilities.drawing import _drawn
from energan.capabilities.inversion import _inverted
from energan.metrics.features.catalog import NETWORKS
from energan.runs.checkpoints import find_checkpoint
from energan.runs.folder import read_record
from energan.runs.rebuild import load as load_model
from energan.runs.rebuild import rebuild
from energan.utils.errors import UserError
from energan.utils.files import read_weights, write_json

DEVICE = "cpu"  # a run that was trained on a GPU is measured where there is none, too


def evaluate(folder: Path, *, n: int | None = None, seed: int = 0, checkpoint: str | None = None) -> dict[str, Any]:
    """Metrics of n samples against at most n real images, and the samples' nearest training images.

    n is by default what the run's feature network is quick enough for (metrics.NETWORKS).
    Of a classifier, also its error and what it is least sure of (prediction.classification).
    Writes evaluation.json and neighbours.png, .json or uncertain.png into the run folder; returns what evaluation.json
    says.
    """
    if n is not None and n < 1:
        raise UserError(f"--n must be 1 or more, got {n}")
    model = load_model(folder, checkpoint=checkpoint)
    run = rebuild(read_record(folder), device=DEVICE)
    n = n or NETWORKS[run.network or "mnist"].samples
    training = run.shown(run.training_set())
    result: dict[str, Any] = {"step": int(read_weights(find_checkpoint(folder, checkpoint))[1]["step"]), "seed": seed}
    if run.game.sample is not None:
        result |= _drawn(folder, run, model, training.images, n, seed)
    elif run.game.codes is not None:
        result |= _inverted(folder, run, model, training.images, n, seed)
    else:
        result |= {"samples": 0, "reference": "", "network": "", "metrics": {}}
    if run.game.logits is not None:
        held_out = run.held_out(training.classes)
        result["classification"] = classification(model, training, held_out, folder / "uncertain.png")
    write_json(folder / "evaluation.json", result)
    return result


def as_json(result: dict[str, Any]) -> str:
    return json.dumps(result, indent=2)


def as_table(result: dict[str, Any]) -> str:
    lines = [f"{k:18}{v:10.4g}" for k, v in result["metrics"].items()]
    if result["samples"]:
        lines.insert(0, f"step {result['step']}, {result['samples']} samples against {result['reference']}")
    if found := result.get("classification"):
        lines.append(f"step {result['step']}, {told(found)}")
    return "\n".join(lines)


def told(found: dict[str, Any]) -> str:
    """The error that `classification` found, in words."""
    if found["error"] is None:
        return "no test error: there are no labelled test images (--test names some)"
    return f"test error {found['error']:.2f} % of {found['images']} images"
