"""Classifiers of all their labels: what plug and play inverts, and what steers it."""

from functools import partial
from typing import TYPE_CHECKING, Literal

from energan.experiment import Experiment
from energan.recipes.common import Data, Training, experiment
from energan.recipes.semi_supervised.labelled_data import labelled_images
from energan.utils.checks import at_least, fraction, positive
from energan.utils.errors import UserError
from energan.utils.specification import named

if TYPE_CHECKING:
    from energan.data import ImageSet


def encoder_mnist(
    *,
    data: Data = "mnist",
    net: Literal["thesis", "sgan"] = "thesis",
    merge: str = "",
    labels_csv: str = "",
    test: str = "",
    classes: int = 10,
    lr: float = 0.01,
    momentum: float = 0.5,
    training: Training = Training(steps=4685, batch=64, save_every=937),
) -> Experiment:
    """The classifier whose codes plug and play inverts: a convolutional net, on all labels.

    The default steps are the thesis' five epochs of MNIST. The error is tested, and a checkpoint written, each
    --save-every steps.

    Args:
        net: The thesis' net, of 7 x 7 kernels, or that of stacked GANs, of 5 x 5.
        merge: Classes that are put together, such as odd=1+3+5+7+9,even=0+2+4+6+8; empty for the images' own.
        labels_csv: A CSV with columns file and label, for a folder without class sub-folders.
        test: Labelled images to measure the error on, one sub-folder per class; by default those that --data holds out.
        classes: Classes of the images, before --merge.
        lr: SGD's learning rate.
        momentum: SGD's momentum.
    """
    from energan.engine.optimizers import SGD
    from energan.games.semi_supervised.classifier import classifier
    from energan.networks.pretrained import ENCODERS

    groups = _groups(merge)
    at_least(2, classes=classes)
    positive(lr=lr)
    fraction(momentum=momentum)
    with training.seeded():
        E = ENCODERS[net](len(groups) or classes)
    prepare = partial(labelled, labels_csv=labels_csv, classes=classes, groups=groups)
    game = classifier(E, optimizer_E=SGD(lr, momentum))
    return experiment(game, "classifier", data, prepare, training, network="")._replace(test=test)


def _groups(merge: str) -> dict[str, tuple[str, ...]]:
    """ "odd=1+3,even=0+2" -> {"odd": ("1", "3"), "even": ("0", "2")}. UserError for anything else."""
    from energan.data.splits.words import normal

    pairs = [part.partition("=") for part in normal(merge).split(",")] if merge else []
    groups = {name.strip(): tuple(filter(None, map(str.strip, members.split("+")))) for name, _, members in pairs}
    of = [member for members in groups.values() for member in members]
    if merge and (len(groups) < 2 or len(groups) < len(pairs) or not all(groups.values()) or not all(groups)):
        raise UserError(f"`merge` {merge!r} is not two classes or more such as odd=1+3+5,even=0+2+4")
    if len(set(of)) < len(of):
        raise UserError(f"`merge` {merge!r} puts a class into two")
    return groups


@named
def labelled(
    source: str,
    split: str,
    *,
    classes: int,
    labels_csv: str = "",
    groups: "dict[str, tuple[str, ...]] | None" = None,
    value_range: tuple[float, float] | None = None,
) -> "ImageSet":
    """28 x 28 grey images of so many classes, put together as `groups` says; test images may lack some.

    UserError for training images of another number of classes.
    """
    from energan.data.labels import merged

    data = labelled_images(source, split, labels_csv=labels_csv, size=28, channels=1, value_range=value_range)
    if split == "train" and len(data.classes) != classes:
        raise UserError(f"{data.name} has {len(data.classes)} classes: set `classes` to {len(data.classes)}")
    if not groups or data.labels is None:
        return data
    known = set(data.classes) if split != "train" else set().union(*groups.values())
    return merged(data, {name: [c for c in members if c in known] for name, members in groups.items()})
