"""The order of an epoch: a pure function of its seed and number."""

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor


class Epochs:
    """Rows of n things, a batch at a time: a pure function of (seed, k). Each epoch is a fresh permutation, seeded by
    (seed, epoch); what is left over at its end and fills no batch is skipped in it."""

    def __init__(self, n: int, batch: int, seed: int) -> None:
        self.batch, self.per_epoch = batch, n // batch
        self._n, self._seed = n, seed
        self._epoch, self._order = -1, torch.empty(0, dtype=torch.int64)

    def epoch(self, k: int) -> int:
        """The number (from 0) of the pass that batch k belongs to."""
        return k // self.per_epoch

    def rows(self, k: int) -> Int64[Tensor, " batch"]:
        """The indices of batch k."""
        if k < 0:
            raise IndexError(f"batches are numbered from 0, not {k}")
        if self.epoch(k) != self._epoch:
            self._epoch = self.epoch(k)
            self._order = permutation(self._n, self._seed, self._epoch)
        start = (k % self.per_epoch) * self.batch
        return self._order[start : start + self.batch]


def permutation(n: int, seed: int, epoch: int) -> Int64[Tensor, " n"]:
    """The order of an epoch: indices 0..n-1, permuted."""
    return torch.randperm(n, generator=seeded_by(seed, epoch))


def seeded_by(*numbers: int) -> torch.Generator:
    """A generator seeded by all the numbers: SeedSequence mixes them, so (0, 1) and (1, 0) are unrelated."""
    mixed = int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))
    return torch.Generator().manual_seed(mixed)
