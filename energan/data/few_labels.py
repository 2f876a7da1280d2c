"""Few labels and many images: chooses labels, and batches both. A label of -1 is none.

data = unlabelled_class(load("pets"))                                       # the folder "unlabelled" is no class
few = balanced_subset(digits.labels, 100, classes=10, seed=3)               # 10 labels a class; few.indices: which
source = LabelledBatches(digits.images, few.labels, classes=10, labelled=100, unlabelled=100, seed=0)

Images keep their shape here. Where they are to be flat vectors (permutation-invariant MNIST), the net flattens them:
networks.dense.ladder.Ladder does.
"""

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int64, Shaped, UInt8
from numpy import ndarray as Array
from torch import Tensor

from energan.data.batches.epochs import Epochs, permutation, seeded_by
from energan.data.batches.images import VIEWS, seen, shared_copy, view_numbers
from energan.data.image_set import NONE, ImageSet
from energan.utils.errors import UserError

FOLDERS = ("unlabelled", "unlabeled")  # names of the class that is none, in any case

OTHER = 1 << 62  # added to the seed: otherwise x and u would be the same rows when all images are labelled


class Subset(NamedTuple):
    """The labels that a semi-supervised run may use; recorded, since the choice explains much of a result's spread."""

    labels: Int64[Tensor, " n"]  # -1 where hidden
    indices: Int64[Tensor, " kept"]  # of the images whose labels are kept, ascending
    seed: int


def balanced_subset(labels: Int64[Tensor, " n"], keep: int, *, classes: int, seed: int) -> Subset:
    """Keeps the same number of labels of each class (100 of MNIST are 10 of each) and hides the others.

    With one seed, a smaller subset is part of each larger one.

    Args:
        labels: (n,), 0..classes-1, or -1, which stays so.
        keep: how many labels to keep, a multiple of `classes`.
        classes: how many there are.
        seed: of the choice, apart from the run's.

    Returns:
        The labels, -1 where hidden, and the indices of those kept.

    Raises:
        UserError: unless `keep` is a multiple of `classes`, for a class with too few images, and for other labels.

    Example:
        >>> few = balanced_subset(torch.arange(10).repeat(3), 20, classes=10, seed=0)
        >>> len(few.indices), few.labels[few.indices].bincount().tolist()
        (20, [2, 2, 2, 2, 2, 2, 2, 2, 2, 2])
    """
    _check(labels, len(labels), classes)
    each, left = divmod(keep, classes)
    if each < 1 or left:
        raise UserError(f"{keep} labels cannot be shared evenly by {classes} classes: keep a multiple of {classes}")
    kept = []
    for number in range(classes):
        members = (labels == number).nonzero().squeeze(1)
        if len(members) < each:
            raise UserError(
                f"class {number} has {len(members)} labelled images, fewer than the {each} to keep: "
                f"keep {len(members) * classes} labels or fewer"
            )
        kept.append(members[permutation(len(members), seed, number).to(members.device)[:each]])
    indices = torch.cat(kept).sort().values
    hidden = torch.full_like(labels, NONE)
    hidden[indices] = labels[indices]
    return Subset(hidden, indices, seed)


def held_out(labels: Int64[Tensor, " n"], share: float, seed: int) -> Int64[Tensor, " held"]:
    """Indices, ascending, of labelled images to keep out of the training: this share of each class, rounded down.

    Args:
        labels: (n,), -1 where there is none.
        share: of each class, in [0, 1); one image at least of each class stays.
        seed: of the choice.

    Example:
        >>> held_out(torch.tensor([0, 0, 0, 0, 1, 1, -1]), 0.5, seed=0).tolist()
        [0, 3, 5]
    """
    found = [torch.zeros(0, dtype=torch.int64)]
    for number in labels[labels != NONE].unique().tolist():
        members = (labels == number).nonzero().squeeze(1).cpu()
        order = permutation(len(members), seed + OTHER, number)
        found.append(members[order[: int(share * len(members))]])
    return torch.cat(found).sort().values


def unlabelled_class(data: ImageSet) -> ImageSet:
    """Gives the images of the class "unlabelled" (or "unlabeled") the label -1, and renumbers the other classes.

    For a folder with one sub-folder per class and one of that name; data without such a class are returned as they
    are. UserError for images without labels, and if no class is left.
    """
    if data.labels is None:
        raise UserError(f"{data.name} has no labels: put its images into one sub-folder per class and {FOLDERS[0]}")
    named = [name.lower() not in FOLDERS for name in data.classes]
    if all(named):
        return data
    if not any(named):
        raise UserError(f"{data.name} has no labelled images: put some into sub-folders called as their classes")
    numbers = torch.tensor([*(sum(named[:i]) if kept else NONE for i, kept in enumerate(named)), NONE])  # -1 stays so
    classes = tuple(name for name, kept in zip(data.classes, named, strict=True) if kept)
    return data._replace(labels=numbers[data.labels], classes=classes)


