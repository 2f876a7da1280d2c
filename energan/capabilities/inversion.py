"""How well a system that draws by chains inverts images, and draws what its classifier asks for."""

import math
import sys
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from energan import metrics
from energan.capabilities.drawing import SHOWN, _neighbours, _whose, usable_network
from energan.data import ImageSet
from energan.data.image_set import fixed_subset
from energan.data.pixels import to_bytes, to_unit
from energan.experiment import Experiment
from energan.inference.guided import latent_maps, reconstruct, sample_guided
from energan.inference.model import CHUNK, Model
from energan.metrics.features.catalog import Description, describe
from energan.metrics.features.mnist_classifier import mnist_classifier
from energan.samplers.chains import Trace
from energan.utils.files import write_json
from energan.utils.image_files import save_sheet
from energan.utils.progress import counted

EACH = 10  # chains towards each class

MOST = 20  # classes that chains are led to: ImageNet's thousand would take hours

FRAMES = 10  # of a chain's path

PAIRS = 20  # images shown with what was made of them


def inverted(
    model: Model, images: UInt8[Tensor, "n c h w"], real: Description | None, network: str
) -> tuple[UInt8[Tensor, "n c h w"], dict[str, float]]:
    """What G makes of the images' codes, and how far that is from them: by pixel, and in the network's features."""
    made = reconstruct(model, images)
    values = {"reconstruction MSE": mean_square(images, made)}
    if real is not None:
        found = metrics.evaluate(made, real, network)
        values |= {f"reconstruction {name}": value for name, value in found.items() if "FID" in name or "KID" in name}
    return made, values


def mean_square(a: UInt8[Tensor, "n c h w"], b: UInt8[Tensor, "n c h w"]) -> float:
    """Per pixel, of pixels in [0, 1]."""
    return float((a.float() - b.float()).div_(255).square().mean())


@torch.no_grad()
def classes_of(model: Model, images: UInt8[Tensor, "n c h w"]) -> Int[Tensor, " n"]:
    """What the system's own classifier says."""
    logits = latent_maps(model).logits
    return torch.cat([logits(to_unit(chunk.to(model.device))).argmax(1).cpu() for chunk in images.split(CHUNK)])


def diversity(images: UInt8[Tensor, "n c h w"], classes: Int[Tensor, " n"]) -> float:
    """Mean distance between two images of the same class, pixels in [0, 1]; NaN where none has two."""
    flat = images.flatten(1).double() / 255
    distances = [torch.pdist(flat[classes == c]).mean() for c in classes.unique() if int((classes == c).sum()) > 1]
    return float(torch.stack(distances).mean()) if distances else math.nan


def chains(
    model: Model, classes: Int[Tensor, " k"], each: int, *, seed: int, precision: str, show: bool, frames: int = FRAMES
) -> tuple[Int[Tensor, " n"], Trace]:
    """`each` chains towards each class, one class after another: what was asked for, and the paths."""
    asked = classes.repeat_interleave(each)
    codes = model.game.codes
    steps = codes.chain.steps if codes else 1
    trace = sample_guided(
        model, asked, seed=seed, precision=precision, keep=max(1, steps // (frames - 1)),
        progress=lambda parts: counted(parts, len(asked), "chains", each=parts[0].stop, show=show),
    )  # fmt: skip
    return asked, trace


def accuracies(
    model: Model, images: UInt8[Tensor, "n c h w"], asked: Int[Tensor, " n"], network: str
) -> dict[str, float]:
    """The share of images that show the class asked for: by the system's own classifier, which led the chains there,
    and, for the network "mnist", by one of digits that had no part in it.
    """
    values = {"conditional accuracy, own": float((classes_of(model, images) == asked).float().mean())}
    if network == "mnist":
        with torch.no_grad():
            found = mnist_classifier()(images).argmax(1)
        values["conditional accuracy"] = float((found == asked).float().mean())
    return values


def measure(
    folder: Path, model: Model, test: ImageSet, *, network: str, real: Description | None, seed: int, precision: str,
    show: bool,
) -> tuple[UInt8[Tensor, "n c h w"], dict[str, float]]:  # fmt: skip
    """Reconstructions of the test images, EACH chains for each class, or for MOST that are spread over a thousand;
    writes reconstructions.png, classes.png, path.png and chains.json, which says how these sheets are laid out.

    Returns the chains' images, and what was measured of them and of the reconstructions.
    """
    made, values = inverted(model, test.images, real, network)
    shown = torch.stack([test.images[:PAIRS], made[:PAIRS]], 1).flatten(0, 1)
    save_sheet(shown, folder / "reconstructions.png", columns=10)
    count = latent_maps(model).logits(to_unit(test.images[:1].to(model.device))).shape[1]
    classes = torch.linspace(0, count - 1, min(count, MOST)).round().long()
    asked, trace = chains(model, classes, EACH, seed=seed, precision=precision, show=show)
    images = drawn(trace)
    values |= accuracies(model, images, asked, network if count == 10 else "")
    values["diversity in a class"] = diversity(images, asked)
    if test.labels is not None and len(test.classes) == count:  # else its classes are not those that were asked for
        rows = torch.cat([(test.labels == c).nonzero().flatten()[:EACH] for c in classes])
        if len(rows) > len(classes):
            values["diversity in a class of real"] = diversity(test.images[rows], test.labels[rows])
    save_sheet(images, folder / "classes.png", columns=EACH)
    assert trace.images is not None
    path = to_bytes(trace.images[:, ::EACH]).transpose(0, 1)  # (classes, frames, c, h, w)
    save_sheet(path.flatten(0, 1), folder / "path.png", columns=path.shape[1])
    names = test.classes if len(test.classes) == count else tuple(map(str, range(count)))
    layout = {
        "columns": 10,
        "pairs": len(shown) // 2,
        "classes": [names[c] for c in classes.tolist()],
        "each": EACH,
        "steps": trace.steps.tolist(),
    }
    write_json(folder / "chains.json", layout)
    return images, values


def drawn(trace: Trace) -> UInt8[Tensor, "n c h w"]:
    """Where the chains ended."""
    assert trace.images is not None
    return to_bytes(trace.images[-1]).cpu()


def _inverted(folder: Path, run: Experiment, model: Model, training: Tensor, n: int, seed: int) -> dict[str, Any]:
    """Metrics of at most n reconstructions, and of chains towards each class."""
    test = run.test_set()
    rows = fixed_subset(len(test.images), n)
    test = test._replace(images=test.images[rows], labels=None if test.labels is None else test.labels[rows])
    network = usable_network(run, test.images)
    images, values = measure(
        folder, model, test, network=network, real=describe(test.images, network) if network else None, seed=seed,
        precision=run.precision, show=sys.stderr.isatty(),
    )  # fmt: skip
    _neighbours(folder, images[:: max(1, len(images) // SHOWN)][:SHOWN], training, network)  # of all classes
    return {
        "samples": len(images),
        "reference": f"{test.name}, {len(test.images)} images ({_whose(run)})",
        "network": network,
        "metrics": values,
    }
