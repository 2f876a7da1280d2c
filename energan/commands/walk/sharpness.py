"""How sharp the sharpest transition of a walk is, beside that of fades between real images."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from energan.utils.console import warn
from energan.utils.errors import UserError

if TYPE_CHECKING:
    from jaxtyping import UInt8
    from torch import Tensor

    from energan.data import ImageSet
    from energan.runs.probes import Number


def largest_steps(
    films: 'UInt8[Tensor, "n frames c h w"]',
    folder: Path,
    record: dict[str, Any],
    network: str,
    data: str,
    classes: list[int] | None,
) -> dict[str, Any]:
    """The largest step of the films and of as many fades of real images, in features, and what was compared.

    network: the feature network; "" for the run's. classes: that of each film, of a run that draws classes: its fade is
    of images of the class. Empty where nothing can be measured, with a warning; without the fade where real images are
    not to be had.
    """
    from energan.inference.probes.steps import fade

    network = network or record["network"]
    if not network:
        warn("no steps are measured: this run has no feature network of its own; `network` names one")
        return {}
    try:
        steps = _steps(films, network)
    except UserError as error:
        warn(f"no steps are measured: {error}")
        return {}
    found: dict[str, Any] = {
        "network": network,
        "largest_step": float(steps.max()),
        "mean_step": float(steps.mean()),
        "largest_step_of_each": steps.amax(1).tolist(),
    }
    try:
        real = _real_images(folder, record, data)
        pairs = _pairs(real, record, len(films), classes)
        if real.images.shape[1:] != films.shape[2:]:
            raise UserError(f"images of {tuple(real.images.shape[1:])} are not of the run's size")
    except UserError as error:
        warn(f"no fade of real images is measured: {error}")
        return found
    faded = _steps(fade(real.images[pairs[:, 0]], real.images[pairs[:, 1]], films.shape[1]), network)
    return found | {
        "largest_step_of_fades": float(faded.max()),
        "mean_step_of_fades": float(faded.mean()),
        "largest_step_of_each_fade": faded.amax(1).tolist(),
        "faded": real.name,
    }


def in_words(found: dict[str, Any]) -> str:
    """The end of a sentence that says what was measured, or ""."""
    if not found:
        return ""
    said = f"; largest step between frames {found['largest_step']:.3g} of {found['network']} features"
    if "largest_step_of_fades" not in found:
        return said
    return (
        f"{said}, where fades of one image of {found['faded']} into another take {found['largest_step_of_fades']:.3g}"
    )


def numbers_of(found: dict[str, Any]) -> "list[Number]":
    """What was measured, for the report."""
    from energan.runs.probes import Number

    says = {
        "largest_step": "the longest way between the features of two frames that follow each other",
        "mean_step": "the mean of all such ways",
        "largest_step_of_fades": "the longest one where one real image is faded into another, in as many frames",
        "mean_step_of_fades": "the mean of those",
    }
    told = [Number(name.replace("_", " "), found[name], text) for name, text in says.items() if name in found]
    return [*told, Number("features", found["network"])] if told else []


def _steps(films: "Tensor", network: str) -> "Tensor":
    from energan.inference.probes.steps import step_lengths
    from energan.metrics.features.catalog import describe

    return step_lengths(describe(films.flatten(0, 1), network).features.unflatten(0, films.shape[:2]))


def _real_images(folder: Path, record: dict[str, Any], data: str) -> "ImageSet":
    """Images that the run was not trained on, where its source holds some out; else training images."""
    from energan.runs.rebuild import rebuild
    from energan.runs.sources import Sources, settled

    experiment = rebuild(settled(record, folder, Sources(data)), device="cpu")
    try:
        return experiment.test_set()
    except (OSError, TypeError, ValueError) as error:
        raise UserError(f"the images of {folder} cannot be loaded: {' '.join(str(error).split())[:200]}") from error


def _pairs(real: "ImageSet", record: dict[str, Any], n: int, classes: list[int] | None) -> "Tensor":
    """n pairs of images, (n, 2); of one class each where the classes are those of the images."""
    import torch

    from energan.data.image_set import fixed_subset

    if len(real.images) < 2:
        raise UserError(f"{real.name} has fewer than two images")
    if classes is None or real.labels is None or list(real.classes) != list(record["classes"]):
        return fixed_subset(len(real.images), min(2 * n, len(real.images) // 2 * 2)).view(2, -1).T
    generator = torch.Generator().manual_seed(0)
    rows = []
    for c in classes:
        there = torch.nonzero(real.labels == c).flatten()
        if len(there) < 2:
            raise UserError(f"{real.name} has fewer than two images of class {c}")
        rows.append(there[torch.randperm(len(there), generator=generator)[:2]])
    return torch.stack(rows)
