"""Pictures that a system made, beside the true ones where these are known, else beside the other domain's."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from energan import metrics
from energan.capabilities.reference import usable_network
from energan.data.image_set import ImageSet
from energan.data.resampling import enlarged
from energan.experiment import Experiment
from energan.inference.model import Model
from energan.inference.pictures.translation import ways
from energan.metrics.closeness import l1, psnr, ssim
from energan.metrics.features.catalog import describe

LEAST_SSIM = 11  # pixels a side of its window

FIRST, BACK = "xy", "yx"

BICUBIC = "bicubic "  # before the names of what bicubic enlargement reaches


class Both(NamedTuple):
    """Pictures of both domains; `paired` says whether row i of both is one pair."""

    x: UInt8[Tensor, "n c h w"]
    y: UInt8[Tensor, "m c2 h2 w2"]
    paired: bool

    def turned(self, way: str) -> "Both":
        """What goes in first, then what should come out."""
        return self if way == FIRST else Both(self.y, self.x, self.paired)


class Made(NamedTuple):
    """What a way makes of pictures.

    images  what came out
    values  metrics by name, of this way
    """

    images: UInt8[Tensor, "n c2 h2 w2"]
    values: dict[str, float]


def of_rows(data: ImageSet, x: Tensor, y: Tensor) -> Both:
    """The pictures of these rows of x, and of y where they are no pairs."""
    assert data.targets is not None
    return Both(data.images[x], data.targets[x if data.paired else y], data.paired)


def network_of(experiment: Experiment, pictures: Both) -> str:
    """The feature network; "" where there is none, with a warning."""
    if pictures.paired:  # a pair has a distance of its own
        return usable_network(experiment, colour(pictures.y), least=1)
    return usable_network(experiment, min(colour(pictures.x), colour(pictures.y), key=len))


def compared(model: Model, pictures: Both, network: str, *, seen: bool) -> dict[str, Made]:
    """What each way of the system makes of the pictures, with its metrics.

    seen: whether the training saw pairs; where it did not, pictures are measured against the other domain as a whole,
    too: that is all that could be known.
    """
    both = len(there := ways(model.game)) > 1
    made = {way: model.translate(pictures.turned(way).x, way) for way in there}
    return {
        way: Made(images, {f"{name} {way}" if both else name: value for name, value in values.items()})
        for way, images in made.items()
        for values in [_values(model, pictures.turned(way), images, way, both, network, seen)]
    }


def _values(
    model: Model, pictures: Both, made: Tensor, way: str, both: bool, network: str, seen: bool
) -> dict[str, float]:
    values = closeness(made, pictures.y, network) if pictures.paired else {}
    if not seen:
        values |= _likeness(made, pictures.y, network)
    if pictures.paired and (scale := ways(model.game)[way].scale) > 1:
        values |= beside_bicubic(made, pictures, scale, network)
    if both:
        values["cycle error"] = l1(model.translate(made, BACK if way == FIRST else FIRST), pictures.x)
    return values


def closeness(made: Tensor, true: Tensor, network: str) -> dict[str, float]:
    """How close made pictures are to the true ones, each to its own."""
    values = {"L1": l1(made, true), "PSNR": psnr(made, true)}
    if min(made.shape[2:]) >= LEAST_SSIM:
        values["SSIM"] = ssim(made, true)
    if network:
        of_made, of_true = (describe(colour(x), network).features for x in (made, true))
        values["feature distance"] = float((of_made - of_true).norm(dim=1).mean())
        if len(made) >= metrics.LEAST_IMAGES:  # of four, one in four is found by chance
            values["found %"] = found(of_made, of_true)
    return values


def beside_bicubic(made: Tensor, pictures: Both, scale: int, network: str) -> dict[str, float]:
    """How close enlarged pictures are on their luma, less a border, as papers measure it; and bicubic's own figures."""
    values = _of_luma(made, pictures.y, scale)
    if pictures.x.shape[1] != pictures.y.shape[1]:
        return values
    plain = enlarged(pictures.x, scale)
    values |= {BICUBIC + name: value for name, value in _of_luma(plain, pictures.y, scale).items()}
    if network:
        of_plain, of_true = (describe(colour(x), network).features for x in (plain, pictures.y))
        values[f"{BICUBIC}feature distance"] = float((of_plain - of_true).norm(dim=1).mean())
    return values


def _of_luma(made: Tensor, true: Tensor, scale: int) -> dict[str, float]:
    inside = min(true.shape[2:]) - 2 * scale
    values = {"PSNR Y": psnr(made, true, border=scale, luma=True)} if inside > 0 else {}
    return values | ({"SSIM Y": ssim(made, true, border=scale, luma=True)} if inside >= LEAST_SSIM else {})


def _likeness(made: Tensor, real: Tensor, network: str) -> dict[str, float]:
    """How like the other domain's pictures the made ones are, all together."""
    enough = min(len(made), len(real)) >= metrics.LEAST_IMAGES
    return dict(metrics.evaluate(colour(made), colour(real), network)) if network and enough else {}


def found(made: Float[Tensor, "n d"], true: Float[Tensor, "n d"]) -> float:
    """Percentage of rows whose nearest row of `true` is their own.

    >>> round(found(torch.tensor([[0.1], [0.9], [0.2]]), torch.tensor([[0.0], [1.0], [2.0]])), 3)
    66.667
    """
    nearest = torch.cdist(made.double(), true.double()).argmin(1)
    return 100 * float((nearest == torch.arange(len(true))).double().mean())


def of_all(made: Mapping[str, Made]) -> dict[str, float]:
    """The metrics of all ways together."""
    return {name: value for each in made.values() for name, value in each.values.items()}


def judged(values: Mapping[str, float], *, seen: bool) -> float | None:
    """What the best checkpoint has the least of: feature distance, else L1; of a training that saw no pairs, the
    distance to the domain, since it must not be chosen by pairs either. None: nothing such was measured."""
    for word in ("feature distance", "L1") if seen else ("FID",):
        if of := [value for name, value in values.items() if word in name and not name.startswith(BICUBIC)]:
            return sum(of) / len(of)
    return None


def colour(images: UInt8[Tensor, "n c h w"]) -> UInt8[Tensor, "n 3 h w"]:
    """Grey images as colour ones; of images with an opacity, what is seen on white."""
    return images[:, :3] if images.shape[1] >= 3 else images.expand(-1, 3, -1, -1).contiguous()
