"""The command `probe`: what a critic's features say of classes to a linear classifier with few labels."""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from energan.commands.open_run import open_model
from energan.utils.checks import at_least
from energan.utils.console import say
from energan.utils.errors import UserError

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from energan.commands.probe.given import Given
    from energan.data import ImageSet
    from energan.inference.critic import Critic
    from energan.inference.model import Model
    from energan.inference.probes.linear import Probed

VALIDATED = 2000  # training images that C is chosen by
PART = 5  # at most one training image in so many
TESTED = 10_000


class Chosen(NamedTuple):
    """Labelled images: of each draw of labels the rows of `taught`; those that C is chosen by; those of the test."""

    taught: "ImageSet"
    draws: "list[Tensor]"
    validation: "ImageSet"
    test: "ImageSet"
    where: str


def probe(
    run: str,
    /,
    *,
    labels: int = 1000,
    draws: int = 10,
    player: str = "",
    images: str = "",
    data: str = "",
    checkpoint: str = "",
    device: str = "auto",
) -> int:
    """Measure what a critic has learned of classes: a linear SVM on its features, taught by a few labels.

    The protocol of DCGAN's authors: every hidden layer of D (of an auto-encoder, those of its encoder), max-pooled to
    4 x 4, side by side; C by validation. Beside it, the same of the pixels, and of the critic before its training.

    Args:
        run: The run's folder.
        labels: Labelled training images, as many of each class.
        draws: How often labels are drawn: with the seeds 0, 1, ..., as --label-seed of classifiers draws them, but from
            the images that validation leaves.
        player: The player whose features these are; by default D, else the first one that takes images and draws none.
        images: Other labelled images, a folder, a file or a named set, to probe with; by default the run's own.
        data: Where the run's training images are now; by default where they were.
        checkpoint: "best", a step, or a path; the newest by default.
        device: cpu, cuda, cuda:1, or auto.
    """
    import torch

    from energan.commands.probe.given import given, keep, step_of
    from energan.inference.critic import critic_of, features
    from energan.inference.probes.linear import Rows, joined, scales
    from energan.inference.probes.linear import probe as probed
    from energan.runs.folder import RunFolder
    from energan.runs.probes import Finding, Number

    at_least(1, labels=labels, draws=draws)
    folder = Path(run)
    model, record = open_model(folder, "probe", checkpoint, device), RunFolder(folder).record
    assert model.shape is not None
    critic = critic_of(model.game, model.nets, model.shape, player)
    had = given(folder, record, data)
    chosen = _chosen(had, labels, draws, images)

    def errors(read: "list[list[Float[Tensor, 'n _']]]") -> "Probed":
        """read: layers of the taught images, of those of validation, and of the test."""
        by = scales(read[0])
        taught, validation, test = (joined(layers, by) for layers in read)
        sets = (chosen.taught, chosen.validation, chosen.test)
        known = [torch.empty(0) if each.labels is None else each.labels for each in sets]
        rows = [Rows(taught[i], known[0][i]) for i in chosen.draws]
        return probed(rows, Rows(validation, known[1]), Rows(test, known[2]))

    def of(critic: "Critic", model: "Model") -> "list[list[Tensor]]":
        return [features(critic, each.images, model.device) for each in (chosen.taught, chosen.validation, chosen.test)]

    pixels = [[each.images.flatten(1).float() / 255] for each in (chosen.taught, chosen.validation, chosen.test)]
    untrained = _untrained(had, str(model.device))
    before = critic_of(untrained.game, untrained.nets, model.shape, critic.name)
    found = {
        f"features of {critic.name}": errors(of(critic, model)),
        f"features of {critic.name} before its training": errors(of(before, untrained)),
        "pixels": errors(pixels),
    }
    numbers = [Number(f"error with {name}, %", _mean(each), _told(each)) for name, each in found.items()]
    shapes = ", ".join(" x ".join(map(str, layer.shape)) for layer in critic.layers)
    numbers.append(Number("layers", shapes, _about(critic)))
    first, second, third = (f"{_mean(each):.2f} ± {_deviation(each):.2f} %" for each in found.values())
    says = (
        f"With {labels} labels, a linear classifier on features of {critic.name} errs on {first} of "
        f"{len(chosen.test.images)} images ({chosen.where}); on features from before the training {second}, on pixels "
        f"{third}. Mean and standard deviation over {draws} draws of labels."
    )
    place = keep(folder, "probe", Finding("Linear probe", says, step_of(folder, checkpoint), numbers), None, 1, "")
    say(f"{says} {place}")
    return 0


def _mean(each: "Probed") -> float:
    return sum(each.errors) / len(each.errors)


def _deviation(each: "Probed") -> float:
    from statistics import pstdev

    return pstdev(each.errors)


def _told(each: "Probed") -> str:
    return f"± {_deviation(each):.2f} over {len(each.errors)} draws of labels; C = {each.C:g}"


def _about(critic: "Critic") -> str:
    told = "; it is told the mean of what it was told in training" if critic.told else ""
    return f"of {critic.name}, each max-pooled to 4 x 4{told}"


def _untrained(had: "Given", device: str) -> "Model":
    """The run's networks as they were before the first step, with their batch-norm statistics measured."""
    from energan.engine import Trainer
    from energan.inference.snapshot import snapshot

    experiment = had.experiment
    trainer = Trainer(experiment.game, experiment.batches(had.training), seed=experiment.seed, device=device)
    return snapshot(trainer, had.training.images, experiment.batch)


def _chosen(had: "Given", labels: int, draws: int, source: str) -> Chosen:
    """The labelled images, divided. UserError where there are too few of them, or no classes."""
    import torch

    from energan.capabilities.conditions.classes.labelled import fixed_order, labelled_images, of_classes
    from energan.data import held_out_split
    from energan.data.few_labels import balanced_subset
    from energan.data.image_set import fixed_subset, rows_of

    if source:
        split = held_out_split(source)
        given = had.experiment.given(source, "train")
        taught = of_classes(given, given.classes)
        test = taught if split is None else of_classes(had.experiment.given(source, split), given.classes)
        held_out, where = split is not None and len(test.images) > 0, f"of {source}"
    else:
        both = labelled_images(had.experiment, had.training)
        taught, test, held_out, where = both.taught, both.real, both.held_out, both.where
    if taught.labels is None or len(taught.classes) < 2 or not len(taught.images):
        raise UserError("a linear probe needs labelled images of two classes or more; `images` names others")
    order = fixed_order(len(taught.images))
    if source and not held_out:
        kept, order = order[: len(order) // PART], order[len(order) // PART :]
        test, where = rows_of(taught, kept.sort().values), f"{where}, a part that was kept"
    if not len(test.images):
        raise UserError("a linear probe needs labelled images to be judged by: there are none")
    count = min(VALIDATED, len(order) // PART)
    validation, taught = (rows_of(taught, rows.sort().values) for rows in (order[:count], order[count:]))
    test = rows_of(test, fixed_subset(len(test.images), TESTED))
    assert taught.labels is not None
    known, classes = taught.labels, len(taught.classes)
    kept_rows = [balanced_subset(known, labels, classes=classes, seed=i).indices for i in range(draws)]
    used = torch.cat(kept_rows).unique()
    again = [torch.searchsorted(used, rows) for rows in kept_rows]
    return Chosen(rows_of(taught, used), again, validation, test, where)