def numbered(y: Shaped[Array, " n"]) -> tuple[Int64[Tensor, " n"], Shaped[Array, " classes"]]:
    """Labels 0..k-1, or -1, and the k classes in their order, of an array of integers or text.

    scikit-learn's convention: -1 stands for no label (-1 or "-1" among text). UserError for an array of other
    dimensions, for fractions, for text beside numbers, for None, and without a label.
    """
    y = np.asarray(y)
    if y.ndim != 1:
        raise UserError(f"labels are one number each, not an array of shape {y.shape}")
    if y.dtype.kind == "f" and not (y == np.floor(y)).all():
        raise UserError("labels are whole numbers or text, and these have fractions or are NaN")
    values: list[Any] = y.tolist()
    kinds = {str if isinstance(value, str) else type(value) for value in values if value not in (NONE, str(NONE))}
    if y.dtype.kind == "O" and (type(None) in kinds or (str in kinds and len(kinds) > 1)):
        raise UserError("labels are whole numbers or text, -1 where there is none, and these are of several kinds")
    labelled = np.array([value not in (NONE, str(NONE)) for value in values], bool)
    if not labelled.any():
        raise UserError("no image has a label: every one is -1")
    classes, numbers = np.unique(y[labelled], return_inverse=True)
    labels = np.full(len(y), NONE, np.int64)
    labels[labelled] = numbers
    return torch.from_numpy(labels), classes


