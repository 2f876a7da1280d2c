"""Whether the attributes that are asked for are seen, one by one."""

from statistics import fmean
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from energan.capabilities import reference
from energan.capabilities.capability import Measurement
from energan.capabilities.conditions.kind import Asked
from energan.data import ImageSet, held_out_split
from energan.data.image_set import fixed_subset
from energan.experiment import Experiment
from energan.html.formatting import figure, plain
from energan.metrics.features.catalog import Description, describe
from energan.runs.reader import Json, number

SHOWN = 20  # rows of the sheet
ADDED = 2.0  # standard deviations that the sheet adds to an attribute which is not just there or not
TAUGHT = 4000  # training images that the judge learns from, at most
LEAST = 10  # images with an attribute, and without it, that a balanced accuracy needs
SEEN = "asked = seen, attributes"

METRICS = {
    SEEN: (
        "higher",
        "mean over the attributes of the balanced accuracy with which a logistic regression, taught by training "
        "images, sees in samples what they were asked for: 0.5 is chance; read it beside that of real images",
    ),
    f"{SEEN}, of real": ("", "the same of real images: the judge cannot see more in samples"),
}


class Attribute(NamedTuple):
    """What was measured of one attribute: balanced accuracies of the judge, None where images are too few.

    real: how many real images have it, and so of how many samples it was asked.
    """

    name: str
    seen: float | None
    of_real: float | None
    real: int


def asked(experiment: Experiment, training: ImageSet) -> Asked:
    """A row for each attribute: what the first training image with it shows, or a common one with more of it."""
    values, names = training.attributes, training.attribute_names
    assert values is not None  # what a system of attributes is trained on
    two = binary(values)
    middle = values[(values - values.mean(0)).square().sum(1).argmin()]
    rows, labels = [], []
    for k in range(0, len(names), max(1, -(-len(names) // SHOWN))):
        column = values[:, k]
        if bool(two[k]):
            rows.append(values[int((column == column.max()).int().argmax())])
            labels.append(names[k])
        else:
            rows.append(middle + ADDED * column.std(correction=0) * torch.eye(len(names))[k])
            labels.append(f"{names[k]} + {ADDED:g} standard deviations")
    return Asked(tuple(labels), torch.stack(rows))


def binary(values: Float[Tensor, "n a"]) -> Bool[Tensor, " a"]:
    """Which attributes an image has or has not: those of two values."""
    return torch.tensor([len(column.unique()) == 2 for column in values.T])


def measure(run: Measurement) -> dict[str, Any]:
    """How well what was asked for is seen, as entries of evaluation.json."""
    real, where = _held_out(run)
    network = reference.usable_network(run.experiment, real.images)
    training = run.training
    if not network or training.attributes is None or real.attributes is None:
        return {}
    rows = fixed_subset(len(real.images), run.n)
    truth = real.attributes[rows]  # and what samples are asked for
    taught = fixed_subset(len(training.images), TAUGHT)
    samples = describe(run.model.sample(len(rows), run.seed, conditions=truth), network)
    of_taught, of_real = describe(training.images[taught], network), describe(real.images[rows], network)
    two, measured = binary(training.attributes), []
    for k in two.nonzero().flatten().tolist():
        high = training.attributes[:, k].max()
        has = truth[:, k] == high
        learned = training.attributes[taught, k] == high
        if len(learned.unique()) < 2:
            continue
        predicted = [_judge(of_taught, learned, described) for described in (samples, of_real)]
        seen, possible = (balanced_accuracy(each, has) for each in predicted)
        name = training.attribute_names[k]
        measured.append(Attribute(name, seen, possible, int(has.sum())))
    known = [row for row in measured if row.seen is not None and row.of_real is not None]
    metrics = (
        {SEEN: fmean(row.seen or 0 for row in known), f"{SEEN}, of real": fmean(row.of_real or 0 for row in known)}
        if known
        else {}
    )
    result = {
        "attributes": [row._asdict() for row in measured],
        "others": [name for name, is_two in zip(training.attribute_names, two.tolist(), strict=True) if not is_two],
        "samples": len(rows),
        "taught": len(taught),
        "where": where,
        "network": network,
    }
    return {"conditions": result, "metrics": metrics}


def summary(measured: Json) -> str:
    """What was measured, as far as it is known."""
    count = number(measured.get("samples"))
    if count is None:
        return ""
    return f"{figure(count)} samples, each asked for what one of {plain(measured.get('where'))} shows"


def balanced_accuracy(predicted: Bool[Tensor, " n"], truth: Bool[Tensor, " n"]) -> float | None:
    """The mean of the shares of right answers among images with an attribute, and without; None where one is few.

    Example:
        >>> truth = torch.arange(40) < 10
        >>> balanced_accuracy(torch.ones(40, dtype=torch.bool), truth)
        0.5
    """
    if min(int(truth.sum()), int((~truth).sum())) < LEAST:
        return None
    return float((predicted[truth].double().mean() + (~predicted[~truth]).double().mean()) / 2)


def _held_out(run: Measurement) -> tuple[ImageSet, str]:
    """Real images with attributes that nobody learned from, if the source has such; and what they are."""
    split = held_out_split(run.experiment.source)
    data = run.experiment.test_set() if split else run.training
    return data, f"{data.counted}{'' if split else ', the training images: none are held out'}"


def _judge(taught: Description, has: Bool[Tensor, " n"], described: Description) -> Bool[Tensor, " k"]:
    """What a logistic regression says, both kinds of images weighing as much."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    fitted = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=300, class_weight="balanced"))
    fitted.fit(taught.features.double().numpy(), has.numpy())
    return torch.from_numpy(fitted.predict(described.features.double().numpy()))
