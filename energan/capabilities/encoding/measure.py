"""How well a system reads images: what it draws again of what it read, and what its categories are of."""

from typing import Any

from jaxtyping import UInt8
from torch import Tensor

from energan.capabilities.capability import Measurement
from energan.capabilities.conditions.classes.labelled import labelled_images
from energan.capabilities.encoding import sheets
from energan.capabilities.encoding.categories import Named, named_categories, use
from energan.capabilities.reference import named
from energan.data.image_set import fixed_subset
from energan.html.formatting import plain
from energan.inference.model import Model
from energan.runs.reader import Json, mapping
from energan.utils.files import write_json

RMS = "reconstruction RMS"
ERROR = "category error %"

METRICS = {
    RMS: (
        "lower",
        "root of the mean squared difference between an image and what is drawn of the noise read from it, pixels "
        "from 0 to 1",
    ),
    "category": (
        "lower",
        "share of images whose category is of another class than theirs; a category is of the class that most of its "
        "training images have",
    ),
}


def measure(run: Measurement) -> dict[str, Any]:
    """Metrics of at most n held-out images; writes the sheets that the report shows, and encoding.json of them."""
    model, test = run.model, run.experiment.test_set()
    images = test.images[fixed_subset(len(test.images), run.n)]
    codes, labelled = model.encode(images), labelled_images(run.experiment, run.training)
    found = named_categories(model, labelled, run.n)
    values = metrics_of(found)
    if model.redraws:
        again = model.reconstruct(images)
        values = {RMS: rms(images, again), **values}
    layout = {
        "pairs": sheets.write_pairs(run.folder, images, again) if model.redraws else 0,
        "columns": sheets.COLUMNS,
        "traversed": sheets.write_traversals(run.folder, model, run.seed),
        "scattered": sheets.write_scatter(run.folder, model, codes, test, len(images)),
    }
    write_json(run.folder / "encoding.json", layout)
    kinds = {name: code.kind for name, code in (model.game.encode or {}).items()}
    return {
        "metrics": values,
        "encoding": {
            "images": len(images),
            "reference": named(run.experiment, test, len(images)),
            "redraws": model.redraws,
            "read": {
                name: {
                    "kind": kinds[name],
                    "width": rows.shape[1],
                    **({"used": use(rows)} if kinds[name] == "category" else {}),
                }
                for name, rows in codes.items()
            },
            "categories": {name: _entry(each, labelled.taught.classes) for name, each in found.items()},
            "where": labelled.where,
        },
    }


def metrics_of(found: dict[str, Named]) -> dict[str, float]:
    """The error of each noise's categories; of the only one, without its name."""
    return {ERROR if len(found) == 1 else f"{ERROR} {name}": each.error for name, each in found.items()}


def summary(result: Json) -> str:
    """What was measured, as far as it is known."""
    encoding = mapping(result.get("encoding"))
    return f"what it reads from {plain(encoding['reference'])}" if encoding.get("reference") else ""


def reconstruction_rms(model: Model, images: UInt8[Tensor, "n c h w"]) -> float:
    """`rms` of images and what the system draws again of them."""
    return rms(images, model.reconstruct(images))


def rms(a: UInt8[Tensor, "n c h w"], b: UInt8[Tensor, "n c h w"]) -> float:
    """Root of the mean squared difference of pixels in [0, 1].

    >>> import torch
    >>> rms(torch.zeros(1, 1, 1, 2, dtype=torch.uint8), torch.full((1, 1, 1, 2), 51, dtype=torch.uint8))
    0.2
    """
    return round(float((a.double() - b.double()).div_(255).square().mean().sqrt()), 12)


def _entry(each: Named, classes: tuple[str, ...]) -> dict[str, Any]:
    most = each.counts.max(1).values
    return {
        "images": each.images,
        "wrong": each.wrong,
        "rows": [
            {"class": classes[c], "training": int(count), "of it": int(of)}
            for c, count, of in zip(each.classes.tolist(), each.counts.sum(1).tolist(), most.tolist(), strict=True)
        ],
    }
