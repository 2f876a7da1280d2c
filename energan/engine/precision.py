"""The precision in which losses are computed, whatever the networks ran in."""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor


def wide(x: Tensor) -> Tensor:
    """Returns x in float32 or wider.

    >>> wide(torch.ones(1, dtype=torch.bfloat16)).dtype
    torch.float32
    """
    return x.to(torch.promote_types(x.dtype, torch.float32))


_one_at_a_time = threading.RLock()


@contextmanager
def autocast(precision: str, device: torch.device) -> Iterator[None]:
    """Inside the block, "bf16" computes by autocast; other precisions change nothing.

    One thread at a time: torch keeps the weights that autocast has rounded in one place for all threads, and whichever
    leaves autocast first clears it. The others would round again, and their gradients would be others.

    Within a caller's autocast torch would keep them for as long as that lasts, whatever becomes of the weights.
    """
    if precision != "bf16":
        yield
        return
    with _one_at_a_time:
        torch.clear_autocast_cache()
        try:
            with torch.autocast(device.type, torch.bfloat16):
                yield
        finally:
            torch.clear_autocast_cache()


def exact(device: torch.device) -> AbstractContextManager[Any]:
    """Inside the block, autocast is off. Where it is off already, nothing is entered: leaving would clear its cache."""
    if not torch.is_autocast_enabled(device.type):
        return nullcontext()
    return torch.autocast(device.type, enabled=False)
