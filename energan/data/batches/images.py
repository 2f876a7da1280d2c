"""Batches as a pure function of (seed, k), so that a resumed run gets the same ones."""

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from weakref import ref

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from energan.data.batches.epochs import Epochs, seeded_by
from energan.data.diffaugment import augment as augmented
from energan.data.diffaugment import numbers
from energan.data.image_set import ImageSet, rows_of
from energan.data.pixels import to_unit
from energan.utils.checks import at_least
from energan.utils.errors import UserError

WITHHELD = 2  # as VIEWS, for images that are withheld

VIEWS = 1  # beside (seed, k), so that views have nothing in common with the order of epoch k


class Batches:
    """Batches of images: `Batches(images, labels, batch, seed)(k)` is the k-th, a pure function of (seed, k).

    Each epoch goes through a fresh permutation, seeded by (seed, epoch). The images left over at its end, which do not
    fill a batch, are skipped in it. Consecutive k's cost one gather each.

    Args:
        images: bytes (n, c, h, w).
        labels: (n,), 0..classes-1, or -1 for an image without one; None: batches have no "y".
        batch: images a batch.
        seed: of the permutations and of the views.
        classes: how many there are; 0: as many as the labels have.
        crop: pixels a side; each time a new square of each image is cropped (64 of 96: "augmented LSUN").
        flip: half of the images, chosen anew each time, are mirrored left to right.
        augment: names of `diffaugment.AUGMENTATIONS`, for a game whose generator is `Augmented` by the same.
        withheld: every so manyth image is never in x; batches have as many of these as v. 0: none is withheld.

    Raises:
        UserError: for fewer images than `batch`, a crop that does not fit, or an unknown augmentation.

    Example:
        >>> batches = Batches(torch.zeros(10, 1, 8, 8, dtype=torch.uint8), torch.arange(10), batch=4, seed=0)
        >>> {name: tuple(x.shape) for name, x in batches(0).items()}, batches.per_epoch
        ({'x': (4, 1, 8, 8), 'y': (4, 10)}, 2)
    """

    def __init__(
        self,
        images: UInt8[Tensor, "n c h w"],
        labels: Int64[Tensor, " n"] | None,
        batch: int,
        seed: int,
        classes: int = 0,
        *,
        crop: int | None = None,
        flip: bool = False,
        augment: Sequence[str] = (),
        withheld: int = 0,
    ) -> None:
        at_least(1, batch=batch)
        rows = torch.arange(len(images))
        self._held = rows[withheld - 1 :: withheld] if withheld else rows[:0]
        self._kept = rows[(rows + 1) % withheld != 0] if withheld else None
        n = len(images) - len(self._held)
        if batch > n:
            said = f"{n} images, without those withheld" if withheld else f"{n} images"
            raise UserError(f"a batch of {batch} cannot be drawn from {said}: lower `batch` to {n} or less")
        self.images, self.labels, self.batch, self.seed = images, labels, batch, seed
        _check(images, crop)
        self.crop, self.flip, self.augment = crop, flip, tuple(augment)
        self._numbers = view_numbers(crop, flip, augment)
        self._epochs = Epochs(n, batch, seed)
        self.per_epoch = self._epochs.per_epoch
        if labels is not None:
            self._classes = torch.arange(classes or int(labels.max()) + 1, device=labels.device)

    def epoch(self, k: int) -> int:
        """The number (from 0) of the pass over the data that batch k belongs to."""
        return self._epochs.epoch(k)

    def __call__(self, k: int) -> dict[str, Tensor]:
        """x: float32 (batch, c, h, w) in [-1, 1], channels last; with labels, y: one-hot float32 (batch, classes).

        A row of y is 0 for an image without a label (-1). Augmented colours may leave [-1, 1].
        """
        return self.gathered({name: v.to(self.images.device) for name, v in self.chosen(k).items()})

    def chosen(self, k: int) -> dict[str, Tensor]:
        """rows: indices of batch k's images, (batch,) int64; where they are cropped, flipped or augmented, u: uniform
        numbers (batch, ...). On the CPU."""
        chosen = {"rows": self.rows(k)}
        if self._numbers:
            chosen["u"] = torch.rand(self.batch, self._numbers, generator=seeded_by(self.seed, k, VIEWS))
        if len(self._held):
            drawn = seeded_by(self.seed, k, WITHHELD)
            chosen["held"] = self._held[torch.randint(len(self._held), (self.batch,), generator=drawn)]
            if self._numbers:
                chosen["held u"] = torch.rand(self.batch, self._numbers, generator=drawn)
        return chosen

    def gathered(self, chosen: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The batch of these rows, where the images are: what a call returns. Nobody waits for a value."""
        drawn = {"x": self._seen(chosen["rows"], chosen.get("u"))}
        if "held" in chosen:
            drawn["v"] = self._seen(chosen["held"], chosen.get("held u"))
        if self.labels is not None:
            labels = self.labels.index_select(0, chosen["rows"])
            drawn["y"] = (labels[:, None] == self._classes).to(torch.float32)
        return drawn

    @property
    def device(self) -> torch.device:
        """Where the images are."""
        return self.images.device

    @property
    def nbytes(self) -> int:
        """Bytes of the images."""
        return self.images.nbytes

    def to(self, device: str | torch.device) -> "Batches":
        """The same batches, of images and labels on the device."""
        moved = copy(self)
        moved.images = shared_copy(self.images, torch.device(device))
        if self.labels is not None:
            moved.labels, moved._classes = self.labels.to(device), self._classes.to(device)
        return moved

    def _seen(
        self, chosen: Int64[Tensor, " batch"], u: Float[Tensor, "batch numbers"] | None
    ) -> Float[Tensor, "batch c h w"]:
        """The chosen images with their crops, flips and augmentations."""
        return seen(self.images, chosen, u, crop=self.crop, flip=self.flip, augment=self.augment)

    def rows(self, k: int) -> Int64[Tensor, " batch"]:
        """The indices of batch k's images."""
        rows = self._epochs.rows(k)
        return rows if self._kept is None else self._kept[rows]


def view_numbers(crop: int | None, flip: bool, augment: Sequence[str]) -> int:
    """How many uniform numbers `seen` takes for an image. UserError for an unknown augmentation."""
    return (3 + numbers(augment)) if crop or flip or augment else 0


def seen(
    images: UInt8[Tensor, "n c h w"],
    chosen: Int64[Tensor, " batch"],
    u: Float[Tensor, "batch numbers"] | None,
    *,
    crop: int | None = None,
    flip: bool = False,
    augment: Sequence[str] = (),
) -> Float[Tensor, "batch c h w"]:
    """The chosen images in [-1, 1] with their crops, flips and augmentations; u in [0, 1): `view_numbers` of each."""
    if u is None:
        return to_unit(images.index_select(0, chosen))
    x = cropped(images, chosen, u[:, 1:3], crop) if crop else images.index_select(0, chosen)
    if flip:
        x = torch.where((u[:, 0] < 0.5)[:, None, None, None], x.flip(3), x)
    return augmented(to_unit(x), u[:, 3:], augment)


class Coded:
    """Batches with one more key: a frozen net's output for each image, computed once for all images.

    codes  () -> (n, *d), one for each of the batches' images; called at the first batch
    """

    def __init__(self, batches: Batches, key: str, codes: Callable[[], Float[Tensor, " n *d"]]) -> None:
        self._batches, self._key, self._make = batches, key, codes
        self._codes: Tensor | None = None

    def __call__(self, k: int) -> dict[str, Tensor]:
        """As Batches, and `key`: (batch, *d)."""
        images = self._batches.images
        return self.gathered({name: v.to(images.device) for name, v in self.chosen(k).items()})

    def chosen(self, k: int) -> dict[str, Tensor]:
        """As Batches."""
        if self._codes is None:
            self._codes = self._make().to(self._batches.images.device)
        return self._batches.chosen(k)

    def gathered(self, chosen: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """As Batches, and `key`."""
        assert self._codes is not None  # something was chosen before
        return {**self._batches.gathered(chosen), self._key: self._codes.index_select(0, chosen["rows"])}

    @property
    def device(self) -> torch.device:
        """Where the images are."""
        return self._batches.device

    @property
    def nbytes(self) -> int:
        """Bytes of the images; codes, which are few, are not yet known."""
        return self._batches.nbytes

    def to(self, device: str | torch.device) -> "Coded":
        """The same batches, of images on the device; codes follow them."""
        return Coded(self._batches.to(device), self._key, self._make)


def random_images(images: UInt8[Tensor, "n c h w"], n: int) -> Float[Tensor, "k c h w"]:
    """n of the images (all, where there are fewer) in [-1, 1], drawn by torch's global generator."""
    return to_unit(images[torch.randperm(len(images))[:n]])


def cropped(
    images: UInt8[Tensor, "n c h w"],
    chosen: Int64[Tensor, " batch"],
    u: Float[Tensor, "batch 2"],
    side: int,
    every: int = 1,
) -> UInt8[Tensor, "batch c side side"]:
    """A square of each chosen image; u in [0, 1) is its place: (0, 0) is the upper left corner.

    every: pixels between two places where a square may begin.
    """
    h, w = images.shape[2:]
    top, left = ((u[:, i] * ((length - side) // every + 1)).long() * every for i, length in enumerate((h, w)))
    # a view in which each place has its square: one gather reads no more than the squares
    return images.unfold(2, side, 1).unfold(3, side, 1)[chosen, :, top, left]


def patches(data: ImageSet, side: int, seed: int = 0, rows: Int64[Tensor, " k"] | None = None) -> ImageSet:
    """Crops one square of each image, at a place chosen once: the references of a generator of patches.

    Args:
        data: images (n, c, h, w).
        side: pixels a side of the squares.
        seed: of the places.
        rows: indices (k,) of the images to crop; None: all.

    Returns:
        The set with images (k, c, side, side).

    Raises:
        UserError: for a side that does not fit.

    Example:
        >>> data = ImageSet(torch.zeros(5, 3, 16, 16, dtype=torch.uint8), None, "blank", (), "made here", "", ())
        >>> tuple(patches(data, 8, rows=torch.tensor([0, 2])).images.shape)
        (2, 3, 8, 8)
    """
    _check(data.images, side)
    u = torch.rand(len(data.images), 2, generator=seeded_by(seed, 0, VIEWS)).to(data.images.device)
    rows = torch.arange(len(data.images)) if rows is None else rows
    words = f"{data.source}, a patch of {side} x {side} of each"
    images = cropped(data.images, rows.to(data.images.device), u[rows], side)
    return rows_of(data, rows, images)._replace(source=words)


_copies = WeakTensorKeyDictionary()  # images -> a weak reference to their copy on another device


def shared_copy(images: UInt8[Tensor, "n c h w"], device: torch.device) -> UInt8[Tensor, "n c h w"]:
    """The images on the device. Sources of the same images, as those of an Ensemble, share one copy."""
    known = _copies.get(images)
    copied = known() if known else None
    # what is moved to "cuda" says that it is on "cuda:0"
    if copied is None or copied.device.type != device.type or device.index not in (None, copied.device.index):
        copied = images.to(device)
        _copies[images] = ref(copied)
    return copied


def _check(images: UInt8[Tensor, "n c h w"], crop: int | None) -> None:
    h, w = images.shape[2:]
    if crop is not None and not 1 <= crop <= min(h, w):
        raise UserError(f"squares of {crop} pixels a side cannot be cropped from images of {h} x {w}: lower `crop`")
