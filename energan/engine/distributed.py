"""Several processes that train one model: torchrun's ranks.  docs/scale.md

Every rank draws the random numbers of the same global batch, plays its own rows of it, and steps by the mean of the
gradient over ranks. So the state is the same on all of them, and is what one process would have. Rank 0 alone writes
and prints. A process by itself is ALONE: it pays nothing and imports nothing for this.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar, final

from energan.utils.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor
    from torch.distributed import ProcessGroup

T = TypeVar("T")

PATIENCE = timedelta(days=1)  # rank 0 may measure, or decode images, for hours; a rank that ends is noticed at once

APART = timedelta(hours=1)  # on GPUs within a step: one rank may compile while the others wait


def rank_from_env() -> tuple[int, int, int]:
    """Returns (rank, number of ranks, rank on this machine) from torchrun's environment; (0, 1, 0) elsewhere."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return 0, 1, 0
    return int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]), int(os.environ["LOCAL_RANK"])


@final
class Ranks:
    """This process among those that train one model. They exchange objects by gloo; GPUs exchange tensors by NCCL."""

    def __init__(self, rank: int = 0, count: int = 1, local: int = 0) -> None:
        self.rank, self.count, self.local = rank, count, local
        self._tensors: ProcessGroup | None = None  # gloo's

    def device(self, name: str) -> str:
        """Returns the device on which this rank trains: for "cuda", a GPU of its own. All ranks call this at once.

        UserError where one GPU is named for all, or there are fewer GPUs than ranks.
        """
        if self.count == 1 or not name.startswith("cuda"):
            return name
        import torch
        from torch import distributed

        with self.errors_on_all_ranks():
            if name != "cuda":
                raise UserError(f"`device` {name} is one GPU for {self.count} ranks: use cuda, and each takes its own")
            if self.local >= (gpus := torch.cuda.device_count()):
                raise UserError(f"a machine has {gpus} GPUs: start as many processes there, not more")
        torch.cuda.set_device(self.local)
        self._tensors = distributed.new_group(backend="nccl", timeout=APART)
        return f"cuda:{self.local}"

    def rows(self, x: "Tensor") -> "Tensor":
        """Returns this rank's rows of a global batch (n, ...). UserError unless n can be divided."""
        return x if self.count == 1 else slices(x, self.count)[self.rank]

    def any(self, wish: bool) -> bool:
        """Returns whether the wish of at least one rank is True; every rank gets the same answer."""
        if self.count == 1:
            return wish
        import torch
        from torch import distributed

        votes = torch.tensor(int(wish))
        with _lost_rank(self.rank):
            distributed.all_reduce(votes)
        return bool(votes)

    def sum_(self, x: "Tensor") -> "Tensor":
        """Replaces x, contiguous, by its sum over ranks; returns it."""
        from torch import distributed

        with _lost_rank(self.rank):
            distributed.all_reduce(x, group=self._tensors)
        return x

    def average_(self, tensors: Sequence["Tensor"]) -> None:
        """Replaces tensors on one device by their mean over ranks: one exchange for each dtype."""
        import torch

        for dtype in dict.fromkeys(x.dtype for x in tensors):
            same = [x for x in tensors if x.dtype == dtype]
            mean = self.sum_(torch.cat([x.reshape(-1) for x in same])).div_(self.count)
            parts = mean.split([x.numel() for x in same])
            torch._foreach_copy_(same, [part.view(x.shape) for x, part in zip(same, parts, strict=True)])

    def copy_(self, tensors: Iterable["Tensor"]) -> None:
        """Replaces tensors on the CPU by those of rank 0."""
        from torch import distributed

        for x in tensors:
            with _lost_rank(self.rank):
                distributed.broadcast(x, 0)

    @contextmanager
    def errors_on_all_ranks(self) -> Iterator[None]:
        """All ranks leave the block at once; where one raises a UserError, all raise one."""
        if self.count == 1:
            yield
            return
        own = None
        try:
            yield
        except UserError as error:
            own = error
        if message := next(filter(None, self._gathered(own and own.message)), None):
            raise own or UserError(message)

    def on_rank_zero(self, work: Callable[[], T]) -> T:
        """Runs `work` on rank 0 and returns its result, which can be pickled, on all."""
        value: Any = None
        with self.errors_on_all_ranks():
            value = work() if self.rank == 0 else None
        return value if self.count == 1 else self._gathered(value)[0]

    def rank_zero_first(self, work: Callable[[], T]) -> T:
        """Runs `work` on rank 0 first, then on the first rank of each other machine, then on the rest.

        So a cache that it fills is filled once a machine.
        """
        mine = 0 if self.rank == 0 else 1 if self.local == 0 else 2
        value: Any = None
        for turn in range(3):
            with self.errors_on_all_ranks():
                value = work() if turn == mine else value
        return value

    def agree(self, value: object, what: str) -> None:
        """UserError unless all ranks have the same value."""
        if self.count > 1 and (odd := [rank for rank, v in enumerate(self._gathered(value)) if v != value]):
            raise UserError(f"{what} differ between ranks {self.rank} and {odd[0]}: give all machines the same ones")

    def _gathered(self, value: object) -> list[Any]:
        from torch import distributed

        values: list[Any] = [None] * self.count
        with _lost_rank(self.rank):
            distributed.all_gather_object(values, value)
        return values


ALONE = Ranks()


def slices(x: "Tensor", n: int) -> "Sequence[Tensor]":
    """Returns x in n equal parts of its rows, in their order. UserError if they cannot be divided."""
    if len(x) % n:
        raise UserError(f"a batch of {len(x)} cannot be divided by {n}: choose a `batch` that can")
    return x.split(len(x) // n)


@contextmanager
def joined() -> Iterator[Ranks]:
    """Inside the block, this process is one of torchrun's ranks; or ALONE."""
    rank, count, local = rank_from_env()
    if count == 1:
        yield ALONE
        return
    from torch import distributed

    distributed.init_process_group("gloo", timeout=PATIENCE)
    yield Ranks(rank, count, local)
    distributed.destroy_process_group()  # not after an error: others may be in the midst of something


@contextmanager
def _lost_rank(rank: int) -> Iterator[None]:
    """Turns the error of gloo or NCCL where another rank has ended into a UserError."""
    try:
        yield
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(
            f"rank {rank} lost another rank, which ended; what that one said tells why ({reason})"
        ) from error
