"""Batches as a pure function of (seed, k): the k-th batch is the same however the run got there."""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from energan.data.images import to_unit
from energan.errors import UserError


class Batches:
    """`Batches(images, labels, batch, seed)(k)`: the k-th batch ever drawn.

    Each epoch goes through a fresh permutation, seeded by (seed, epoch); the images left over at its end,
    which do not fill a batch, are not drawn in it. Consecutive k's cost one gather each.

    classes is how many there are; 0: as many as the labels have.
    Raises UserError if there are fewer images than `batch`.
    """

    def __init__(
        self,
        images: UInt8[Tensor, "n c h w"],
        labels: Int64[Tensor, " n"] | None,
        batch: int,
        seed: int,
        classes: int = 0,
    ) -> None:
        if batch < 1:
            raise UserError(f"a batch of {batch} images cannot be drawn: set --batch to 1 or more")
        if batch > len(images):
            raise UserError(
                f"a batch of {batch} cannot be drawn from {len(images)} images: lower --batch to {len(images)} or less"
            )
        self.images, self.labels, self.batch, self.seed = images, labels, batch, seed
        self.per_epoch = len(images) // batch  # batches
        if labels is not None:
            self._classes = torch.arange(classes or int(labels.max()) + 1, device=labels.device)
        self._epoch = -1
        self._order = torch.empty(0, dtype=torch.int64)

    def epoch(self, k: int) -> int:
        """The number (from 0) of the pass over the data that batch k belongs to."""
        return k // self.per_epoch

    def __call__(self, k: int) -> dict[str, Tensor]:
        """x: float32 (batch, c, h, w) in [-1, 1], channels last; with labels, y: one-hot float32 (batch, classes).

        A row of y is 0 for an image without a label (-1).
        """
        chosen = self.rows(k).to(self.images.device)
        drawn = {"x": to_unit(self.images.index_select(0, chosen))}
        if self.labels is not None:
            labels = self.labels.index_select(0, chosen.to(self.labels.device))
            drawn["y"] = (labels[:, None] == self._classes).to(torch.float32)
        return drawn

    def rows(self, k: int) -> Int64[Tensor, " batch"]:
        """Which images batch k has."""
        if k < 0:
            raise IndexError(f"batches are numbered from 0, not {k}")
        if self.epoch(k) != self._epoch:
            self._epoch = self.epoch(k)
            self._order = permutation(len(self.images), self.seed, self._epoch)
        start = (k % self.per_epoch) * self.batch
        return self._order[start : start + self.batch]


class Coded:
    """Batches with one more key: what a frozen net says of each image, which is worked out once.

    codes  () -> (n, *d), one for each of the batches' images; asked for at the first batch
    """

    def __init__(self, batches: Batches, key: str, codes: Callable[[], Float[Tensor, " n *d"]]) -> None:
        self._batches, self._key, self._make = batches, key, codes
        self._codes: Tensor | None = None

    def __call__(self, k: int) -> dict[str, Tensor]:
        """As Batches, and `key`: (batch, *d)."""
        if self._codes is None:
            self._codes = self._make()
        return {**self._batches(k), self._key: self._codes[self._batches.rows(k)]}


def permutation(n: int, seed: int, epoch: int) -> Int64[Tensor, " n"]:
    """The order of an epoch. SeedSequence mixes the pair: (0, 1) and (1, 0) have nothing in common."""
    mixed = int(np.random.SeedSequence([seed, epoch]).generate_state(1, np.uint64)[0] >> np.uint64(1))
    return torch.randperm(n, generator=torch.Generator().manual_seed(mixed))
