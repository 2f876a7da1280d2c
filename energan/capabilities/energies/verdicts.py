"""Which energies are usual for a run, and what is said of images by that."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from energan.utils.console import say, warn
from energan.utils.errors import UserError

if TYPE_CHECKING:
    from fractions import Fraction

    from torch import Tensor

    from energan.data import ImageSet
    from energan.experiment import Experiment
    from energan.inference.model import Model
    from energan.runs.calibration import RunCalibration
    from energan.runs.folder import RunFolder

HERE = "auto"  # a run that was trained on a GPU is judged by where there is none, too


def calibrated(
    folder: "RunFolder",
    model: "Model",
    checkpoint: Path,
    experiment: "Experiment",
    trained_on: "ImageSet | None",
    *,
    rate: "Fraction | None",
    normal: str,
    normal_class: tuple[str, ...],
    anyway: bool = False,
) -> "RunCalibration | None":
    """What verdicts are made by; None where nobody asked for any and the run has none.

    `normal`, or a rate for a run without calibration.json, calibrates anew; so does `anyway`, which asks for no rate.
    Else the run's own is taken, with the rate that is asked for.

    Raises:
        UserError: The run's calibration is of another checkpoint, too few images are held out, or there are none.
    """
    from energan.inference.calibration import percent
    from energan.runs.calibration import FILE, calibration_of

    run = folder.path
    if normal:
        found = _made(folder, model, checkpoint, experiment, trained_on, rate, normal, normal_class)
    elif (anyway or rate is not None) and not (run / FILE).exists():
        found = _made(folder, model, checkpoint, experiment, trained_on, rate, "", normal_class)
    elif (stored := calibration_of(run, checkpoint)) is not None:
        found = stored if rate is None else stored._replace(false_alarms=rate)
    elif rate is None:
        return None
    else:
        raise UserError(
            f"{run / FILE} is of another checkpoint: `normal` names images to calibrate with anew, or `checkpoint` the "
            "other"
        )
    say(
        f"outlier: energy above {found.threshold:.6g}, by {found.images}; a fresh normal image is called one with "
        f"probability {percent(found.false_alarms)} at most"
    )
    return found


def _made(
    folder: "RunFolder",
    model: "Model",
    checkpoint: Path,
    experiment: "Experiment",
    trained_on: "ImageSet | None",
    rate: "Fraction | None",
    normal: str,
    normal_class: tuple[str, ...],
) -> "RunCalibration":
    from energan.capabilities.energies.calibrate import calibrate

    images = _normal_images(folder, experiment, normal)
    if images is None:
        raise UserError(
            f"{folder.path} was trained on all of its images, whose energies are too low to judge others by: `normal` "
            "names normal images that it was not trained on"
        )
    if trained_on is None:
        warn(f"whether {images.name} was trained on could not be checked: such images make for false alarms")
    return calibrate(folder.path, model, checkpoint, images, rate, trained_on, normal_class)


def _normal_images(folder: "RunFolder", experiment: "Experiment", normal: str) -> "ImageSet | None":
    """`normal`, or the images that the run's data hold out; None without any."""
    from energan.data import held_out_split
    from energan.experiment import load_images

    if not normal:
        experiment = _settled(folder)
    if experiment.game.logits is None:
        return experiment.calibration_set(normal)
    if not normal and held_out_split(experiment.source) is None:
        return None
    return load_images(normal or experiment.source, "", folder.record)  # a classifier's own loader asks for labels


def _settled(folder: "RunFolder") -> "Experiment":
    """The run's experiment, whose images may be read. UserError where a stranger's run.json names them."""
    from energan.runs.rebuild import rebuild
    from energan.runs.sources import settled

    try:
        record = settled(folder.record, folder.path)
    except UserError as error:
        raise UserError(
            f"{folder.path} has no signature of yours, so images that its run.json names are not read: `normal` names "
            "normal images to calibrate with"
        ) from error
    return rebuild(record, device=HERE)


ODDEST = 5  # images that are named


def verdict_columns(
    found: "RunCalibration", data: "ImageSet", energies: "Tensor", trained_on: "ImageSet | None"
) -> dict[str, Any]:
    """The columns `score` and `outlier`; says how many, or of one image, what it is."""
    from energan.inference.calibration import percent
    from energan.runs.calibration import row_digests, seen_before

    scores, outliers = found.normal.scores(energies), found.normal.outliers(energies, found.false_alarms)
    n = len(energies)
    if own := int(seen_before(data.images, found.rows).sum()):
        warn(f"{own} of these {n} images are among those that calibrate: what is said of false alarms holds for others")
    if trained_on and (known := int(seen_before(data.images, row_digests(trained_on.images)).sum())):
        warn(f"the run was trained on {known} of these {n} images: their energies are too low to say anything of them")
    if n == 1:
        name = data.files[0] if data.files else data.name
        word = "an outlier" if outliers[0] else "no outlier"
        say(
            f"{name} is {word}: its energy is {float(energies[0]):.6g}, the threshold {found.threshold:.6g}; "
            f"{percent(float(scores[0]))} of normal images have less"
        )
    else:
        say(f"{int(outliers.sum())} of {n} images are outliers")
        if data.files:
            order = energies.argsort(descending=True, stable=True)[:ODDEST].tolist()
            say("the oddest: " + ", ".join(f"{data.files[i]} ({float(energies[i]):.4g})" for i in order))
    return {"score": scores.numpy(), "outlier": outliers.numpy()}
