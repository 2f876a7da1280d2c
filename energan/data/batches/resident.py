"""Where a GPU's batches come from: images that stay on it, where they fit, else a thread that reads ahead."""

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol, final, runtime_checkable

import torch
from torch import Tensor

from energan.engine.game import Source

SHARE = 0.5  # of the free memory, that images may take: the rest is for training


@runtime_checkable
class Movable(Protocol):
    """Batches of images that can be moved to a device: data.Batches, Coded, LabelledBatches."""

    def __call__(self, k: int) -> Mapping[str, Tensor]: ...
    @property
    def nbytes(self) -> int: ...
    def to(self, device: str | torch.device) -> Source: ...


def resident(source: Source, device: str | torch.device) -> Source:
    """Returns the source as a device should read it.

    On the CPU that is the source itself. On a GPU, images stay on the device where they take half of its free memory at
    most: their bytes are copied once, and of each batch only the indices. Others are read ahead by a thread, into
    pinned memory.

    >>> from energan.data import Batches
    >>> batches = Batches(torch.zeros(8, 1, 4, 4, dtype=torch.uint8), None, batch=4, seed=0)
    >>> resident(batches, "cpu") is batches
    True
    """
    device = torch.device(device)
    if device.type == "cpu":
        return source
    if isinstance(source, Movable) and source.nbytes <= SHARE * torch.cuda.mem_get_info(device)[0]:
        return source.to(device)
    return Prefetch(source, str(device))


@final
class Prefetch:
    """`Prefetch(source)(k)` is source(k): while it is used, k + 1 is made ready.

    Sources are pure functions of k, so a run that is resumed, or jumps, gets the same.

    A thread is enough, and no process: reading a mapped file, gathering, scaling let go of the interpreter. All calls
    of the source are that thread's, one after another. For a CUDA device batches lie in pinned memory, from where they
    are copied while the device computes.

    What the source raises is raised by the call for that k.
    """

    def __init__(self, source: Source, device: str = "cpu") -> None:
        self._source = source
        self._pinned = torch.device(device).type == "cuda"
        self._thread = ThreadPoolExecutor(1, "prefetch")
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
