"""What probes of a run share: its experiment with its images, and where they write what they found."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from jaxtyping import UInt8
    from torch import Tensor

    from energan.data import ImageSet
    from energan.experiment import Experiment
    from energan.runs.probes import Finding


class Given(NamedTuple):
    """A run's experiment, and its training images as the nets see them."""

    experiment: "Experiment"
    training: "ImageSet"


def given(folder: Path, record: dict[str, Any], data: str = "") -> Given:
    """The run's experiment and its training images. data: where they are now; "" for where they were.

    UserError where they are not to be had, or are others now.
    """
    from energan.evaluation import DEVICE
    from energan.runs.rebuild import rebuild
    from energan.runs.sources import Sources, settled, training_images

    settled_record = settled(record, folder, Sources(data))
    experiment = rebuild(settled_record, device=DEVICE)
    return Given(experiment, experiment.shown(training_images(experiment, settled_record, folder)))


def checked_sheet(out: str) -> None:
    """UserError unless a sheet can be written there."""
    from energan.utils.image_files import usable

    if out:
        usable(Path(out), (".png",))


def keep(
    folder: Path, name: str, found: "Finding", sheet: 'UInt8[Tensor, "n c h w"] | None', columns: int, out: str
) -> str:
    """Writes what a probe found into the run's folder, for its report, or only the sheet to `out`; says where."""
    from energan.runs.probes import picture_of, write_finding
    from energan.utils.image_files import save_sheet

    place = Path(out) if out else picture_of(folder, name)
    if sheet is not None:
        save_sheet(sheet, place, columns)
    if not out:
        written = write_finding(folder, name, found)
        place = place if sheet is not None else written
    return str(place)


def step_of(folder: Path, checkpoint: str) -> int | None:
    """The step of the checkpoint that is asked for; None of "best", whose name does not say it."""
    from energan.runs.folder import RunFolder

    stem = RunFolder(folder).checkpoint(checkpoint or None).stem
    return int(stem) if stem.isascii() and stem.isdigit() else None
