"""Shape checks switched off."""

from collections.abc import Iterator
from contextlib import contextmanager

import jaxtyping
import torch


@contextmanager
def untyped() -> Iterator[None]:
    """No shape checks inside the block: torch.compile cannot trace through them."""
    jaxtyping.config.update("jaxtyping_disable", True)
    torch.compiler.reset()
    try:
        yield
    finally:
        torch.compiler.reset()
        jaxtyping.config.update("jaxtyping_disable", False)
