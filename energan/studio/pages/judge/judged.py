"""What the page computes: scores of a run, maps, the histogram, nearest training images. It knows no page."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from energan.capabilities.energies.scoring import Scored, given_images, scored
from energan.inference.calibration import percent
from energan.inference.model import Model
from energan.inference.pictures.heat import top_of_scale
from energan.metrics.neighbours import nearest_neighbours
from energan.runs.folder import RunFolder
from energan.runs.rebuild import rebuild
from energan.runs.sources import settled, training_images
from energan.utils.console import heard
from energan.utils.errors import UserError
from energan.utils.tables import write_table

MOST = 2000  # images that are scored at once

TOGETHER = 100  # images whose maps are in memory at a time

BINS = 60  # of the histogram


class Judged(NamedTuple):
    """Images, scored, with what the page shows of it.

    found   the scores
    sets    energies by name, for the histogram; those of the images are the last
    top     the energy of a pixel that the brightest colour stands for; None: the run's energy has no parts
    said    what was said and warned of, a line each
    """

    found: Scored
    sets: list[tuple[str, Float[Tensor, " n"]]]
    top: float | None
    said: list[str]

    @property
    def span(self) -> tuple[float, float]:
        """The least and the greatest energy of all sets."""
        every = torch.cat([values for _, values in self.sets])
        return float(every.min()), float(every.max())

    def order(self, by: str) -> list[int]:
        """The images' numbers: by "unusual" (most first), "usual" or "name"."""
        if by == "name":
            names = self.found.columns["file"]
            return sorted(range(len(names)), key=lambda i: (names[i], i))
        return self.found.energies.argsort(descending=by == "unusual", stable=True).tolist()

    def csv(self) -> bytes:
        """The table as `energan score` writes it."""
        with TemporaryDirectory() as folder:
            return write_table(Path(folder, "scores.csv"), self.found.columns).read_bytes()


def judged(model: Model, run: Path, checkpoint: Path, source: str, calibrate: bool) -> Judged:
    """Scores the images of a source. checkpoint: that the model is of. UserError as `scored`, and for too many."""
    folder = RunFolder(run)
    with heard() as said:
        data = given_images(folder.record, source)
        if len(data.images) > MOST:
            raise UserError(f"{data.counted} are more than the {MOST:,} images that are scored at once: choose some")
        found = scored(folder, model, checkpoint, data, source, calibrate=calibrate)
        sets = [*found.beside(model), ("these images", found.energies)]
        top = None
        if model.game.energy_map is not None:
            top = max(top_of_scale(model.map_pixels(part)) for part in data.images.split(TOGETHER))
        if data.skipped:
            said += [f"left out, unreadable: {each}" for each in data.skipped[:5]]
    return Judged(found, sets, top, said)


class At(NamedTuple):
    """What a threshold says. outliers: of the images; words: of them and of false alarms."""

    outliers: int
    words: str


def at(judged: Judged, threshold: float) -> At:
    """How many images are above a threshold, and how often normal ones would be."""
    energies, usual = judged.found.energies, judged.found.usual
    n, outliers = len(energies), int((energies.double() > threshold).sum())
    words = f"{outliers} of {n} images {_are(outliers)} above {threshold:.6g}."
    if usual is None:
        return At(outliers, f"{words} How often normal images are, is not known.")
    normal = usual.normal.energies
    above = int((normal > threshold).sum())
    rate, fresh = percent(above / len(normal)), percent(usual.normal.false_alarms(threshold))
    return At(
        outliers,
        f"{words} Of {len(normal)} normal images, held out, {above} {_are(above)}: {rate} false alarms; of fresh ones "
        f"about {fresh}.",
    )


def _are(n: int) -> str:
    return "is" if n == 1 else "are"


def histogram(sets: list[tuple[str, Float[Tensor, " n"]]]) -> list[dict[str, Any]]:
    """The density of each set of energies in 60 equal bins: name, n, and points (the middle of a bin, density)."""
    every = torch.cat([values.double() for _, values in sets])
    low, high = float(every.min()), float(every.max())
    width = max((high - low) / BINS, 1e-9)
    shown = []
    for name, values in sets:
        places = ((values.double() - low) / width).floor().long().clamp(0, BINS - 1)
        density = places.bincount(minlength=BINS).double() / (len(values) * width)
        points = [[low + (i + 0.5) * width, d] for i, d in enumerate(density.tolist())]
        shown.append({"name": f"{len(values)} of {name}", "points": points})
    return shown


class Nearest(NamedTuple):
    """Training images nearest to one. images; names; distances: the root of the mean square, in grey levels of 255."""

    images: UInt8[Tensor, "k c h w"]
    names: list[str]
    distances: list[float]


def nearest(run: Path, image: UInt8[Tensor, "c h w"], k: int = 6) -> Nearest:
    """The training images that are nearest in pixels. UserError where they are not to be had."""
    record = settled(RunFolder(run).record, run)
    experiment = rebuild(record, device="auto")
    with heard():
        data = experiment.shown(training_images(experiment, record, run))
    found = nearest_neighbours(image[None], data.images, min(k, len(data.images)))
    rows = found.indices[0].tolist()
    names = [data.files[i] if data.files else f"image {i}" for i in rows]
    if data.labels is not None:
        known = [[*data.classes, "no label"][i] for i in data.labels[rows].tolist()]
        names = [f"{name}, {label}" for name, label in zip(names, known, strict=True)]
    distances = (found.distances[0] / image.numel() ** 0.5).tolist()
    return Nearest(data.images[rows], names, distances)
