"""Energies against the truth, where folders or masks tell it."""

from typing import TYPE_CHECKING, NamedTuple

from energan.utils.console import say, warn

if TYPE_CHECKING:
    from torch import Tensor

    from energan.data import ImageSet
    from energan.data.anomalies import Masks, Truth
    from energan.experiment import Experiment
    from energan.inference.model import Model


class Known(NamedTuple):
    """What is known of images, before anything is measured or written.

    told     how folders were read
    truth    which images are normal
    masks    where they are odd; None where nobody says, or the run has no maps
    """

    told: str
    truth: "Truth"
    masks: "Masks | None"

    @property
    def both(self) -> bool:
        """Whether some images are normal and some are not."""
        odd = self.truth.anomalous[self.truth.known]
        return bool(odd.any() and not odd.all())


def known(
    experiment: "Experiment", data: "ImageSet", source: str, normal_class: tuple[str, ...] = ()
) -> "Known | None":
    """What names of folders and masks tell of the images of `source`; None where they tell nothing.

    Raises:
        UserError: There is no such class, or masks are of no image.
    """
    from energan.data.anomalies import masks_folder, masks_of, truth_of

    truth = truth_of(data, normal_class)
    if truth is None:
        return None
    found = Known(truth.told(data.place or data.name), truth, None)
    folder = masks_folder(source)
    if not found.both or folder is None or not data.files or experiment.game.energy_map is None:
        return found
    if experiment.crop is not None:
        warn(f"the masks in {folder} were not used: this run sees squares that are cut out of images")
        return found
    masks = masks_of(data, truth, folder, experiment.given, source)
    if masks.without:
        warn(f"{masks.without} images that are not normal have no mask in {folder}, and are left out of the pixels")
    if masks.black:
        warn(
            f"{masks.black} images that are not normal have a mask in {folder} that is all black: all of their pixels "
            "count as normal"
        )
    return found._replace(masks=masks)


def measured(
    model: "Model", data: "ImageSet", energies: "Tensor", what: "Known | None", threshold: float | None = None
) -> dict[str, object]:
    """What is measured of energies, as scores.json has it; {} where nothing tells which images are normal.

    Says how folders were read, and the numbers.
    """
    from energan.metrics.anomalies import by_kind, detection, pixel_auroc

    if what is None:
        return {}
    say(what.told)
    if not what.both:
        return {"read as": what.told}
    truth, known = what.truth, what.truth.known
    odd, kinds = truth.anomalous[known], tuple(filter(None, truth.kinds))
    found: dict[str, object] = {"read as": what.told, "images": detection(energies[known], odd, threshold)}
    if len(truth.defects) > 1:
        found["AUROC by kind"] = by_kind(energies[known], odd, kinds)
    if what.masks is not None:
        maps = model.map_pixels(data.images[what.masks.rows])
        found["pixels"] = {"AUROC": pixel_auroc(maps, what.masks.masks), "images": len(what.masks.rows)}
    say("\n".join(_lines(found)))
    return found


def _lines(found: dict[str, object]) -> list[str]:
    """The numbers for people, a line each."""
    lines = []
    for part, values in found.items():
        if isinstance(values, dict):
            of = {"images": "", "pixels": "of pixels: ", "AUROC by kind": "AUROC by kind: "}[part]
            numbers = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
            lines.append(f"{of}{numbers}")
    return lines
