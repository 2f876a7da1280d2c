"""Images, scored by a run: energies, verdicts, and what they are compared with."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from energan.capabilities.energies.truth import known, measured
from energan.capabilities.energies.verdicts import HERE, calibrated, verdict_columns
from energan.data import ImageSet, held_out_split
from energan.data.image_set import fixed_subset
from energan.experiment import load_images
from energan.inference.match import match
from energan.inference.model import Model
from energan.runs.calibration import RunCalibration
from energan.runs.folder import RunFolder
from energan.runs.rebuild import rebuild
from energan.runs.sources import settled, training_images
from energan.utils.console import say, warn
from energan.utils.errors import UserError

TRAINING_IMAGES = 2000  # in the histogram


class Scored(NamedTuple):
    """Images, scored.

    data      the images as the nets see them
    energies  one an image
    columns   the table of them, as scores.csv has it
    usual     which energies are usual; None where nothing says so
    truth     what was measured, where names tell which images are normal
    training  the training images; None where they are not to be had, which is warned of
    """

    data: ImageSet
    energies: Float[Tensor, " n"]
    columns: dict[str, Any]
    usual: RunCalibration | None
    truth: dict[str, object]
    training: ImageSet | None

    def summary(self, run: str) -> dict[str, object]:
        """What is said beside the table; {} where there is neither a verdict nor a measurement."""
        if not self.usual and not self.truth:
            return {}
        about = {**self.usual.summary(), "outliers": int(self.columns["outlier"].sum())} if self.usual else {}
        return {"scored": self.data.counted, "run": run, **about, **self.truth}

    def beside(self, model: Model) -> list[tuple[str, Float[Tensor, " m"]]]:
        """Energies that those of the images are shown beside, by name: of training images, and of normal ones."""
        sets = []
        if self.training is not None:
            shown = self.training.images[fixed_subset(len(self.training.images), TRAINING_IMAGES)]
            sets.append(("the training images", model.score(shown)))
        if self.usual:
            sets.append(("normal images, held out", self.usual.normal.energies.float()))
        return sets


def scored(
    folder: RunFolder,
    model: Model,
    checkpoint: Path,
    data: ImageSet,
    source: str,
    *,
    rate: Fraction | None = None,
    normal: str = "",
    normal_class: tuple[str, ...] = (),
    calibrate: bool = False,
) -> Scored:
    """Scores images, and says what was found.

    Args:
        folder: The run's.
        model: Its model.
        checkpoint: That the model is of.
        data: The images, as `given_images` has them.
        source: What they were loaded from, beside which masks may lie.
        rate: Of false alarms; None: the run's own.
        normal: Normal images to calibrate with; "": those that the run holds out.
        normal_class: Classes that are normal.
        calibrate: Whether a run without a calibration gets one; where that cannot be, it is warned of.

    Raises:
        UserError: There is no such class, or nothing to calibrate with.
    """
    record = folder.record
    experiment = rebuild(record, device=HERE)
    say(f"images: {data.counted}")
    what = known(experiment, data, source, normal_class)  # refused before anything is written
    training = training_images_of(folder.path, record)
    try:
        usual = calibrated(
            folder, model, checkpoint, experiment, training, rate=rate, normal=normal, normal_class=normal_class,
            anyway=calibrate,
        )  # fmt: skip
    except UserError as error:
        if not calibrate:
            raise
        usual = None
        warn(f"no verdicts: {error}")
    energies = model.score(data.images)
    verdicts = verdict_columns(usual, data, energies, training) if usual else {}
    columns = {**_columns(data, energies), **_best_classes(model, data.images, record["classes"]), **verdicts}
    truth = measured(model, data, energies, what, usual.threshold if usual else None)
    return Scored(data, energies, columns, usual, truth, training)


def given_images(record: dict[str, Any], source: str, split: str = "") -> ImageSet:
    """Anyone's images as a run's nets see them. split: by default the images that they hold out, else all."""
    experiment = rebuild(record, device=HERE)
    if experiment.game.logits is not None:
        return load_images(source, split, record)  # a classifier's own loader asks for labels
    return experiment.given(source, split or held_out_split(source) or "train")


def training_images_of(run: Path, record: dict[str, Any]) -> ImageSet | None:
    """The training images as the networks see them; None where they cannot be read, which is warned of."""
    try:
        record = settled(record, run)
        experiment = rebuild(record, device=HERE)
        return experiment.shown(training_images(experiment, record, run))
    except UserError as error:
        warn(f"the histogram lacks the training images: {error}")
        return None


def _columns(data: ImageSet, energies: Float[Tensor, " n"]) -> dict[str, Any]:
    """What is known of each image, and its energy."""
    n = len(energies)
    labels = [""] * n if data.labels is None else [[*data.classes, ""][i] for i in data.labels.tolist()]
    return {
        "index": list(range(n)), "file": list(data.files) or [""] * n, "energy": energies.numpy(), "label": labels,
    }  # fmt: skip


def _best_classes(model: Model, images: Tensor, names: Sequence[str]) -> dict[str, list[str]]:
    """A column "class" for a system that is asked for classes: the one that each image matches best."""
    if model.game.conditions is None or not (count := model.classes):
        return {}
    best = match(model, images, torch.eye(count)).argmax(1).tolist()
    return {"class": [names[i] if len(names) == count else str(i) for i in best]}
