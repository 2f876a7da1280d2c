"""Energies against the truth, where folders or masks tell it."""

from typing import TYPE_CHECKING

from energan.utils.console import say, warn

if TYPE_CHECKING:
    from torch import Tensor

    from energan.data import ImageSet
    from energan.experiment import Experiment
    from energan.inference.model import Model


def measured(
    model: "Model",
    experiment: "Experiment",
    data: "ImageSet",
    energies: "Tensor",
    source: str,
    *,
    normal_class: tuple[str, ...] = (),
    threshold: float | None = None,
) -> dict[str, object]:
    """What is measured of energies, as scores.json has it; {} where nothing tells which images are normal.

    Says how folders were read, and the numbers.

    Raises:
        UserError: There is no such class, or masks are of no image.
    """
    from energan.data.anomalies import truth_of
    from energan.metrics.anomalies import by_kind, detection

    truth = truth_of(data, normal_class)
    if truth is None:
        return {}
    told = truth.told(data.place or data.name)
    say(told)
    known = truth.known
    odd, kinds = truth.anomalous[known], tuple(filter(None, truth.kinds))
    if odd.all() or not odd.any():
        return {"read as": told}
    found: dict[str, object] = {"read as": told, "images": detection(energies[known], odd, threshold)}
    if len(truth.defects) > 1:
        found["AUROC by kind"] = by_kind(energies[known], odd, kinds)
    if (pixels := _pixels(model, experiment, data, source, truth)) is not None:
        found["pixels"] = pixels
    say("\n".join(_lines(found)))
    return found


def _pixels(
    model: "Model", experiment: "Experiment", data: "ImageSet", source: str, truth: object
) -> dict[str, object] | None:
    """AUROC of pixels, where there are masks; None where there are none, or the run has no maps."""
    from energan.data.anomalies import Truth, masks_folder, masks_of
    from energan.metrics.anomalies import pixel_auroc

    assert isinstance(truth, Truth)
    if (folder := masks_folder(source)) is None or not data.files or model.game.energy_map is None:
        return None
    if experiment.crop is not None:
        warn(f"the masks in {folder} were not used: this run sees squares that are cut out of images")
        return None
    masks = masks_of(data, truth, folder, experiment.given)
    if masks.without:
        warn(f"{masks.without} images that are not normal have no mask in {folder}, and are left out of the pixels")
    maps = model.map_pixels(data.images[masks.rows])
    return {"AUROC": pixel_auroc(maps, masks.masks), "images": len(masks.rows)}


def _lines(found: dict[str, object]) -> list[str]:
    """The numbers for people, a line each."""
    lines = []
    for part, values in found.items():
        if isinstance(values, dict):
            of = {"images": "", "pixels": "of pixels: ", "AUROC by kind": "AUROC by kind: "}[part]
            numbers = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
            lines.append(f"{of}{numbers}")
    return lines
