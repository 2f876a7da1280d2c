"""Domain-adversarial training: a classifier for images of which nobody knows the labels (arXiv:1409.7495)."""

from functools import partial
from typing import TYPE_CHECKING, Annotated

from tyro.conf import arg

from energan.experiment import Experiment
from energan.recipes.common import Data, Training, experiment
from energan.recipes.semi_supervised.labelled_data import labelled_images
from energan.utils.checks import at_least, fraction, not_negative, positive
from energan.utils.errors import UserError
from energan.utils.specification import named

if TYPE_CHECKING:
    from energan.data import ImageSet

Target = Annotated[str, arg(help="Images of the target domain: a named set or your own; their labels are never read.")]


def dann_mnist(
    *,
    data: Data = "mnist",
    target: Target = "mnist-m",
    test: str = "",
    labels_csv: str = "",
    weight: float = 1.0,
    classes: int = 10,
    size: int = 28,
    channels: int = 3,
    horizon: int = 0,
    lr: float = 0.01,
    momentum: float = 0.9,
    training: Training = Training(steps=5000, batch=64, save_every=1000),
) -> Experiment:
    """DANN: learns the labels of one domain, and features that do not say of which domain an image is.

    A step is one turn of all players on as many images of either domain. --weight 0 is the classifier of the source
    alone; it and a run on the target's own labels (--data mnist-m --target mnist) are what an adapted one is between.

    Args:
        test: Labelled images to measure the error on, one sub-folder per class; by default what --target holds out,
            where it has labels, else what --data holds out, which says nothing of the target: the run names them.
        labels_csv: A CSV with columns file and label, for a folder of the source without class sub-folders.
        weight: How much the features go against the discriminator of domains at the end; 0: not at all.
        horizon: Steps over which the weight is reached and the learning rate falls; 0: all.
        classes: Classes of the source's images.
        size: Pixels a side.
        channels: 3 for colour, 1 for grey.
        lr: SGD's learning rate at the start; it falls as the authors' does.
        momentum: SGD's momentum.
    """
    from energan.engine.optimizers import SGD, inverse_decay, step_at
    from energan.games.adaptation.dann import dann
    from energan.networks.conv import dann as nets

    at_least(2, classes=classes, size=size)
    positive(lr=lr, steps=training.steps)
    not_negative(weight=weight, horizon=horizon)
    fraction(momentum=momentum)
    with training.seeded():
        E = nets.encoder(channels=channels, size=size)
        C, D = nets.classifier(classes, size=size), nets.domain_critic(size=size)
    span = horizon or step_at(1.0, training.steps)
    sgd = SGD(lr, momentum, schedule=inverse_decay(span))
    rates = {f"optimizer_{name}": sgd for name in "ECD"}
    game = dann(E, C, D, span=span, weight=weight, **rates)
    prepare = partial(both_domains, target=target, labels_csv=labels_csv, classes=classes, size=size, channels=channels)
    run = experiment(game, "dann", data, prepare, training, network="")
    return run._replace(test=test or measured_on(target), domains=True)


def measured_on(target: str) -> str:
    """The target, where it has labels to measure by; else "", the source."""
    from pathlib import Path

    from energan.data import NAMED

    folder = Path(target)
    labelled = folder.is_dir() and any(path.is_dir() and not path.name.startswith(".") for path in folder.iterdir())
    return target if target in NAMED or labelled else ""


@named
def both_domains(
    source: str,
    split: str,
    *,
    target: str,
    labels_csv: str,
    classes: int,
    size: int,
    channels: int,
    value_range: tuple[float, float] | None = None,
) -> "ImageSet":
    """For training the source's images with their labels, then the target's without; else one set as it is.

    Both are read by one range of values, into bytes. UserError for a source of other classes, or one without a label.
    """
    from hashlib import sha256
    from itertools import compress

    import torch

    from energan.data import load
    from energan.data.image_set import NONE, ImageSet

    data = labelled_images(source, split, labels_csv=labels_csv, size=size, channels=channels, value_range=value_range)
    if split != "train":
        return data
    if len(data.classes) != classes:
        raise UserError(f"{data.name} has {len(data.classes)} classes: set `classes` to {len(data.classes)}")
    other = load(target, split, size=size, channels=channels, value_range=data.value_range or value_range)
    assert data.labels is not None
    known = data.labels != NONE  # else an image of the source without a label would be taken for one of the target
    files = (*compress(data.files, known.tolist()), *other.files) if data.files and other.files else ()
    return ImageSet(
        images=torch.cat([data.images[known], other.images]),
        labels=torch.cat([data.labels[known], torch.full((len(other.images),), NONE)]),
        name=f"{data.name} to {other.name}",
        classes=data.classes,
        source=f"{data.source}, with labels; {other.source}, without",
        sha256=sha256(f"{data.sha256} {other.sha256}".encode()).hexdigest(),
        skipped=(*data.skipped, *other.skipped),
        files=files,
        place=f"{data.counted} with labels and {other.counted} without",
        value_range=data.value_range,
    )
