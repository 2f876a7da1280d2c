"""A classifier that had no part in a run's training, and says what its samples show."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Int64
from torch import Tensor

from energan.capabilities.conditions.classes.labelled import Labelled, balanced, counts
from energan.metrics.features.catalog import NETWORKS, Description, describe

DIGITS = tuple(map(str, range(10)))
KNOWN = 0.9  # the least share of real images that the shipped classifier must recognise, to judge others like them


class Judge(NamedTuple):
    """predict: descriptions by `network` -> the class of each.

    accuracy  the share of real images, as many of each class, that it recognises: what it says of samples is worth no
              more than that
    images    how many these were
    about, where  what it is, and what they were, for people
    """

    predict: Callable[[Description], Int64[Tensor, " n"]]
    network: str
    accuracy: float
    images: int
    about: str
    where: str


def judge_of(images: Labelled, real: Description, network: str) -> Judge | None:
    """The shipped classifier for digits that it knows; else a logistic regression on the features of training images.

    images  `real` of them, described by the network, are what its accuracy is measured on
    None where fewer than two classes have images to learn from, or none are left to measure on
    """
    truth = images.real.labels
    assert truth is not None
    if not len(truth):
        return None
    if network == "mnist" and images.real.classes == DIGITS:
        accuracy = share(_likeliest(real), truth)
        if accuracy >= KNOWN:
            return Judge(_likeliest, network, accuracy, len(truth), "the shipped classifier of MNIST", images.where)
    taught = balanced(images.taught, max(1, NETWORKS[network].samples // 2 // len(images.taught.classes)))
    if int((counts(taught) > 0).sum()) < 2:
        return None
    predict = _regression(describe(taught.images, network), taught.labels)
    label = {"mnist": "MNIST", "mobilenetv2": "MobileNetV2"}.get(network, network)
    about = f"a logistic regression on {label} features of {len(taught.images):,} training images"
    return Judge(predict, network, share(predict(real), truth), len(truth), about, images.where)


def share(predicted: Int64[Tensor, " n"], truth: Int64[Tensor, " n"]) -> float:
    """The share of equal entries."""
    return float((predicted == truth).double().mean())


def _likeliest(described: Description) -> Int64[Tensor, " n"]:
    assert described.logits is not None
    return described.logits.argmax(1)


def _regression(taught: Description, labels: Tensor | None) -> Callable[[Description], Int64[Tensor, " n"]]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    assert labels is not None
    fitted = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
    fitted.fit(taught.features.double().numpy(), labels.numpy())
    return lambda described: torch.from_numpy(fitted.predict(described.features.double().numpy()))
