"""Classes to draw: the options of recipes whose generators can be asked for one, and what is built by them.

A class is a sub-folder, a label of an .npz or .parquet file, of a CSV, or one attribute of CelebA. Which there are is
known before the networks are made: the training images are loaded for it, but for built-in sets.

An image without a label (one that the CSV lacks, or in a sub-folder `unlabelled`) is left out, and so is a class
without training images, and a test image of such a class. Each is said.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from energan.experiment import Experiment
from energan.utils.checks import not_negative
from energan.utils.errors import UserError
from energan.utils.specification import named

if TYPE_CHECKING:
    from torch import nn

    from energan.data import ImageSet
    from energan.engine.game import Game

NO_AUXILIARY = "`told` auxiliary is for dcgan-64, which it makes an ACGAN: use planes or projection here"

Told = Literal["planes", "projection", "auxiliary"]

Loader = Callable[..., "ImageSet"]  # (source, split, value_range=..., label=...)


class Asked(NamedTuple):
    """The classes that images are drawn of, and how the networks are told. Without names, nothing is asked for."""

    names: tuple[str, ...] = ()
    told: Told = "planes"
    embedding: int = 0

    def generator(
        self, make: "Callable[[int], nn.Module]", conditional: "Callable[[Any, int], nn.Module] | None" = None
    ) -> "nn.Module":
        """G, which takes the class after its noise; make(k) takes k more numbers of noise.

        conditional: of a G with a way of its own, (G, classes) -> what takes the class; else it is joined to the noise.
        """
        from energan.networks.layers.condition import Joined

        classes = len(self.names)
        if conditional is not None and classes:
            if self.embedding and self.told == "projection":
                raise UserError("`embedding` is of planes alone here: leave it out, or give `told` planes")
            return conditional(make(0), classes)
        return Joined(make(self.embedding or classes), classes, self.embedding) if classes else make(0)

    def critic(
        self,
        make: "Callable[[int], nn.Module]",
        projection: "Callable[[Any, int], nn.Module] | None" = None,
    ) -> "nn.Module":
        """D as it is told the class; make(k) takes k more channels.

        projection: of a D that is no `layers.condition.Critic`, its own; such a one has no auxiliary classifier.
        """
        from energan.networks.layers.condition import Auxiliary, Planes, Projection

        if not (classes := len(self.names)):
            return make(0)
        if self.told == "planes":
            return Planes(make(self.embedding or classes), classes, self.embedding)
        if self.told == "projection":
            return (projection or Projection)(make(0), classes)
        if projection is not None:
            raise UserError(NO_AUXILIARY)
        return Auxiliary(make(0), classes)

    def game(self, game: "Game", D: str = "D") -> "Game":
        """The game, whose players are told the class. UserError for an auxiliary classifier: that is another game."""
        from energan.games.conditional.conditional import conditional

        if not self.names:
            return game
        if self.told == "auxiliary":
            raise UserError(NO_AUXILIARY)
        return conditional(game, len(self.names), ("G", D))

    def shown(self, run: Experiment, images: Loader) -> Experiment:
        """The experiment, to which others' images are shown whatever their classes, as `images` loads them."""
        return run._replace(prepare_any=images) if self.names else run


NOBODY = Asked()


@dataclass(frozen=True, kw_only=True)
class Labels:
    """Where an image's class is written."""

    labels_csv: str = ""
    """A CSV with columns file and label, for a folder without class sub-folders."""
    attribute: str = ""
    """The attribute of CelebA that is the class, such as Smiling: those without it, and those with it."""

    @property
    def _told(self) -> Told:
        """How D is told the class."""
        return "planes"

    def asked(
        self,
        source: str,
        images: Loader,
        value_range: tuple[float, float] | None,
        *,
        only: tuple[str, ...] = (),
    ) -> tuple[Asked, Loader]:
        """The classes of `source`, whose images `images` loads, or `only` some of them; and what loads those.

        UserError for images without labels, and for fewer than two classes.
        """
        from energan.data import NAMED

        if self.labels_csv and self.attribute:
            raise UserError("`labels_csv` and `attribute` both say which class an image is of: give one")
        ways: dict[str, Any] = {"labels_csv": self.labels_csv, "attribute": self.attribute}
        ways |= {"only": tuple(only)} if self.labels_csv else {}  # else `images` chooses, unread files and all
        load: Loader = partial(_of_classes, images=images, **{k: v for k, v in ways.items() if v})
        if source in NAMED and NAMED[source].classes and not (only or any(ways.values())):
            names = NAMED[source].classes
        else:
            names = _present(load(source, "train", names=None, value_range=value_range), source)
        return Asked(names, self._told), partial(load, names=names)


@dataclass(frozen=True, kw_only=True)
class Classes(Labels):
    """Whether classes are drawn, and which."""

    classes: bool = False
    """Draw what is asked for: the images' classes are their sub-folders, labels, --labels-csv or --attribute."""
    embedding: int = 0
    """Numbers of the class's embedding in G (but FastGAN's), and in D's planes; 0: the class as it is, one-hot."""

    def asked(
        self,
        source: str,
        images: Loader,
        value_range: tuple[float, float] | None,
        *,
        only: tuple[str, ...] = (),
    ) -> tuple[Asked, Loader]:
        not_negative(embedding=self.embedding)
        if self.classes:
            asked, prepare = super().asked(source, images, value_range, only=only)
            return asked._replace(embedding=self.embedding), prepare
        given = {"labels_csv": self.labels_csv, "attribute": self.attribute, "embedding": self.embedding}
        if used := next((name for name, value in given.items() if value), ""):
            raise UserError(f"`{used}` says what classes are, and none are drawn: give `classes`, too")
        return NOBODY, images


