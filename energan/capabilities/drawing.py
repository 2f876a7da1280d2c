"""Drawing: samples of a run, measured against real images, and their nearest training images."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from energan import metrics
from energan.data import NAMED
from energan.data.image_set import fixed_subset
from energan.experiment import Experiment
from energan.inference.model import Model
from energan.metrics.features.catalog import describe
from energan.metrics.neighbours import nearest_neighbours
from energan.utils.errors import UserError
from energan.utils.files import write_json
from energan.utils.image_files import save_sheet

NEIGHBOURS = 3  # training images shown beside a sample

SHOWN = 12  # samples

SEARCHED = 20000  # training images that neighbours are looked for among

GATHERED = 2**29  # bytes of them, at most


def _drawn(folder: Path, run: Experiment, model: Model, training: Tensor, n: int, seed: int) -> dict[str, Any]:
    """Metrics of n samples, and what they are against."""
    real = run.test_set()
    network = usable_network(run, real.images)
    samples = model.sample(n if network else SHOWN, seed)
    values: dict[str, float] = {}
    if network:
        values = metrics.evaluate(samples, real.images[fixed_subset(len(real.images), n)], network, seed=seed)
    if run.game.energy is not None:
        values |= _energies(model, training, real.images, samples)
    _neighbours(folder, samples[:SHOWN], training, network)
    return {
        "samples": len(samples),
        "reference": f"{real.name}, {min(n, len(real.images))} images ({_whose(run)})",
        "network": network,
        "metrics": values,
    }


def _whose(run: Experiment) -> str:
    return "held out" if run.source in NAMED else "training images"


def usable_network(run: Experiment, real: Tensor) -> str:
    """The run's feature network, or "" where there are too few images or its weights cannot be had (said on stderr)."""
    from energan import metrics
    from energan.utils.console import warn

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
    return {name: float(model.score(images[fixed_subset(len(images), 1000)]).mean()) for name, images in sets.items()}


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
