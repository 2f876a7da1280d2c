"""Whether the classes that are asked for are seen; how varied they are; what the system itself takes images for."""

from statistics import fmean
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from energan.capabilities import reference
from energan.capabilities.capability import Measurement
from energan.capabilities.classification.section import wilson
from energan.capabilities.conditions.classes.judge import Judge, judge_of, share
from energan.capabilities.conditions.classes.labelled import Labelled, balanced, labelled_images
from energan.capabilities.conditions.classes.preview import SEEN, drawn_classes, drawn_of_each
from energan.data.image_set import fixed_subset
from energan.html.formatting import figure, plain
from energan.inference.match import match
from energan.inference.model import Model
from energan.metrics import LEAST_IMAGES
from energan.metrics.feature_distances import frechet_distance, kernel_distance
from energan.metrics.features.catalog import Description, describe, network_named
from energan.runs.reader import Json, mapping, number

MOST = 100  # classes that are measured; of more, so many, evenly spaced
LEAST, EACH = 10, 1000  # samples of a class, at least and at most
PAIRED = 200  # images of a class between which distances are taken
ALIKE = 10  # real images of a class that say how varied it is, at least
READ = 50_000  # readings of an image with a class, at most

METRICS = {
    SEEN: (
        "higher",
        "share of samples, as many of each class, that show the class asked for, by a classifier that had no part in "
        "the training; read it beside the share of real images",
    ),
    f"{SEEN} of real": ("", "share of real images whose class the same classifier sees: it cannot judge better"),
    "diversity in a class, of real": (
        "",
        "mean feature distance between two samples of a class, divided by that between two real images of it: 1 is as "
        "varied as the real ones, 0 is one image again and again",
    ),
    "own reading error %": (
        "lower",
        "share of real images of which the system itself matches another class better than the true one",
    ),
}


class Class(NamedTuple):
    """What was measured of one class; None where its real images are too few, or there is no judge."""

    name: str
    samples: int
    seen: float | None  # share of its samples
    taken_for: str | None  # the class that most of the others show
    distance: float | None
    diversity: float | None
    real: int  # real images of it


def measure(run: Measurement) -> dict[str, Any]:
    """The classes, the judge and the system's own reading, as entries of evaluation.json."""
    images, classes = labelled_images(run.experiment, run.training), drawn_classes(run.training, MOST)
    network = reference.usable_network(run.experiment, images.real.images)
    metrics, measured = _own_reading(run.model, images)
    if network and len(classes):
        images = images._replace(real=balanced(images.real, max(1, run.n // len(classes))))
        real = describe(images.real.images, network)
        judge = judge_of(images, real, network)
        drawn, of = drawn_of_each(run.model, classes, min(EACH, max(LEAST, run.n // len(classes))), run.seed)
        samples = describe(drawn, network)
        predicted = judge.predict(samples) if judge else None
        name, least, rows = _classes(images, real, classes, samples, of, predicted, network, run.seed)
        metrics |= _means(rows, name, judge, None if predicted is None else share(predicted, of))
        measured |= {
            "classes": [row._asdict() for row in rows],
            "distance": name,
            "least": least,
            "of": len(run.training.classes),
            "judge": judge and {k: v for k, v in judge._asdict().items() if k != "predict"},
        }
    return {"conditions": measured, "metrics": metrics}


def summary(measured: Json) -> str:
    """What was measured, as far as it is known."""
    judge = mapping(measured.get("judge"))
    if not judge:
        return ""
    accuracy = figure(round(100 * (number(judge.get("accuracy")) or 0), 1))
    recognised = f"{accuracy} % of {plain(judge.get('where'))}"
    return f"samples of each class, judged by {plain(judge.get('about'))}, which recognises {recognised}"


def _own_reading(model: Model, images: Labelled) -> tuple[dict[str, float], dict[str, Any]]:
    """The error of argmax over y of the system's match(x, y) on real images; nothing where there are none."""
    count = model.asked_width
    rows = fixed_subset(len(images.real.images), max(1, READ // count))
    if not len(rows) or count < 2:
        return {}, {}
    assert images.real.labels is not None
    read = match(model, images.real.images[rows], torch.eye(count)).argmax(1)
    wrong = int((read != images.real.labels[rows]).sum())
    low, high = wilson(wrong, len(rows))
    error = 100 * wrong / len(rows)
    reading = {"error": error, "wrong": wrong, "images": len(rows), "low": low, "high": high, "where": images.where}
    return {"own reading error %": error}, {"reading": reading}


def _classes(
    images: Labelled,
    real: Description,
    classes: Int64[Tensor, " k"],
    samples: Description,
    of: Int64[Tensor, " n"],
    predicted: Int64[Tensor, " n"] | None,
    network: str,
    seed: int,
) -> tuple[str, int, list[Class]]:
    """The distance's name, how many images it needs on each side, and a row for each class.

    FID where samples and real images of a class are more than a feature has numbers: of fewer, covariances are not
    known. Else KID.
    """
    names, truth = images.real.classes, images.real.labels
    assert truth is not None
    width, sizes = real.features.shape[1], [int((truth == c).sum()) for c in classes]
    fid = len(of) // len(classes) > width and max(sizes) > width
    least = width + 1 if fid else LEAST_IMAGES
    rows = []
    for c, size in zip(classes.tolist(), sizes, strict=True):
        fake, true = samples.features[of == c], real.features[truth == c]
        distance = None
        if min(len(fake), size) >= least:
            distance = frechet_distance(true, fake) if fid else kernel_distance(true, fake, seed=seed)[0]
        varied = diversity(fake) / diversity(true) if size >= ALIKE and diversity(true) > 0 else None
        seen, taken_for = _seen(predicted[of == c], c, names) if predicted is not None else (None, None)
        rows.append(Class(names[c], len(fake), seen, taken_for, distance, varied, size))
    return network_named(network).label.format("FID" if fid else "KID"), least, rows


def _seen(predicted: Int64[Tensor, " n"], c: int, names: tuple[str, ...]) -> tuple[float, str | None]:
    """The share that shows class c, and what most of the others show."""
    others = predicted[predicted != c]
    return 1 - len(others) / len(predicted), names[int(others.bincount().argmax())] if len(others) else None


def diversity(features: Float[Tensor, "n d"]) -> float:
    """Mean distance between two rows, of the first 200."""
    return float(torch.pdist(features[:PAIRED].double()).mean())


def _means(rows: list[Class], name: str, judge: Judge | None, seen: float | None) -> dict[str, float]:
    """The metrics of all classes together; of what was not measured, none."""
    distances = [row.distance for row in rows if row.distance is not None]
    varied = [row.diversity for row in rows if row.diversity is not None]
    return {
        **({SEEN: seen, f"{SEEN} of real": judge.accuracy} if judge and seen is not None else {}),
        **({f"{name} of a class": fmean(distances)} if distances else {}),
        **({"diversity in a class, of real": fmean(varied)} if varied else {}),
    }
