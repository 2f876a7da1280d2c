"""Batches of pictures of two domains: what images are, and what they are to become."""

from collections.abc import Mapping
from copy import copy

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from energan.data.batches.epochs import Epochs, seeded_by
from energan.data.batches.images import VIEWS, cropped, shared_copy
from energan.data.image_set import ImageSet, rows_of
from energan.data.pixels import to_unit
from energan.utils.checks import at_least
from energan.utils.errors import UserError

OTHERS = 3  # beside (seed, k): views of targets that are no image's own have nothing in common with those of images

OTHER = 1 << 61  # added to the seed: the order of targets that are no image's own has nothing in common with images'


class Pairs:
    """Batches of x and y, a pure function of (seed, k): y is what x is to become, or any picture of the other domain.

    Of a pair both are cropped at the same place and mirrored alike. Where they are unpaired, each is drawn, cropped and
    mirrored by itself; the smaller domain begins its next epoch sooner.

    Args:
        images: bytes (n, c, h, w), of x.
        targets: bytes (m, c2, h2, w2), of y; of pairs m is n, and the sides are one multiple of the images'.
        batch: of either a batch.
        seed: of the permutations and of the views.
        paired: whether target i belongs to image i.
        crop: pixels a side of x; each time a new square is cropped. Of y it is as many times larger as y is.
        flip: half of the images, chosen anew each time, are mirrored left to right.

    Raises:
        UserError: for fewer images of either than `batch`, pairs of which one is missing or of no common scale, and a
            crop that does not fit.

    Example:
        >>> x, y = (torch.zeros(10, 1, side, side, dtype=torch.uint8) for side in (8, 16))
        >>> batches = Pairs(x, y, batch=4, seed=0, crop=4)
        >>> {name: tuple(x.shape) for name, x in batches(0).items()}
        {'x': (4, 1, 4, 4), 'y': (4, 1, 8, 8)}
    """

    def __init__(
        self,
        images: UInt8[Tensor, "n c h w"],
        targets: UInt8[Tensor, "m c2 h2 w2"],
        batch: int,
        seed: int,
        *,
        paired: bool = True,
        crop: int | None = None,
        flip: bool = False,
    ) -> None:
        at_least(1, batch=batch)
        if batch > (fewest := min(len(images), len(targets))):
            raise UserError(
                f"a batch of {batch} cannot be drawn from {fewest} images: lower `batch` to {fewest} or less"
            )
        self.images, self.targets, self.batch, self.seed, self.paired = images, targets, batch, seed, paired
        self.scale = scale_of(images, targets) if paired else 1
        for domain, side in ((images, crop), (targets, crop and crop * self.scale)):
            h, w = domain.shape[2:]
            if side is not None and not 1 <= side <= min(h, w):
                raise UserError(
                    f"squares of {side} pixels a side cannot be cropped from images of {h} x {w}: lower `crop`"
                )
        self.crop, self.flip = crop, flip
        self._epochs = Epochs(len(images), batch, seed)
        self._others = Epochs(len(targets), batch, seed + OTHER)
        self.per_epoch = self._epochs.per_epoch

    def epoch(self, k: int) -> int:
        """The number (from 0) of the pass over the images that batch k belongs to."""
        return self._epochs.epoch(k)

    def __call__(self, k: int) -> dict[str, Tensor]:
        """x: float32 (batch, c, h, w), y: float32 (batch, c2, h2, w2), both in [-1, 1], channels last."""
        return self.gathered({name: v.to(self.device) for name, v in self.chosen(k).items()})

    def chosen(self, k: int) -> dict[str, Tensor]:
        """rows, others: indices of batch k's images and targets, (batch,) int64; where they are cropped or flipped, u
        and v: uniform numbers (batch, 3). On the CPU."""
        rows = self._epochs.rows(k)
        chosen = {"rows": rows, "others": rows if self.paired else self._others.rows(k)}
        if self.crop or self.flip:
            u = torch.rand(self.batch, 3, generator=seeded_by(self.seed, k, VIEWS))
            v = u if self.paired else torch.rand(self.batch, 3, generator=seeded_by(self.seed, k, OTHERS))
            chosen |= {"u": u, "v": v}
        return chosen

    def gathered(self, chosen: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The batch of these rows, where the images are: what a call returns. Nobody waits for a value."""
        return {
            "x": self._seen(self.images, chosen["rows"], chosen.get("u"), 1),
            "y": self._seen(self.targets, chosen["others"], chosen.get("v"), self.scale),
        }

    @property
    def device(self) -> torch.device:
        """Where the images are."""
        return self.images.device

    @property
    def nbytes(self) -> int:
        """Bytes of the images and of the targets."""
        return self.images.nbytes + self.targets.nbytes

    def to(self, device: str | torch.device) -> "Pairs":
        """The same batches, of images on the device."""
        moved = copy(self)
        moved.images = shared_copy(self.images, torch.device(device))
        moved.targets = shared_copy(self.targets, torch.device(device))
        return moved

    def _seen(
        self,
        images: UInt8[Tensor, "n c h w"],
        rows: Tensor,
        u: Float[Tensor, "batch 3"] | None,
        scale: int,
    ) -> Float[Tensor, "batch c h w"]:
        """The chosen images with their crops and flips; a place is a multiple of `scale`, so that pairs agree."""
        if u is None:
            return to_unit(images.index_select(0, rows))
        x = cropped(images, rows, u[:, 1:], self.crop * scale, scale) if self.crop else images.index_select(0, rows)
        return to_unit(torch.where((u[:, 0] < 0.5)[:, None, None, None], x.flip(3), x) if self.flip else x)


def scale_of(images: UInt8[Tensor, "n c h w"], targets: UInt8[Tensor, "n c2 h2 w2"]) -> int:
    """How many times larger targets are than images. UserError for another number of them, or for no whole number.

    >>> scale_of(torch.zeros(2, 1, 8, 8, dtype=torch.uint8), torch.zeros(2, 3, 32, 32, dtype=torch.uint8))
    4
    """
    if len(images) != len(targets):
        raise UserError(f"{len(images)} images and {len(targets)} targets are no pairs: each image needs one")
    (h, w), (h2, w2) = images.shape[2:], targets.shape[2:]
    scale = h2 // h
    if scale < 1 or (h2, w2) != (h * scale, w * scale):
        raise UserError(
            f"images of {h} x {w} and targets of {h2} x {w2} are no pairs: targets' sides are to be 1, 2, 3 ... times "
            "the images'"
        )
    return scale


def pair_patches(data: ImageSet, side: int, seed: int = 0, rows: Int64[Tensor, " k"] | None = None) -> ImageSet:
    """One square of each image and of its target, at a place chosen once; of unpaired ones, of each by itself.

    Args:
        data: images (n, c, h, w), with targets.
        side: pixels a side of images' squares; of targets it is as many times larger as they are.
        seed: of the places.
        rows: indices (k,) of the images to crop; None: all. Of unpaired targets all are kept.

    Raises:
        UserError: for a side that does not fit.
    """
    assert data.targets is not None
    rows = torch.arange(len(data.images)) if rows is None else rows
    chosen = rows_of(data, rows)
    assert chosen.targets is not None
    scale = scale_of(chosen.images, chosen.targets) if data.paired else 1
    u = torch.rand(len(data.images), 2, generator=seeded_by(seed, 0, VIEWS))[rows]
    v = u if data.paired else torch.rand(len(chosen.targets), 2, generator=seeded_by(seed, 0, OTHERS))
    domains = ((chosen.images, u, 1), (chosen.targets, v, scale))
    images, targets = (cropped(x, torch.arange(len(x)), at, side * every, every) for x, at, every in domains)
    return chosen._replace(images=images, targets=targets)
