"""The command `score`: energies of any images, which of them are outliers, and where."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from energan.commands.open_run import open_model
from energan.utils.console import say
from energan.utils.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from energan.data import ImageSet
    from energan.inference.model import Model
    from energan.runs.calibration import RunCalibration

TRAINING_IMAGES = 2000  # in the histogram


def score(
    images: str,
    /,
    *,
    run: str,
    out: str = "scores.csv",
    maps: str = "",
    false_alarms: str = "",
    normal: str = "",
    normal_class: tuple[str, ...] = (),
    checkpoint: str = "",
    split: str = "",
    device: str = "auto",
) -> int:
    """Write an energy for each image (high: unlike the training data), say which are outliers, and show where.

    A system that draws classes adds a column: the class that each image matches best.

    Args:
        images: A folder, .zip, .npz or .parquet of images, one image, or a named set.
        run: The run's folder.
        out: scores.csv or scores.parquet; the histogram is the .png beside it, what was measured the .json.
        maps: A new folder for pictures of where each image is odd: two an image, and a sheet of the oddest.
        false_alarms: How many normal images may be called outliers, as 1% or 0.01; by default what the run has.
        normal: Normal images that were not trained on, to calibrate with; by default those that the run holds out.
        normal_class: Classes of the images that are normal; by default those called good, ok or normal.
        checkpoint: "best", a step, or a path; the newest by default.
        split: train, test, validation or all; by default the images held out (test, else validation), else all.
        device: cpu, cuda, cuda:1, or auto.
    """
    from energan.commands.anomalies.maps import write_maps
    from energan.commands.anomalies.truth import known, measured
    from energan.commands.anomalies.verdicts import calibrated, verdict_columns
    from energan.commands.open_run import load_images, skipped_note
    from energan.data import held_out_split
    from energan.evaluation import DEVICE
    from energan.inference.calibration import rate_of
    from energan.runs.folder import RunFolder
    from energan.runs.rebuild import rebuild
    from energan.utils.files import check_free, write_json
    from energan.utils.tables import write_table

    table, rate = Path(out), rate_of(false_alarms) if false_alarms else None
    if table.suffix not in (".csv", ".parquet"):
        raise UserError(f"`out` {table}: scores go to a .csv or a .parquet")
    folder, model = RunFolder(run), open_model(run, "score", checkpoint, device)
    if maps:
        check_free(Path(maps), "maps")
        model.require("energy map")
    experiment = rebuild(folder.record, device=DEVICE)
    if experiment.game.logits is not None:
        data = load_images(images, split, folder.record)
    else:
        data = experiment.given(images, split or held_out_split(images) or "train")
    say(f"images: {data.counted}")
    what = known(experiment, data, images, normal_class)  # refused before anything is written
    training = _training_images(folder.path, folder.record)
    path = folder.checkpoint(checkpoint)
    usual = calibrated(folder, model, path, experiment, training, rate=rate, normal=normal, normal_class=normal_class)
    energies = model.score(data.images)
    verdicts = verdict_columns(usual, data, energies, training) if usual else {}
    classes = _best_classes(model, data.images, folder.record["classes"])
    write_table(table, {**_columns(data, energies), **classes, **verdicts})
    truth = measured(model, data, energies, what, usual.threshold if usual else None)
    if usual or truth:
        about = {**usual.summary(), "outliers": int(verdicts["outlier"].sum())} if usual else {}
        write_json(table.with_suffix(".json"), {"scored": data.counted, "run": run, **about, **truth})
    _draw(table.with_suffix(".png"), model, training, usual, data.name, energies)
    if maps:
        notes = [f"energy {energy:.4g}" for energy in energies.tolist()]
        notes = [f"{note}, score {s:.3f}" for note, s in zip(notes, verdicts["score"], strict=True)] if usual else notes
        write_maps(Path(maps), model, data, energies, notes)
    low, middle, high = energies.quantile(energies.new_tensor([0.05, 0.5, 0.95])).tolist()
    quantiles = f"5 %: {low:.3g}, median {middle:.3g}, 95 %: {high:.3g}"
    say(f"{len(energies)} energies in {table} ({quantiles}){skipped_note(data)}")
    return 0


def _columns(data: "ImageSet", energies: "Tensor") -> dict[str, Any]:
    """What is known of each image, and its energy."""
    n = len(energies)
    labels = [""] * n if data.labels is None else [[*data.classes, ""][i] for i in data.labels.tolist()]
    return {
        "index": list(range(n)), "file": list(data.files) or [""] * n, "energy": energies.numpy(), "label": labels,
    }  # fmt: skip


def _draw(
    path: Path,
    model: "Model",
    training: "ImageSet | None",
    usual: "RunCalibration | None",
    name: str,
    energies: "Tensor",
) -> None:
    """The histogram of the energies, beside those of training images and of those that calibrate."""
    from energan.capabilities.energies.pictures import draw_histogram
    from energan.data.image_set import fixed_subset

    beside = []
    if training is not None:
        shown = training.images[fixed_subset(len(training.images), TRAINING_IMAGES)]
        beside.append(("the training images", model.score(shown)))
    if usual:
        beside.append(("normal images, held out", usual.normal.energies.float()))
    draw_histogram(path, [*beside, (name, energies)], usual.threshold if usual else None)


def _best_classes(model: "Model", images: "Tensor", names: list[str]) -> dict[str, list[str]]:
    """A column "class" for a system that is asked for classes: the one that each image matches best."""
    import torch

    from energan.explore.class_names import class_names
    from energan.inference.match import match

    if model.game.conditions is None or not (count := model.classes):
        return {}
    best = match(model, images, torch.eye(count)).argmax(1).tolist()
    return {"class": [class_names(names, count)[i] for i in best]}


def _training_images(run: Path, record: dict[str, Any]) -> "ImageSet | None":
    """The training images as the networks see them, or None where they cannot be read (said on stderr)."""
    from energan.evaluation import DEVICE
    from energan.runs.rebuild import rebuild
    from energan.runs.sources import settled, training_images
    from energan.utils.console import warn

    try:
        record = settled(record, run)
        experiment = rebuild(record, device=DEVICE)
        return experiment.shown(training_images(experiment, record, run))
    except UserError as error:
        warn(f"the histogram lacks the training images: {error}")
        return None
