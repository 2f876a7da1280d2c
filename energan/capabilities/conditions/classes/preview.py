"""While a run trains: a row for each class, and how often the class asked for is the class seen."""

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from energan.capabilities import reference
from energan.capabilities.capability import Preview
from energan.capabilities.conditions.classes.judge import Judge, judge_of, share
from energan.capabilities.conditions.classes.labelled import balanced, counts, labelled_images
from energan.capabilities.conditions.kind import Asked
from energan.data import ImageSet
from energan.experiment import Experiment
from energan.inference.model import Model
from energan.metrics.features.catalog import NETWORKS, describe

ROWS = 20  # classes that a sheet has a row for
SEEN = "asked = seen"  # the name of the metric


def drawn_classes(training: ImageSet, most: int) -> Int64[Tensor, " k"]:
    """The classes that have images to learn from; of more than `most`, so many, evenly spaced."""
    there = counts(training).nonzero().flatten()
    return there[torch.linspace(0, len(there) - 1, min(len(there), most)).round().long()]


def one_hot(classes: Int64[Tensor, " n"], count: int) -> Float[Tensor, "n k"]:
    return torch.eye(count)[classes]


def asked(experiment: Experiment, training: ImageSet) -> Asked:
    """A row for each class that has images; 20 of them at most."""
    shown = drawn_classes(training, ROWS)
    return Asked(tuple(training.classes[c] for c in shown.tolist()), one_hot(shown, len(training.classes)))


def prepare(experiment: Experiment, training: ImageSet) -> tuple[Judge, Int64[Tensor, " k"]] | None:
    """A judge, and the classes that it is asked of; None where there is no judge."""
    images, classes = labelled_images(experiment, training), drawn_classes(training, 10**6)
    network = reference.usable_network(experiment, images.real.images)
    if not network:
        return None
    images = images._replace(real=balanced(images.real, max(1, NETWORKS[network].samples // 4 // len(classes))))
    judge = judge_of(images, describe(images.real.images, network), network)
    return judge and (judge, classes)


def preview(run: Preview, prepared: tuple[Judge, Int64[Tensor, " k"]] | None) -> None:
    """Logs the share of samples, as many of each class, that the judge takes for the class asked for."""
    if prepared is None or not run.metrics:
        return
    judge, classes = prepared
    each = max(1, NETWORKS[judge.network].samples // 8 // len(classes))
    images, of = drawn_of_each(run.model, classes, each, seed=0)
    run.log({SEEN: share(judge.predict(describe(images, judge.network)), of)}, len(of))


def drawn_of_each(
    model: Model, classes: Int64[Tensor, " k"], each: int, seed: int
) -> tuple[UInt8[Tensor, "n c h w"], Int64[Tensor, " n"]]:
    """`each` samples of each class, and the class that each was asked for."""
    of = classes.repeat_interleave(each)
    return model.sample(len(of), seed, conditions=one_hot(of, model.asked_width)), of
