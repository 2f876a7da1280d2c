"""How well a system inverts its encoder, and how well chains draw the class that they are guided to."""

import math
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from energan import metrics
from energan.capabilities import reference
from energan.capabilities.capability import Measurement
from energan.capabilities.reference import SHOWN, named, write_nearest
from energan.data import ImageSet
from energan.data.image_set import fixed_subset
from energan.data.pixels import to_bytes, to_unit
from energan.html.formatting import figure, plain
from energan.inference.chunks import CHUNK
from energan.inference.guided import final_images, latent_maps, reconstruct, sample_guided
from energan.inference.model import Model
from energan.metrics.features.catalog import Description, describe
from energan.metrics.features.mnist_classifier import mnist_classifier
from energan.runs.reader import Json
from energan.samplers.chains import Trace
from energan.utils.console import counted
from energan.utils.files import write_json
from energan.utils.image_files import save_sheet

EACH = 10  # chains towards each class
MOST = 20  # classes that chains are guided to: ImageNet's thousand would take hours
FRAMES = 10  # of a chain's path
PAIRS = 20  # images shown with their reconstructions

METRICS = {
    "reconstruction MSE": (
        "lower",
        "mean squared difference between an image and what the generator makes of its code, pixels from 0 to 1",
    ),
    "conditional accuracy": (
        "higher",
        "share of the chains’ images that show the class asked for, by a classifier that had no part in drawing them",
    ),
    "conditional accuracy, own": (
        "higher",
        "the same share by the classifier that led the chains; far above the other one where chains deceive it",
    ),
    "diversity in a class": (
        "",
        "mean distance between two of the chains’ images of one class, pixels from 0 to 1; 0 where all are alike",
    ),
    "diversity along a chain": (
        "",
        "mean distance between two images of the second half of one chain, one at each ninth of its length and one at "
        "its end, pixels from 0 to 1; 0 where chains stand still, and as large as diversity in a class where one chain "
        "shows what many do",
    ),
    "diversity in a class of real": ("", "the same for real images: how much the images of a class do differ"),
}


