"""Two sets of anyone's images: loaded at one size, described, compared, and what is to be warned of."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any, NamedTuple

from jaxtyping import Float
from torch import Tensor

from energan.data import ImageSet, held_out_split, listed, load
from energan.data.decoding.decode import open_image
from energan.data.decoding.failures import UNREADABLE
from energan.data.image_set import fixed_subset, rows_of
from energan.metrics import LEAST_IMAGES
from energan.metrics.comparison import BIASED, compared
from energan.metrics.features.kept import kept
from energan.metrics.features.own import chosen
from energan.utils.checks import not_negative, usable_seed
from energan.utils.errors import UserError

LARGEST = 256  # pixels a side: networks look at 224 or 299

MEASURES = ("FID", "KID", "precision", "recall", "density", "coverage")

HIGH = 0.85  # share of what another part of the real images has, from which precision looks good

LOW = 0.5  # share of what another part of the real images has, below which recall or coverage is poor

DISTINCT = 0.5  # share of a set's images from which it is one of copies

DIGITS = {(28, 28), (32, 32)}  # sizes of MNIST, as it is and padded by 2 pixels

CUT = "of those of 32 x 32 the border of 2 pixels is cut off, with which digits are padded"

RESIZED = "the centred square of each image, resized with an antialiasing filter"


class Asked(NamedTuple):
    """How two sets are compared: the options of the command `compare`."""

    network: str = "mobilenetv2"
    weights: str = ""
    size: int = 0
    splits: tuple[str, str] = ("", "")
    n: int = 0
    seed: int = 0
    device: str = "auto"


class Compared(NamedTuple):
    """Two sets, compared: what was found, the images as they were compared, and their features; real, then fake."""

    result: dict[str, Any]
    sides: list[ImageSet]
    features: list[Float[Tensor, "n d"]]


def compared_images(real: str, fake: str, asked: Asked) -> Compared:
    """Loads, describes and compares two sets. UserError for sets or options that cannot be used."""
    not_negative(size=asked.size, n=asked.n)
    usable_seed(asked.seed)
    network = chosen(asked.network, asked.weights)
    sides, words = _loaded((real, fake), asked)
    for data, which in zip(sides, ("REAL", "FAKE"), strict=True):
        if len(data.images) < LEAST_IMAGES:
            raise UserError(
                f"{which}, {data.counted}, has {len(data.images)} of the {LEAST_IMAGES} images that distances need "
                "at least"
            )
    described = [kept(data.images, network, asked.device) for data in sides]
    features = [found.features for found, _ in described]
    found = compared(features[0], features[1], asked.seed)
    result = {
        "real": _told(sides[0]), "fake": _told(sides[1]), "shape": list(sides[0].images.shape[1:]), "size": words,
        "network": asked.network, "names": {name: network.network.label.format(name) for name in MEASURES},
        "from_cache": [was for _, was in described], "features": features[0].shape[1], **found, "warnings": [],
    }  # fmt: skip
    result["warnings"] = [*_warnings(result), *_flattered(result), *_repeated(sides)]
    return Compared(result, sides, features)


def _loaded(sources: tuple[str, str], asked: Asked) -> tuple[list[ImageSet], str]:
    """Both sets at one size, and what was done for it, in words."""
    splits = [split or held_out_split(source) or "train" for source, split in zip(sources, asked.splits, strict=True)]
    shapes = [_sides(source, split) for source, split in zip(sources, splits, strict=True)]
    every = {shape for each in shapes for shape in each}
    channels = 1 if asked.network == "mnist" else None
    if asked.size:
        size: int | None = asked.size
    elif asked.network == "mnist":
        size = None if every <= DIGITS and all(len(set(each)) == 1 for each in shapes) else 28
    else:
        shorter = [round(median(min(shape) for shape in each)) for each in shapes]
        size = None if len(every) == 1 else min(LARGEST, *shorter)
    h, w = next(iter(every))
    cut = not size and len(every) > 1
    if size:
        words = f"all at {size} x {size}: {RESIZED}"
    else:
        words = f"all at 28 x 28: {CUT}" if cut else f"all as they are, {h} x {w}"
    sets = []
    for source, split in zip(sources, splits, strict=True):
        data = load(source, split, size=size, channels=channels)
        if cut and data.images.shape[2] == 32:
            data = data._replace(images=data.images[:, :, 2:30, 2:30])
        sets.append(_some(data._replace(images=data.images[:, :3]), asked.n))
    depth = max(data.images.shape[1] for data in sets)
    return [data._replace(images=data.images.expand(-1, depth, -1, -1)) for data in sets], words


def _sides(source: str, split: str) -> list[tuple[int, int]]:
    """The height and width of each image that can be read, by its header alone where it is a file."""
    files = listed(source, split)
    if files is None:
        images = load(source, split).images
        return [(images.shape[2], images.shape[3])] * len(images)
    sides = []
    for item in files.items():
        try:
            with open_image(item.read()) as image:
                sides.append((image.size[1], image.size[0]))
        except UNREADABLE:
            continue
    if not sides:
        raise UserError(f"{files.words} has no image that can be read")
    return sides


def _some(data: ImageSet, n: int) -> ImageSet:
    return rows_of(data, fixed_subset(len(data.images), n)) if n and n < len(data.images) else data


def _told(data: ImageSet) -> dict[str, Any]:
    return {"name": data.place or data.name, "n": len(data.images), "source": data.source, "skipped": len(data.skipped)}


def _warnings(result: Mapping[str, Any]) -> list[str]:
    said = []
    n, fid, bias = min(result["real"]["n"], result["fake"]["n"]), result["scores"]["FID"], result["fid_bias"]
    floor, judged = result["equal"]["real"]["FID"], result["equal"]["fake"]["FID"]
    if bias > BIASED * fid and (judged > floor or bias < fid):  # what FAKE has of REAL itself has less than any bias
        least = "at least " if n < result["features"] else ""
        said.append(
            f"of the FID of {fid:.4g}, {least}about {min(bias, fid):.3g} is bias: so few images ({n:,}) make any FID "
            "larger; compare it only with FIDs of as many images, or use KID, which has none"
        )
    if judged <= floor:
        said.append(
            f"at {result['equal']['n']:,} images FAKE is no farther from REAL (FID {judged:.4g}) than another part of "
            f"REAL ({floor:.4g}): no difference can be seen with so many, or FAKE holds REAL's images"
        )
    return said


def _flattered(result: Mapping[str, Any]) -> list[str]:
    """Where precision is high of images that are unlike REAL as a whole: few kinds, or a few wide balls hold them."""
    judged, other, n = result["equal"]["fake"], result["equal"]["real"], result["equal"]["n"]
    low = [name for name in ("recall", "coverage") if judged[name] < LOW * other[name]]
    if judged["precision"] < HIGH * other["precision"] or not low:
        return []
    shown = " and ".join(f"{name} {judged[name]:.2g} (another part of REAL: {other[name]:.2g})" for name in low)
    return [
        f"precision {judged['precision']:.2g} (another part of REAL: {other['precision']:.2g}) at {n:,} images does "
        f"not say that FAKE is like REAL, since {shown}: FAKE shows few kinds of what REAL has, or lies near a few "
        "stray images of REAL"
    ]


def _repeated(sides: Sequence[ImageSet]) -> list[str]:
    said = []
    for data, which in zip(sides, ("REAL", "FAKE"), strict=True):
        n, distinct = len(data.images), len({image.numpy().tobytes() for image in data.images})
        if distinct < DISTINCT * n:
            said.append(
                f"of {which}'s {n:,} images only {distinct:,} differ from each other: precision, recall, "
                "density and coverage count neighbours, and say nothing of copies"
            )
    return said
