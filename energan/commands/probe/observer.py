"""Who says what samples show: a classifier of classes, or the judge of worded digits."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from energan.utils.errors import UserError, printable

if TYPE_CHECKING:
    from jaxtyping import Int64, UInt8
    from torch import Tensor

    from energan.capabilities.conditions.classes.judge import Judge
    from energan.commands.probe.given import Given

JUDGED = 5000  # real images that the judge is measured on

Seen = Callable[["UInt8[Tensor, 'n c h w']"], "Int64[Tensor, ' n']"]


class Observer(NamedTuple):
    """Who says what samples show.

    name, value: the feature, and its number in the first column of what is seen. see: images -> facts of each, of which
    the first is the one that the feature is a value of. about: who it is; trusted: how far, in words.
    """

    name: str
    value: int
    see: Callable[["Tensor"], "Tensor"]
    about: str
    trusted: str


def observer_of(had: "Given", feature: str, folder: Path) -> Observer:
    """Who sees the feature: of worded digits, the judge of words; else a classifier of the run's classes.

    UserError where nobody can, and for a feature that there is not.
    """
    from energan.explore.class_names import parse_classes

    if had.experiment.source == "worded-mnist":
        return of_words(feature)
    classes = had.training.classes
    if len(classes) < 2:
        raise UserError(f"the images of {folder} have no classes: there is nothing that a classifier could tell it by")
    chosen = parse_classes(feature, classes)
    if len(chosen) > 1:
        raise UserError(f"`feature` {feature}: one class is forgotten at a time")
    judge, see = judge_by(had, folder)
    trusted = f"recognises {100 * judge.accuracy:.1f} % of {judge.images} {judge.where}"
    return Observer(classes[chosen[0]], chosen[0], lambda images: see(images)[:, None], judge.about, trusted)


def of_words(feature: str) -> Observer:
    """The judge of worded digits. UserError for what is no word of theirs."""
    import torch

    from energan.data.named.captioned.wording import FACTS, VALUES
    from energan.metrics.worded import judge

    of = next((fact for fact in FACTS if feature in VALUES[fact]), None)
    if of is None:
        known = ", ".join(value for fact in FACTS for value in VALUES[fact])
        raise UserError(f"`feature` {printable(feature)!r} is none that the judge of worded digits sees: {known}")
    order = (of, *(fact for fact in FACTS if fact != of))

    def see(images: "Tensor") -> "Tensor":
        return torch.tensor([[VALUES[fact].index(getattr(facts, fact)) for fact in order] for facts in judge(images)])

    told = "reads colour, thickness, slant, place and digit from the pixels; docs/data.md says how often it errs"
    return Observer(feature, VALUES[of].index(feature), see, "the judge of worded digits", told)


def judge_by(had: "Given", folder: Path) -> tuple["Judge", Seen]:
    """The judge of the run's classes, and what it sees in images. UserError where there is none."""
    from energan.capabilities.conditions.classes.judge import judge_of
    from energan.capabilities.conditions.classes.labelled import labelled_images
    from energan.data.image_set import fixed_subset, rows_of
    from energan.metrics.features.catalog import describe

    network = had.experiment.network
    if not network:
        raise UserError(f"{folder} has no feature network that a classifier could see its samples by")
    images = labelled_images(had.experiment, had.training)
    images = images._replace(real=rows_of(images.real, fixed_subset(len(images.real.images), JUDGED)))
    judge = judge_of(images, describe(images.real.images, network), network) if len(images.real.images) else None
    if judge is None:
        raise UserError(f"the images of {folder} have too few labels to teach a classifier that sees its samples")
    predict = judge.predict
    return judge, lambda some: predict(describe(some, network))
