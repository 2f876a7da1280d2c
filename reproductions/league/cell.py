"""A training of the league, measured: a row.

A row says what was measured of SAMPLES samples beside the test images, of a trial beside training images, and on which
machine. Of digits the feature network is the shipped classifier of digits, of all else MobileNetV2, so that of these
there is no score by classes. What a step costs is not in it: others may play beside it (costs.json is of idle cores).
"""

from pathlib import Path
from typing import Any, NamedTuple, final

import torch

import energan
from energan import metrics
from energan.data import ImageSet
from energan.data.image_set import fixed_subset
from energan.metrics.features.catalog import NETWORKS
from energan.metrics.parzen import VALIDATION, parzen_log_likelihood, parzen_sigma
from energan.runs.folder import RunFolder
from energan.runs.rebuild import rebuild
from energan.utils.files import write_json
from energan.utils.hardware import cpu_name
from energan.utils.image_files import save_sheet
from reproductions.cells import trained
from reproductions.league.entries import entry, steps_of
from reproductions.parzen import rows

SAMPLES = 10_000  # at most as many as there are images to stand beside them, and 2,000 of colour images
SHOWN = 16  # samples in the picture
MEASURED = ("FID", "precision", "recall", "coverage", "IS", "I")
Row = dict[str, Any]


@final
class Cell(NamedTuple):
    """A training: of whom, on which images, with which seed. trial: arguments that are tried, on training images."""

    name: str
    data: str
    seed: int
    trial: tuple[tuple[str, Any], ...] = ()

    @property
    def folder(self) -> str:
        """
        >>> Cell("VAE/GAN", "mnist", 0).folder
        'vae-gan-mnist-0'
        """
        words = "".join(c if c.isalnum() else " " for c in self.name.lower()).split()
        tried = [f"{name}={value}" for name, value in self.trial]
        return "-".join([*words, self.data, str(self.seed), *tried])


def play(cell: Cell, out: Path, steps: int = 0) -> Row | None:
    """Trains from where it stands, and measures. None where it was stopped before."""
    chosen = entry(cell.name)
    folder = out / cell.folder
    arguments = chosen.arguments(cell.data, cell.seed, steps or steps_of(cell.name)) | dict(cell.trial)
    if not trained(folder, chosen.recipe, arguments, "reproductions.league"):
        return None
    row = {
        "system": cell.name,
        "data": cell.data,
        "seed": cell.seed,
        **({"trial": dict(cell.trial)} if cell.trial else {}),
        **({"toy": True} if steps else {}),
        "steps": arguments["steps"],
        **measured(folder, cell),
        "machine": cpu_name() if not torch.cuda.is_available() else torch.cuda.get_device_name(),
    }
    write_json(folder / "league.json", row)
    return row


def measured(folder: Path, cell: Cell) -> Row:
    """What the metrics say of a finished run; writes the samples that are shown."""
    record = RunFolder(folder).record
    run, model = rebuild(record), energan.load(folder)
    training = run.shown(run.training_set())
    real = training if cell.trial else run.test_set()
    network = "mnist" if cell.data in ("mnist", "digits") else "mobilenetv2"
    n = min(len(real.images), NETWORKS[network].samples, SAMPLES)
    images, samples = real.images[fixed_subset(len(real.images), n)], model.sample(n, seed=1)
    save_sheet(samples[:SHOWN], folder / "league.png", SHOWN)
    values = metrics.evaluate(samples, images, network)
    label = NETWORKS[network].label
    found = {name: values[label.format(name)] for name in MEASURED if label.format(name) in values}
    if "digits covered" in values:
        found["digits"] = values["digits covered"]
    found |= likelihood(samples, images, training)
    return {"samples": n, **{name: round(float(value), 5) for name, value in found.items()}}


def likelihood(samples: torch.Tensor, images: torch.Tensor, training: ImageSet) -> dict[str, float]:
    """The mean log-likelihood of grey images under Parzen windows, whose width is chosen on training images."""
    if images.shape[1] != 1:
        return {}
    chosen = training.images[fixed_subset(len(training.images), min(VALIDATION, len(training.images)))]
    sigma = parzen_sigma(rows(samples), rows(chosen))
    return {"nats": parzen_log_likelihood(rows(samples), rows(images), sigma)[0]}
