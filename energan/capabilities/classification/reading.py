"""What a run's classifier says of images, and what images are compared by; known features are not computed again."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from energan.capabilities.capability import Measurement
from energan.data import ImageSet
from energan.data.pixels import to_unit
from energan.experiment import Experiment
from energan.inference.chunks import chunk_size, fitting
from energan.inference.model import Model

SIDE = 16  # pixels to which images are brought that are compared by them


def logits(experiment: Experiment, model: Model, data: ImageSet) -> Float[Tensor, "n classes"]:
    """The classifier's logits of images as the nets see them, calibrated as far as the model is."""
    if (features := _features(experiment, data)) is not None:
        return model.logits(features)
    with fitting(data.images):
        chunks = data.images.split(chunk_size(data.images.shape[2:].numel()))
        return torch.cat([model.logits(to_unit(chunk)) for chunk in chunks])


def probabilities(experiment: Experiment, model: Model, data: ImageSet) -> Float[Tensor, "n classes"]:
    """Of each class, for each image."""
    return logits(experiment, model, data).softmax(1)


def of_training(run: Measurement) -> Float[Tensor, "n classes"]:
    """Of each class, for each training image. They are computed once: after `calibrate`, the run's model stays."""
    name = "probabilities of training images"
    if name not in run.kept:
        run.kept[name] = probabilities(run.experiment, run.model, run.training)
    return run.kept[name]


def description(experiment: Experiment, data: ImageSet) -> tuple[Float[Tensor, "n d"], str]:
    """A row of numbers for each image that knows no label, and its name: a frozen network's features, else pixels.

    The classifier's own layers would not do: they have learned the labels, the wrong ones too.
    """
    if (features := _features(experiment, data)) is not None:
        return features, "features"
    side = min(SIDE, *data.images.shape[2:])
    chunks = data.images.split(chunk_size(data.images.shape[2:].numel()))
    rows = [adaptive_avg_pool2d(to_unit(chunk), side).flatten(1) for chunk in chunks]
    return torch.cat(rows), "pixels"


def _features(experiment: Experiment, data: ImageSet) -> Float[Tensor, "n d"] | None:
    """What a frozen network says of images, where the classifier reads that."""
    if experiment.coded is None or experiment.coded[0] != "x":
        return None
    return experiment.coded[1](data)
