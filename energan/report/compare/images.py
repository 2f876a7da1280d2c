"""The page of two sets of images: the numbers, a sheet of each, and the images of FAKE beside their nearest of REAL."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from energan.data.image_set import fixed_subset
from energan.html.pictures import Picture, picture
from energan.metrics.neighbours import nearest_neighbours
from energan.report.compare.page import write_page
from energan.utils.image_files import save_sheet

SHOWN, COLUMNS = 64, 8  # images of each sheet

PAIRS, NEAREST = 12, 3  # images of FAKE, and how many of REAL beside each

SIDE = 96  # pixels of an image on the page, at most

Images = UInt8[Tensor, "n c h w"]

Features = Float[Tensor, "n d"]


def write_images(
    path: Path, result: Mapping[str, Any], images: tuple[Images, Images], features: tuple[Features, Features]
) -> Path:
    """Writes the page of a comparison, and returns its path. UserError where it cannot be written.

    result: as `energan compare --json` prints it; images and features: of REAL and of FAKE.
    """
    real, fake = images
    found = nearest_neighbours(features[1], features[0], min(NEAREST, len(real)))
    closest = found.distances[:, 0].argsort()[:PAIRS]
    usual = fixed_subset(len(fake), PAIRS)

    def pairs(chosen: Tensor) -> Images:
        rows = [torch.cat([_small(fake[i : i + 1]), _small(real[found.indices[i]])]) for i in chosen.tolist()]
        return torch.cat(rows)

    with tempfile.TemporaryDirectory() as folder:
        across = 3 * (found.indices.shape[1] + 1)
        pictures = {
            "real": _sheet(Path(folder), _small(real[fixed_subset(len(real), SHOWN)]), COLUMNS),
            "fake": _sheet(Path(folder), _small(fake[fixed_subset(len(fake), SHOWN)]), COLUMNS),
            "closest": _sheet(Path(folder), pairs(closest), across),
            "usual": _sheet(Path(folder), pairs(usual), across),
        }
    values = {
        "result": result, "nearest": found.indices.shape[1], "shown": [min(SHOWN, len(each)) for each in images],
        "distances": [found.distances[closest, 0].tolist(), found.distances[usual, 0].tolist()], **pictures,
    }  # fmt: skip
    return write_page(path, "compare_images.html", values)


def _sheet(folder: Path, images: Images, columns: int) -> Picture | None:
    return picture(save_sheet(images, folder / "sheet.png", columns), 300_000)


def _small(images: Images) -> Images:
    """The images with at most SIDE pixels a side, in the shape that they have."""
    h, w = images.shape[2:]
    if max(h, w) <= SIDE:
        return images
    size = [max(1, round(side * SIDE / max(h, w))) for side in (h, w)]
    smaller = torch.nn.functional.interpolate(images.float(), size, mode="bilinear", antialias=True)
    return smaller.round().clamp(0, 255).to(torch.uint8)
