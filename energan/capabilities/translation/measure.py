"""What becomes of held-out pictures, measured, and the pictures that the report shows."""

from typing import Any

from energan import metrics
from energan.capabilities.capability import Measurement
from energan.capabilities.translation.compared import Both, colour, compared, found, network_of, of_all, of_rows
from energan.capabilities.translation.preview import sheet
from energan.capabilities.translation.verdicts import taken, verdicts
from energan.data.image_set import fixed_subset
from energan.html.formatting import figure, plain
from energan.metrics.features.catalog import describe
from energan.runs.reader import Json, mapping
from energan.utils.files import write_json
from energan.utils.image_files import save_sheet

SHOWN = 12  # pictures that the report shows

COMPARED = 200  # training pictures that held-out ones are compared with

METRICS = {
    "L1": ("lower", "mean distance of made from true pictures, pixels from 0 to 1"),
    "PSNR": ("higher", "peak signal-to-noise ratio of made and true pictures, in dB"),
    "SSIM": ("higher", "structural similarity of made and true pictures; 1 for equal ones"),
    "PSNR Y": ("higher", "PSNR of the luma (16 to 235), without a border as wide as pictures are enlarged"),
    "SSIM Y": ("higher", "structural similarity of the luma, without a border as wide as pictures are enlarged"),
    "bicubic PSNR Y": ("higher", "the same of bicubic enlargement: what a net is to be better than"),
    "bicubic SSIM Y": ("higher", "the same of bicubic enlargement: what a net is to be better than"),
    "bicubic feature distance": ("lower", "feature distance of bicubic enlargement: what a net is to be better than"),
    "feature": ("lower", "mean distance of made and true pictures in the features of a classifier of photographs"),
    "found": (
        "higher",
        "share of made pictures that are nearer to their own true picture than to all other held-out ones, in features",
    ),
    "cycle": ("lower", "mean distance of pictures and what comes back of them, pixels from 0 to 1"),
}


def measure(run: Measurement) -> dict[str, Any]:
    """Metrics of at most n test pictures; writes translations.png and translation.json."""
    data = run.experiment.pictures("test")
    assert data.targets is not None
    rows = [fixed_subset(len(each), run.n) for each in (data.images, data.targets)]
    held = of_rows(data, *rows)
    network = network_of(run.experiment, held)
    trained = run.training
    made = compared(run.model, held, network, seen=trained.paired)
    values = of_all(made)
    assert trained.targets is not None
    some = [fixed_subset(len(each), COMPARED) for each in (trained.images, trained.targets)]
    known = taken(run.model, {way: each.images for way, each in made.items()}, held, of_rows(trained, *some))
    said = verdicts(known)
    images, columns = sheet(run.model, held, SHOWN)
    save_sheet(images, run.folder / "translations.png", columns)
    write_json(run.folder / "translation.json", {"each": columns // 2, "columns": columns, "count": len(images)})
    return {
        "network": network,
        "metrics": values,
        "translation": {
            "images": len(held.x),
            "targets": len(held.y),
            "where": data.counted,
            "paired": held.paired,
            "trained with pairs": trained.paired,
            "ways": list(made),
            "found of inputs %": {way: _found_of_inputs(held.turned(way), network) for way in made},
            "verdicts": said,
            "facts": {way: each._asdict() for way, each in known.items()},
        },
    }


def _found_of_inputs(held: Both, network: str) -> float | None:
    """The share of inputs that are nearest to their own true picture: what is reached by doing nothing."""
    if not network or not held.paired or len(held.x) < metrics.LEAST_IMAGES:
        return None
    x, y = (describe(colour(images), network).features for images in (held.x, held.y))
    return found(x, y)


def summary(result: Json) -> str:
    """What was measured, and what the numbers say, as far as it is known."""
    told = mapping(result.get("translation"))
    if not told.get("where"):
        return ""
    said = told.get("verdicts")
    words = " ".join(plain(each) for each in said) if isinstance(said, list) else ""
    return f"{figure(told['images'])} pictures of {plain(told['where'])}{'. ' + words if words else ''}"
