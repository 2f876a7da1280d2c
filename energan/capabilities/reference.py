"""What a run is measured against: real images, described by its feature network."""

from collections.abc import MutableMapping
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

from energan import metrics
from energan.data import ImageSet, held_out_split
from energan.data.image_set import fixed_subset
from energan.experiment import Experiment
from energan.metrics.features.catalog import Description, describe
from energan.metrics.neighbours import nearest_neighbours
from energan.utils.console import warn
from energan.utils.errors import UserError
from energan.utils.files import write_json
from energan.utils.image_files import save_sheet

MEASURED = 2000  # images on each side of the metrics during training
SHOWN = 12  # images whose nearest training images are looked for
NEIGHBOURS = 3  # training images shown beside each
SEARCHED = 20000  # training images that are searched
GATHERED = 2**29  # bytes of them, at most

_descriptions: MutableMapping[Tensor, dict[tuple[int, str], Description]] = WeakIdKeyDictionary()


def usable_network(experiment: Experiment, real: Tensor, least: int = metrics.LEAST_IMAGES) -> str:
    """The run's feature network; "" where there are too few images or its weights cannot be had, with a warning.

    least: images that are enough, for distances of distributions by default.
    """
    if not experiment.network:
        return ""
    try:
        if len(real) < least:
            raise UserError(f"{len(real)} images are too few (at least {least})")
        describe(real[:2], experiment.network)
    except UserError as error:
        warn(f"no distances to real images will be measured: {error}")
        return ""
    return experiment.network


def reference_features(experiment: Experiment, training: ImageSet) -> Description | None:
    """Features of the real images that previews compare with; None where nothing can be measured."""
    real = experiment.test_set().images
    network = usable_network(experiment, real)
    return described(real, MEASURED, network) if network else None


def described(real: Tensor, n: int, network: str) -> Description:
    """Features of at most n real images, always the same ones, worked out once while the images are in memory."""
    known = _descriptions.setdefault(real, {})
    if (n, network) not in known:
        known[n, network] = describe(real[fixed_subset(len(real), n)], network)
    return known[n, network]


def named(experiment: Experiment, data: ImageSet, n: int) -> str:
    """What n images of `data` are called beside a number: whether the run was trained on them is said."""
    held_out = held_out_split(experiment.source) is not None
    return f"{data.name}, {n} images ({'held out' if held_out else 'training images'})"


def write_nearest(folder: Path, images: Tensor, training: Tensor, network: str) -> None:
    """Writes neighbours.png and .json: each image and its nearest training images.

    Distances are between features where they are cheap (the network "mnist"), else between pixels.
    """
    searched = fixed_subset(len(training), min(SEARCHED, GATHERED // training[0].numel()))
    candidates = training[searched]
    if network == "mnist":
        sides, space = [describe(x, network).features for x in (images, candidates)], "MNIST features"
    else:
        sides, space = [images, candidates], "pixels"
    k = min(NEIGHBOURS, len(searched))
    nearest = nearest_neighbours(sides[0], sides[1], k)
    rows = [torch.cat([images[i : i + 1], candidates[nearest.indices[i]]]) for i in range(len(images))]
    save_sheet(torch.cat(rows), folder / "neighbours.png", columns=4 * (k + 1))
    layout = {
        "space": space,
        "searched": len(searched),
        "distances": nearest.distances.tolist(),
        "columns": 4 * (k + 1),
    }
    write_json(folder / "neighbours.json", layout)