class LabelledBatches:
    """Batches of few labels and many images: k -> {"x", "y", "u"}, a pure function of (seed, k).

    The labelled images go round: each pass is a fresh permutation, and a batch may span passes, or hold an image more
    than once where there are fewer than `labelled`. Unlabelled ones come from all images, those with labels too (as in
    the ladder's and improved GAN's protocols), as `Batches` draws them; or from those without, where they are `apart`.

    Args:
        images: bytes (n, c, h, w).
        labels: (n,), 0..classes-1, or -1 for images without one.
        classes: how many there are.
        labelled: labelled rows a batch.
        unlabelled: unlabelled rows a batch.
        seed: of the permutations.
        apart: unlabelled images are of another domain than labelled ones.
        balanced: each class is shown as often as the largest one: a pass shows images of smaller classes repeatedly.
        flip: half of the images, chosen anew each time, are mirrored left to right.
        augment: names of `diffaugment.AUGMENTATIONS`.
        codes: () -> a row for each image that batches hold in its place, such as a frozen network's features (n, d);
            called at the first batch. Codes are neither mirrored nor augmented.

    Raises:
        UserError: for labels of another number or range, without any label, and for batches that cannot be filled.

    Example:
        >>> images, labels = torch.zeros(8, 1, 4, 4, dtype=torch.uint8), torch.tensor([0, 1, -1, -1, -1, -1, -1, -1])
        >>> source = LabelledBatches(images, labels, classes=2, labelled=3, unlabelled=5, seed=0)
        >>> {name: tuple(x.shape) for name, x in source(0).items()}
        {'x': (3, 1, 4, 4), 'y': (3, 2), 'u': (5, 1, 4, 4)}
    """

    def __init__(
        self,
        images: UInt8[Tensor, "n c h w"],
        labels: Int64[Tensor, " n"],
        *,
        classes: int,
        labelled: int,
        unlabelled: int,
        seed: int,
        apart: bool = False,
        balanced: bool = False,
        flip: bool = False,
        augment: Sequence[str] = (),
        codes: Callable[[], Float[Tensor, "n d"]] | None = None,
    ) -> None:
        _check(labels, len(images), classes)
        if codes is not None and (flip or augment):
            raise UserError("features are computed once, of images as they are: leave out `flip` and `augment`")
        if labelled < 1:
            raise UserError(f"a batch of {labelled} labelled images cannot be drawn: ask for 1 or more")
        self.indices = (labels != NONE).nonzero().squeeze(1).cpu()  # of the labelled images
        if not len(self.indices):
            raise UserError("no image has a label: every one is -1")
        if balanced:
            self.indices = _repeated(self.indices, labels[self.indices.to(labels.device)].cpu())
        self.images, self.labels, self.classes, self.labelled, self.seed = images, labels, classes, labelled, seed
        self.flip, self.augment = flip, tuple(augment)
        self._numbers = view_numbers(None, flip, augment)
        self._make = codes
        self._codes: Tensor | None = None
        self._others = (labels == NONE).nonzero().squeeze(1).cpu() if apart else torch.arange(len(images))
        if len(self._others) < unlabelled:
            raise UserError(
                f"a batch of {unlabelled} unlabelled images cannot be drawn from {len(self._others)}: lower `batch`"
            )
        self._unlabelled = Epochs(len(self._others), unlabelled, seed)
        self._orders: dict[int, Tensor] = {}  # of the passes that the last batch was of

    def epoch(self, k: int) -> int:
        """The number (from 0) of the pass over all images that batch k belongs to."""
        return self._unlabelled.epoch(k)

    def __call__(self, k: int) -> dict[str, Tensor]:
        """{"x": labelled images (labelled, c, h, w), "y": their labels, one-hot float32 (labelled, classes),
        "u": unlabelled images (unlabelled, c, h, w)}; images are float32 in [-1, 1], channels last; or their codes.

        "x" comes first: the engine draws as many rows of a game's noise as it has.
        """
        return self.gathered({name: v.to(self.images.device) for name, v in self.chosen(k).items()})

    def chosen(self, k: int) -> dict[str, Tensor]:
        """rows, unlabelled: indices of batch k's images, (labelled,) and (unlabelled,) int64; where they are mirrored
        or augmented, uniform numbers for each. On the CPU."""
        if self._make is not None and self._codes is None:
            self._codes = self._make().to(self.images.device)
        unlabelled = self._others[self._unlabelled.rows(k)]
        chosen = {"rows": self.indices[self._rows(k)], "unlabelled": unlabelled}
        if self._numbers:
            generator = seeded_by(self.seed, k, VIEWS)
            views = {
                f"views of {name}": torch.rand(len(rows), self._numbers, generator=generator)
                for name, rows in chosen.items()
            }
            chosen |= views
        return chosen

    def gathered(self, chosen: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The batch of these rows, where the images are: what a call returns. Nobody waits for a value."""
        x, u = (self._seen(chosen[name], chosen.get(f"views of {name}")) for name in ("rows", "unlabelled"))
        labels = self.labels.index_select(0, chosen["rows"])
        y = (labels[:, None] == torch.arange(self.classes, device=labels.device)).to(torch.float32)
        return {"x": x, "y": y, "u": u}

    @property
    def device(self) -> torch.device:
        """Where the images are."""
        return self.images.device

    @property
    def nbytes(self) -> int:
        """Bytes of the images."""
        return self.images.nbytes

    def to(self, device: str | torch.device) -> "LabelledBatches":
        """The same batches, of images and labels on the device."""
        moved = copy(self)
        moved.images, moved.labels = shared_copy(self.images, torch.device(device)), self.labels.to(device)
        moved._codes = None if self._codes is None else self._codes.to(device)
        return moved

    def _seen(self, rows: Tensor, views: Tensor | None) -> Tensor:
        if self._codes is not None:
            return self._codes.index_select(0, rows)
        return seen(self.images, rows, views, flip=self.flip, augment=self.augment)

    def _rows(self, k: int) -> Int64[Tensor, " labelled"]:
        """The places, among the labelled images, of batch k's rows."""
        n, start = len(self.indices), k * self.labelled
        passes = range(start // n, (start + self.labelled - 1) // n + 1)
        kept = self._orders
        self._orders = {e: kept[e] if e in kept else permutation(n, self.seed + OTHER, e) for e in passes}
        first = start - passes[0] * n
        return torch.cat(list(self._orders.values()))[first : first + self.labelled]


def _repeated(indices: Int64[Tensor, " n"], labels: Int64[Tensor, " n"]) -> Int64[Tensor, " m"]:
    """The indices, those of smaller classes repeated until each class has as many as the largest."""
    members = [indices[labels == number] for number in labels.unique()]
    most = max(map(len, members))
    return torch.cat([each[torch.arange(most) % len(each)] for each in members])


def _check(labels: Tensor, n: int, classes: int) -> None:
    """UserError unless there is one label for each of n images, -1 or 0..classes-1."""
    if labels.shape != (n,):
        raise UserError(f"{n} images need as many labels, not an array of shape {tuple(labels.shape)}")
    if labels.is_floating_point():
        raise UserError(f"labels are whole numbers, not {labels.dtype}")
    if n and not NONE <= int(labels.min()) <= int(labels.max()) < classes:
        low, high = int(labels.min()), int(labels.max())
        raise UserError(f"labels are -1 (none) or 0..{classes - 1}, and these are {low}..{high}")