@dataclass(frozen=True, kw_only=True)
class CriticClasses(Classes):
    """Classes to draw, and how a critic is told."""

    told: Told = "projection"
    """How D is told the class: planes beside the image, a projection, or not at all (auxiliary: it classifies)."""

    @property
    def _told(self) -> Told:
        return self.told


@named
def _of_classes(
    source: str,
    split: str,
    *,
    images: Loader,
    names: tuple[str, ...] | None,
    labels_csv: str = "",
    attribute: str = "",
    only: tuple[str, ...] = (),
    value_range: tuple[float, float] | None = None,
) -> "ImageSet":
    """The images of the classes `names`, numbered so; None: of all that have an image. only: of a CSV's classes.

    Those of a split other than train have no labels where it has none. UserError for training images without.
    """
    from energan.data.class_filter import only_images
    from energan.data.few_labels import unlabelled_class
    from energan.data.labels import labelled_by

    more: dict[str, Any] = {"label": attribute} if attribute else {"only": ()} if only else {}
    data = images(source, split, value_range=value_range, **more)
    if labels_csv:
        with suppress(*([] if split == "train" else [UserError])):  # a CSV may be of the training images alone
            data = labelled_by(data, Path(labels_csv), Path(source))
    if data.labels is None and split != "train":
        return data
    if data.labels is None:
        raise UserError(
            f"{data.name} has no labels to draw classes by: put its images into one sub-folder per class, or name "
            "a table with `labels_csv`"
        )
    data = unlabelled_class(data)
    if only:
        data = only_images(data, only)
    return _numbered(data, names)


def _numbered(data: "ImageSet", names: tuple[str, ...] | None) -> "ImageSet":
    """The images of the classes `names` alone, labelled by their places there. It is said how many are left out."""
    import torch

    from energan.data.decoding.listing import stamp
    from energan.data.image_set import NONE, rows_of
    from energan.utils.console import warn

    assert data.labels is not None
    counts = data.labels[data.labels != NONE].bincount(minlength=len(data.classes)).tolist()
    present = tuple(name for name, count in zip(data.classes, counts, strict=True) if count)
    if names is None:
        names = present
        if lacking := [name for name in data.classes if name not in present]:
            warn(f"no class, for want of training images: {listed(lacking)} of {data.name}")
    number = torch.tensor([*(names.index(name) if name in names else NONE for name in data.classes), NONE])
    labels = number[data.labels]
    rows = (labels != NONE).nonzero().squeeze(1)
    if unlabelled := int((data.labels == NONE).sum()):
        warn(f"left out of {data.place or data.name}: {unlabelled} images without a label")
    if strange := [name for name in present if name not in names]:
        count = len(data.images) - unlabelled - len(rows)
        warn(f"left out of {data.place or data.name}: {count} images of classes that training lacks: {listed(strange)}")
    if len(rows) == len(data.images):
        return data._replace(labels=labels, classes=names)
    if not len(rows):
        raise UserError(f"{data.place or data.name} has no image of {listed(names)}, the classes to draw")
    return rows_of(data, rows)._replace(
        labels=labels[rows],
        classes=names,
        source=f"{data.source}, {len(data.images) - len(rows)} of which have no class to draw and are left out",
        sha256=stamp(data.sha256, "of classes", *names),
    )


def _present(data: "ImageSet", source: str) -> tuple[str, ...]:
    """The classes of the training images. UserError for fewer than two; says which have one image, and which none."""
    from energan.utils.console import warn

    assert data.labels is not None
    if len(data.classes) < 2:
        raise UserError(f"{data.name} has one class only ({listed(data.classes)}): to draw by class takes two or more")
    alone = [name for name, n in zip(data.classes, data.labels.bincount().tolist(), strict=True) if n == 1]
    if alone:
        warn(f"one training image only, so all samples will be alike: {listed(alone)} of {data.name}")
    if empty := empty_folders(Path(source), data):
        warn(f"no class, for want of images: the empty folders {listed(empty)} of {data.name}")
    return data.classes


def empty_folders(folder: Path, data: "ImageSet") -> list[str]:
    """The folders beside those of the classes in which no file is."""
    from energan.data.formats.folders import printable

    if not folder.is_dir():
        return []
    parts = {Path(file).parts[:-1] for file in data.files}
    beside = {folder.joinpath(*at[: at.index(name)]) for name in data.classes for at in parts if name in at}
    inner = (each for place in beside if place.is_dir() for each in place.iterdir())
    empty = (each for each in inner if each.is_dir() and not any(path.is_file() for path in each.rglob("*")))
    return sorted(printable(each.name) for each in empty if not each.name.startswith("."))


def listed(names: "tuple[str, ...] | list[str]") -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
