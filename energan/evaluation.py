"""A run folder, measured: its samples against real images, its chains, its classifier."""

import json
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from energan import inversion, metrics, runs
from energan.data import NAMED
from energan.data.images import some
from energan.errors import UserError
from energan.files import read_weights, write_json
from energan.metrics.neighbours import nearest_neighbours
from energan.metrics.networks import NETWORKS, describe
from energan.model import Model
from energan.prediction import classification
from energan.run import Run
from energan.sheets import save_sheet

NEIGHBOURS = 3  # training images shown beside a sample
SHOWN = 12  # samples
DEVICE = "cpu"  # a run that was trained on a GPU is measured where there is none, too
SEARCHED = 20000  # training images that neighbours are looked for among
GATHERED = 2**29  # bytes of them, at most


def evaluate(folder: Path, *, n: int | None = None, seed: int = 0, checkpoint: str | None = None) -> dict[str, Any]:
    """Metrics of n samples against at most n real images, and the samples' nearest training images.

    n is by default what the run's feature network is quick enough for (metrics.NETWORKS).
    Of a classifier, also its error and what it is least sure of (prediction.classification).
    Writes evaluation.json and neighbours.png, .json or uncertain.png into the run folder; returns what evaluation.json
    says.
    """
    if n is not None and n < 1:
        raise UserError(f"--n must be 1 or more, got {n}")
    model = runs.load(folder, checkpoint=checkpoint)
    run = runs.rebuild(runs.read(folder), device=DEVICE)
    n = n or NETWORKS[run.network or "mnist"].samples
    training = run.shown(run.training_set())
    result: dict[str, Any] = {"step": int(read_weights(runs.find(folder, checkpoint))[1]["step"]), "seed": seed}
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


def _drawn(folder: Path, run: Run, model: Model, training: Tensor, n: int, seed: int) -> dict[str, Any]:
    """Metrics of n samples, and what they are against."""
    real = run.test_set()
    network = usable_network(run, real.images)
    samples = model.sample(n if network else SHOWN, seed)
    values: dict[str, float] = {}
    if network:
        values = metrics.evaluate(samples, real.images[some(len(real.images), n)], network, seed=seed)
    if run.game.energy is not None:
        values |= _energies(model, training, real.images, samples)
    _neighbours(folder, samples[:SHOWN], training, network)
    return {
        "samples": len(samples),
        "reference": f"{real.name}, {min(n, len(real.images))} images ({_whose(run)})",
        "network": network,
        "metrics": values,
    }


def _inverted(folder: Path, run: Run, model: Model, training: Tensor, n: int, seed: int) -> dict[str, Any]:
    """Metrics of at most n reconstructions, and of chains towards each class."""
    test = run.test_set()
    rows = some(len(test.images), n)
    test = test._replace(images=test.images[rows], labels=None if test.labels is None else test.labels[rows])
    network = usable_network(run, test.images)
    images, values = inversion.measure(
        folder, model, test, network=network, real=describe(test.images, network) if network else None, seed=seed,
        precision=run.precision, show=sys.stderr.isatty(),
    )  # fmt: skip
    _neighbours(folder, images[:: max(1, len(images) // SHOWN)][:SHOWN], training, network)  # of all classes
    return {
        "samples": len(images),
        "reference": f"{test.name}, {len(test.images)} images ({_whose(run)})",
        "network": network,
        "metrics": values,
    }


def _whose(run: Run) -> str:
    return "held out" if run.source in NAMED else "training images"


def usable_network(run: Run, real: Tensor) -> str:
    """The run's feature network, or "" where there are too few images or its weights cannot be had (said on stderr)."""
    from energan.data.registry import warn

    if not run.network:
        return ""
    try:
        if len(real) < metrics.LEAST_IMAGES:
            raise UserError(f"{len(real)} images are too few (at least {metrics.LEAST_IMAGES})")
        describe(real[:2], run.network)
    except UserError as error:
        warn(f"no distances to real images will be measured: {error}")
        return ""
    return run.network


def _energies(model: Model, training: Tensor, real: Tensor, samples: Tensor) -> dict[str, float]:
    """Mean energies of training images, real images and samples; what the discriminator thinks of each."""
    sets = {"E(x) train": training, "E(x) reference": real, "E(G(z))": samples}
    return {name: float(model.score(images[some(len(images), 1000)]).mean()) for name, images in sets.items()}


def _neighbours(folder: Path, samples: Tensor, training: Tensor, network: str) -> None:
    """Rows of a sample and its nearest training images, in the network's features, or in pixels where there is none."""
    searched = min(SEARCHED, GATHERED // training[0].numel())
    chosen = torch.randperm(len(training), generator=torch.Generator().manual_seed(0))[:searched]
    if network == "mnist":  # features of all candidates are cheap
        sides, space = [describe(images, network).features for images in (samples, training[chosen])], "MNIST features"
    else:
        sides, space = [samples, training[chosen]], "pixels"
    k = min(NEIGHBOURS, len(chosen))
    found = nearest_neighbours(sides[0], sides[1], k)
    rows = [torch.cat([samples[i : i + 1], training[chosen[found.indices[i]]]]) for i in range(len(samples))]
    save_sheet(torch.cat(rows), folder / "neighbours.png", columns=4 * (k + 1))
    write_json(
        folder / "neighbours.json",
        {"space": space, "searched": len(chosen), "distances": found.distances.tolist(), "columns": 4 * (k + 1)},
    )


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
