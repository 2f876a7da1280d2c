"""A run's energies of normal images that it was not trained on: what `calibration.json` is made of."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from energan.capabilities.capability import Measurement
from energan.capabilities.energies.pictures import UNUSUAL, draw_histogram, draw_unusual
from energan.data import ImageSet
from energan.data.anomalies import normal_rows
from energan.data.image_set import fixed_subset, rows_of
from energan.inference.calibration import calibration, percent
from energan.inference.model import Model
from energan.inference.pictures.heat import top_of_scale
from energan.runs.calibration import (
    MOST,
    RunCalibration,
    checkpoint_identity,
    row_digests,
    seen_before,
    write_calibration,
)
from energan.runs.folder import RunFolder
from energan.utils.console import warn
from energan.utils.errors import UserError

MOST_SHOWN = 2000  # training images in the histogram

RATE = Fraction(1, 100)  # of false alarms, where nobody says


def calibrate(
    run: Path,
    model: Model,
    checkpoint: Path,
    normal: ImageSet,
    false_alarms: Fraction | None = None,
    trained_on: ImageSet | None = None,
    normal_class: Sequence[str] = (),
) -> RunCalibration:
    """Measures the energies of normal images, and writes them to RUN/calibration.json.

    Args:
        run: The run's folder.
        model: Its model.
        checkpoint: The checkpoint that the model is of.
        normal: Images of which the normal ones are used, as far as names tell; of more than 10,000, that many.
        false_alarms: The rate; None: 1 %, or the least that there are enough images for.
        normal_class: The classes of `normal` that are; () for those called good, ok or normal.
        trained_on: The training images: those of `normal` that are among them are left out.

    Raises:
        UserError: There are too few images for that rate, or nothing can be written.
    """
    rows = normal_rows(normal, normal_class)
    chosen = rows_of(normal, rows[fixed_subset(len(rows), MOST)])
    found = len(chosen.images)
    if trained_on is not None and found:
        fresh = ~seen_before(chosen.images, row_digests(trained_on.images))
        chosen = rows_of(chosen, fresh.nonzero().flatten())
        if left := found - len(chosen.images):
            warn(f"{left} of the {found} images of {normal.name} were trained on, and do not calibrate")
    n = len(chosen.images)
    if not n:
        raise UserError(
            f"{normal.place or normal.name} has no normal image that the run was not trained on: `normal` names others"
        )
    rate = max(RATE, Fraction(1, n + 1)) if false_alarms is None else false_alarms
    step, digest = checkpoint_identity(checkpoint)
    energies = calibration(model.score(chosen.images))
    place = f"{normal.place or normal.name} ({n})"
    made = RunCalibration(energies, rate, place, step, digest, tuple(row_digests(chosen.images)))
    write_calibration(run, made)
    return made


def finish(run: Measurement) -> str:
    """Calibrates a run that set images apart for it, and draws calibration.png and unusual.png. Returns it in words."""
    if not run.experiment.calibration:
        return ""
    normal = run.experiment.shown(run.experiment.set_apart())
    n = len(normal.images)
    left = int(seen_before(normal.images, row_digests(run.training.images)).sum())
    if left == n:
        warn(f"no calibration: all {n} images that were set apart are copies of training images")
        return ""
    made = calibrate(run.folder, run.model, RunFolder(run.folder).checkpoint(), normal, trained_on=run.training)
    energies = run.model.score(normal.images)
    training = run.training.images[fixed_subset(len(run.training.images), MOST_SHOWN)]
    sets = [("the training images", run.model.score(training)), ("normal images, held out", energies)]
    draw_histogram(run.folder / "calibration.png", sets, made.threshold)
    if run.model.game.energy_map is not None:
        worst = energies.argsort(descending=True)[:UNUSUAL]
        maps = run.model.map_pixels(normal.images[worst])
        files = normal.files or [f"image {i}" for i in range(len(energies))]
        titles = [f"{files[i]}  energy {float(energies[i]):.4g}" for i in worst.tolist()]
        draw_unusual(run.folder / "unusual.png", normal.images[worst], maps, titles, top_of_scale(maps))
    return (
        f"outlier: energy above {made.threshold:.4g} ({percent(made.false_alarms)} false alarms, by {made.images} that "
        f"were not trained on{f'; {left} of those set apart are copies of training images, and left out' * bool(left)})"
    )