def measure(run: Measurement) -> dict[str, Any]:
    """Metrics of at most n reconstructions, and of EACH chains to each class (to MOST, spread over more of them).

    Writes reconstructions.png, classes.png, path.png; chains.json, which says how these sheets are laid out; and the
    chains' nearest training images.
    """
    test = run.experiment.test_set()
    rows = fixed_subset(len(test.images), run.n)
    test = test._replace(images=test.images[rows], labels=None if test.labels is None else test.labels[rows])
    network = reference.usable_network(run.experiment, test.images)
    real = describe(test.images, network) if network else None
    reconstructions, values = reconstruction(run.model, test.images, real, network)
    pairs = torch.stack([test.images[:PAIRS], reconstructions[:PAIRS]], 1).flatten(0, 1)
    save_sheet(pairs, run.folder / "reconstructions.png", columns=10)
    images, of_chains = _chains(run, test, network)
    if run.pictures:
        write_nearest(run.folder, images[:: max(1, len(images) // SHOWN)][:SHOWN], run.training.images, network)
    return {
        "samples": len(images),
        "reference": named(run.experiment, test, len(test.images)),
        "network": network,
        "metrics": values | of_chains,
    }


def summary(result: Json) -> str:
    """What was measured, as far as it is known."""
    of = f"reconstructions of {plain(result['reference'])}" if result.get("reference") else ""
    chains = f"{figure(result['samples'])} images drawn by chains" if result.get("samples") else ""
    return " and ".join(filter(None, (of, chains)))


def reconstruction(
    model: Model, images: UInt8[Tensor, "n c h w"], real: Description | None, network: str
) -> tuple[UInt8[Tensor, "n c h w"], dict[str, float]]:
    """Reconstructions, and how far they are from the images: by pixel, and in the network's features."""
    reconstructions = reconstruct(model, images)
    values = {"reconstruction MSE": mean_square(images, reconstructions)}
    if real is not None:
        distances = metrics.evaluate(reconstructions, real, network)
        values |= {f"reconstruction {k}": value for k, value in distances.items() if "FID" in k or "KID" in k}
    return reconstructions, values


def mean_square(a: UInt8[Tensor, "n c h w"], b: UInt8[Tensor, "n c h w"]) -> float:
    """Mean squared difference per pixel, of pixels in [0, 1]."""
    return float((a.float() - b.float()).div_(255).square().mean())


@torch.no_grad()
def classes_of(model: Model, images: UInt8[Tensor, "n c h w"]) -> Int[Tensor, " n"]:
    """The classes of images, by the system's own classifier."""
    logits = latent_maps(model).logits
    return torch.cat([logits(to_unit(chunk.to(model.device))).argmax(1).cpu() for chunk in images.split(CHUNK)])


def diversity(images: UInt8[Tensor, "n c h w"], classes: Int[Tensor, " n"]) -> float:
    """Mean distance between two images of the same class, pixels in [0, 1]; NaN where none has two."""
    flat = images.flatten(1).double() / 255
    distances = [torch.pdist(flat[classes == c]).mean() for c in classes.unique() if int((classes == c).sum()) > 1]
    return float(torch.stack(distances).mean()) if distances else math.nan


def mixing(trace: Trace) -> float:
    """Mean distance between two images of the second half of a chain, pixels in [0, 1]; NaN where there are not two."""
    assert trace.images is not None
    late = to_bytes(trace.images[2 * trace.steps >= trace.steps[-1]])
    chain = torch.arange(late.shape[1]).expand(len(late), -1)
    return diversity(late.flatten(0, 1).cpu(), chain.flatten())


def chains(
    model: Model,
    classes: Int[Tensor, " k"],
    each: int,
    *,
    seed: int,
    precision: str,
    show: bool | None = None,
    frames: int = FRAMES,
) -> tuple[Int[Tensor, " n"], Trace]:
    """The class that each chain goes to, and the chains: `each` towards each class, one class after another."""
    targets = classes.repeat_interleave(each)
    codes = model.game.codes
    steps = codes.chain.steps if codes else 1
    trace = sample_guided(
        model, targets, seed=seed, precision=precision, keep=max(1, steps // (frames - 1)),
        progress=lambda parts: counted(parts, len(targets), "chains", each=parts[0].stop, show=show),
    )  # fmt: skip
    return targets, trace


def accuracies(
    model: Model, images: UInt8[Tensor, "n c h w"], targets: Int[Tensor, " n"], network: str
) -> dict[str, float]:
    """The share of images that show their target class: by the system's own classifier, which guided the chains there,
    and, for the network "mnist", by one of digits that had no part in it.
    """
    values = {"conditional accuracy, own": float((classes_of(model, images) == targets).float().mean())}
    if network == "mnist":
        with torch.no_grad():
            predicted = mnist_classifier()(images).argmax(1)
        values["conditional accuracy"] = float((predicted == targets).float().mean())
    return values


def _chains(run: Measurement, test: ImageSet, network: str) -> tuple[UInt8[Tensor, "n c h w"], dict[str, float]]:
    """The images that chains end in, and what was measured of them; writes their sheets."""
    model = run.model
    count = latent_maps(model).logits(to_unit(test.images[:1].to(model.device))).shape[1]
    classes = torch.linspace(0, count - 1, min(count, MOST)).round().long()
    targets, trace = chains(model, classes, EACH, seed=run.seed, precision=run.experiment.precision)
    images = final_images(trace)
    values = accuracies(model, images, targets, network if count == 10 else "")
    values["diversity in a class"] = diversity(images, targets)
    values["diversity along a chain"] = mixing(trace)
    if test.labels is not None and len(test.classes) == count:  # else its classes are not the chains' targets
        rows = torch.cat([(test.labels == c).nonzero().flatten()[:EACH] for c in classes])
        if len(rows) > len(classes):
            values["diversity in a class of real"] = diversity(test.images[rows], test.labels[rows])
    names = test.classes if len(test.classes) == count else tuple(map(str, range(count)))
    _write_sheets(run.folder, trace, [names[c] for c in classes.tolist()], min(PAIRS, len(test.images)))
    return images, values


def _write_sheets(folder: Path, trace: Trace, classes: list[str], pairs: int) -> None:
    assert trace.images is not None
    save_sheet(final_images(trace), folder / "classes.png", columns=EACH)
    path = to_bytes(trace.images[:, ::EACH]).transpose(0, 1)  # (classes, frames, c, h, w)
    save_sheet(path.flatten(0, 1), folder / "path.png", columns=path.shape[1])
    layout = {"columns": 10, "pairs": pairs, "classes": classes, "each": EACH, "steps": trace.steps.tolist()}
    write_json(folder / "chains.json", layout)
