"""Which images are asked for: those that a run's classifier is least sure of; of a folder, in a fixed random order."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from energan.capabilities.classification.label_next import to_label
from energan.capabilities.classification.reading import probabilities
from energan.data import NAMED, ImageSet, held_out_split, listed, load
from energan.data.classes import class_order
from energan.data.decoding.decode import decode
from energan.data.decoding.failures import UNREADABLE
from energan.data.few_labels import FOLDERS, unlabelled_class
from energan.data.image_set import NONE
from energan.data.labels import PAGE
from energan.data.splits import TRAIN
from energan.experiment import Experiment
from energan.runs.folder import RunFolder
from energan.runs.reader import mapping
from energan.runs.rebuild import rebuild
from energan.runs.sources import settled, training_images
from energan.utils.console import heard
from energan.utils.errors import UserError

if TYPE_CHECKING:
    from energan.inference.model import Model

TOGETHER = 50  # images that are chosen at once, as label-next.csv has

SIDE = 320  # pixels a side of an image that is shown

MOST = 100_000  # images


class Pool(NamedTuple):
    """Images to be labelled.

    source      what the images were loaded from, as `--data` takes it
    data        the images as the nets see them
    labels      known before the table was begun, by file
    experiment  of the run whose classifier chooses; None: there is none
    names       classes that the images have, or those that are held out to measure the error on
    measured    classes of the images that the error is measured on: a classifier that lacks one could not be measured
    """

    source: str
    data: ImageSet
    labels: dict[str, str]
    experiment: Experiment | None
    names: tuple[str, ...] = ()
    measured: tuple[str, ...] = ()

    def classes(self, labels: Mapping[str, str]) -> list[str]:
        """The classes, in their order: those of the images, and those of the labels."""
        return list(class_order([*self.names, *labels.values()]))

    def left(self, labels: Mapping[str, str]) -> int:
        """How many images lack a label."""
        return sum(file not in labels for file in self.data.files)


class Asked(NamedTuple):
    """An image that is asked for. row: in the pool; reason: why it is."""

    row: int
    file: str
    reason: str


def pool_of_run(run: Path) -> Pool:
    """The images that a run's classifier was trained on. UserError where they are not to be had, or have no files."""
    folder = RunFolder(run)
    record = settled(folder.record, run)
    experiment = rebuild(record, device="auto")
    with heard():
        data = training_images(experiment, record, run)
        held = experiment.labels_held_set()
    labels = _labels(data) | (_labels(held) if held is not None else {})
    test = mapping(record.get("arguments")).get("test")
    measured = classes_of_test(test) if isinstance(test, str) and test else _held_out_classes(experiment.source)
    return Pool(experiment.source, _checked(data), labels, experiment, (*data.classes, *measured), measured)


def pool_of_images(source: str) -> Pool:
    """The images of a folder or .zip. UserError where they cannot be read, or have no files."""
    with heard():
        data = load(source, "train", size=64)
        if data.labels is not None:
            try:
                data = unlabelled_class(data)
            except UserError:  # they are all in the folder of those without a label
                data = data._replace(labels=None, classes=())
    measured = _held_out_classes(source)
    return Pool(source, _checked(data), _labels(data), None, (*data.classes, *measured), measured)


def without_files(arguments: Mapping[str, Any]) -> str:
    """The built-in set that a run with these arguments was trained on: its images cannot be named in a table; or ""."""
    data = arguments.get("data")
    return data if isinstance(data, str) and data in NAMED else ""


def classes_of_test(source: str) -> tuple[str, ...]:
    """The classes of a set to measure on, where files have them. UserError where it cannot be read."""
    return _classes_of(source, held_out_split(source) or TRAIN)


def _held_out_classes(source: str) -> tuple[str, ...]:
    """The classes of the images that a source holds out."""
    return () if (split := held_out_split(source)) is None else _classes_of(source, split)


def _classes_of(source: str, split: str) -> tuple[str, ...]:
    if (files := listed(source, split)) is None:
        return ()
    return tuple(name for name in files.classes if name.lower() not in FOLDERS)


def _labels(data: ImageSet) -> dict[str, str]:
    if data.labels is None:
        return {}
    numbers = zip(data.files, data.labels.tolist(), strict=False)
    return {file: data.classes[number] for file, number in numbers if number != NONE}


def _checked(data: ImageSet) -> ImageSet:
    if not data.files:
        raise UserError(f"{data.name} has no files, which a table of labels names: take a folder or a .zip of images")
    if len(data.files) > MOST:
        raise UserError(f"{data.counted} are more than the {MOST:,} images that are labelled here")
    return data


def asked_by(pool: Pool, model: "Model", labels: Mapping[str, str]) -> list[Asked]:
    """The next images by label_next: those that the classifier hesitates at, and that are unlike all with a label."""
    assert pool.experiment is not None
    known = torch.tensor([0 if file in labels else NONE for file in pool.data.files])
    data = pool.data._replace(labels=known)
    rows = to_label(pool.experiment, data, probabilities(pool.experiment, model, data), TOGETHER)
    return [Asked(row["index"], row["file"], row["reason"]) for row in rows]


def asked_at_random(pool: Pool, labels: Mapping[str, str]) -> list[Asked]:
    """The next images in a random order that is always the same."""
    order = torch.randperm(len(pool.data.files), generator=torch.Generator().manual_seed(0)).tolist()
    rows = [i for i in order if pool.data.files[i] not in labels][:TOGETHER]
    return [Asked(i, pool.data.files[i], "in random order, until there is a classifier") for i in rows]


class Originals:
    """The images as their files have them, larger than the nets see them.

    Args:
        source: What the images were loaded from.
    """

    def __init__(self, source: str) -> None:
        with heard():
            files = listed(source)
        self._items = {item.name: item for item in files.items()} if files is not None else {}

    def image(self, pool: Pool, index: int) -> torch.Tensor:
        """The image, at most 320 pixels a side; as the nets see it where its file cannot be read so."""
        item, page = self._items.get(pool.data.files[index]), PAGE.fullmatch(pool.data.files[index])
        if item is None or page:
            return pool.data.images[index]
        try:
            file = item.read()
            channels = pool.data.images.shape[1]
            whole = decode(file, None, 3 if channels == 3 else 1)
            return torch.tensor(whole if max(whole.shape[1:]) <= SIDE else decode(file, SIDE, whole.shape[0]))
        except UNREADABLE:
            return pool.data.images[index]
