"""Two domains: images of which the labels are known, and others of which nobody knows them."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from energan.experiment import Experiment
from energan.recipes.common import Training, experiment
from energan.recipes.semi_supervised.labelled_data import labelled_images
from energan.utils.checks import at_least
from energan.utils.errors import UserError
from energan.utils.specification import named

if TYPE_CHECKING:
    from energan.data import ImageSet
    from energan.engine.game import Game


@dataclass(frozen=True, kw_only=True)
class Domains:
    """The target domain, and how images of both domains are read."""

    target: str = "mnist-m"
    """Images of the target domain: a named set or your own; their labels are never read."""
    test: str = ""
    """Labelled images to measure the error on, one sub-folder per class; by default what --target holds out, or all of
    it, where it has labels; else what --data holds out, which says nothing of the target: the run names them."""
    labels_csv: str = ""
    """A CSV with columns file and label, for a folder of the source without class sub-folders."""
    classes: int = 10
    """Classes of the source's images."""
    size: int = 28
    """Pixels a side."""
    channels: int = 3
    """3 for colour, 1 for grey."""

    def check(self) -> None:
        """UserError for numbers that cannot be used."""
        at_least(2, classes=self.classes, size=self.size)

    def experiment(self, game: "Game", system: str, data: str, training: Training) -> Experiment:
        """The Experiment of a game with `logits`, whose x and y are of the source and whose u is of the target."""
        prepare = partial(
            both_domains, target=self.target, labels_csv=self.labels_csv, classes=self.classes, size=self.size,
            channels=self.channels,
        )  # fmt: skip
        run = experiment(game, system, data, prepare, training, network="")
        return run._replace(test=self.test or measured_on(self.target), domains=True)


def measured_on(target: str) -> str:
    """The target, where it has labels to measure by; else "", the source."""
    from pathlib import Path

    from energan.data import NAMED

    folder = Path(target)
    labelled = folder.is_dir() and any(path.is_dir() and not path.name.startswith(".") for path in folder.iterdir())
    return target if target in NAMED or labelled else ""


@named
def both_domains(
    source: str,
    split: str,
    *,
    target: str,
    labels_csv: str,
    classes: int,
    size: int,
    channels: int,
    value_range: tuple[float, float] | None = None,
) -> "ImageSet":
    """For training the source's images with their labels, then the target's without; else one set as it is.

    Both are read by one range of values, into bytes. UserError for a source of other classes, or one without a label.
    """
    from hashlib import sha256
    from itertools import compress

    import torch

    from energan.data import load
    from energan.data.image_set import NONE, ImageSet

    data = labelled_images(source, split, labels_csv=labels_csv, size=size, channels=channels, value_range=value_range)
    if split != "train":
        return data
    if len(data.classes) != classes:
        raise UserError(f"{data.name} has {len(data.classes)} classes: set `classes` to {len(data.classes)}")
    other = load(target, split, size=size, channels=channels, value_range=data.value_range or value_range)
    if len(other.images) < 2:
        raise UserError(f"{other.name} has one image: a target needs two or more")
    assert data.labels is not None
    known = data.labels != NONE  # else an image of the source without a label would be taken for one of the target
    files = (*compress(data.files, known.tolist()), *other.files) if data.files and other.files else ()
    return ImageSet(
        images=torch.cat([data.images[known], other.images]),
        labels=torch.cat([data.labels[known], torch.full((len(other.images),), NONE)]),
        name=f"{data.name} to {other.name}",
        classes=data.classes,
        source=f"{data.source}, with labels; {other.source}, without",
        sha256=sha256(f"{data.sha256} {other.sha256}".encode()).hexdigest(),
        skipped=(*data.skipped, *other.skipped),
        files=files,
        place=f"{data.counted} with labels and {other.counted} without",
        value_range=data.value_range,
    )
