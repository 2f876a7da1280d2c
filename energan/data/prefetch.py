"""Prefetches the next batch by one thread while the current one is used."""

from concurrent.futures import Future, ThreadPoolExecutor
from typing import final

import torch
from torch import Tensor

from energan.engine.game import Source


@final
class Prefetch:
    """`Ahead(source)(k)` is source(k): while it is used, k + 1 is made ready. Sources are pure functions of k, so a run
    that is resumed, or jumps, gets the same.

    A thread is enough, and no process: reading a mapped file, gathering, scaling let go of the interpreter. All calls
    of the source are that thread's, one after another. For a CUDA device batches lie in pinned memory, from where they
    are copied while the device computes.

    What the source raises is raised by the call for that k.
    """

    def __init__(self, source: Source, device: str = "cpu") -> None:
        self._source = source
        self._pinned = torch.device(device).type == "cuda"
        self._thread = ThreadPoolExecutor(1, "ahead")
        self._k = -1
        self._next: Future[dict[str, Tensor]] | None = None

    def __call__(self, k: int) -> dict[str, Tensor]:
        """The source's batch k."""
        future = self._next if self._next is not None and self._k == k else self._thread.submit(self._make, k)
        self._next = None  # where this batch cannot be made, the next is not begun
        batch = future.result()
        self._k, self._next = k + 1, self._thread.submit(self._make, k + 1)
        return batch

    def _make(self, k: int) -> dict[str, Tensor]:
        batch = dict(self._source(k))
        return {name: x.pin_memory() if not x.is_cuda else x for name, x in batch.items()} if self._pinned else batch
