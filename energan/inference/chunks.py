"""How many images go through the networks at a time, and what is said of images that they do not take."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from energan.utils.errors import UserError

CHUNK = 250  # images at a time, of 64 x 64


@contextmanager
def fitting(pixels: Tensor) -> Iterator[None]:
    """Turns torch's error of a size that the networks do not take into a UserError."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        size = " x ".join(map(str, pixels.shape[1:]))
        if "alloc" in str(error):
            raise UserError(f"images of {size} take more memory than there is: make them smaller") from error
        reason = str(error).strip().splitlines()[0][:150]
        raise UserError(f"this model's networks do not take images of {size} ({reason})") from error


def chunk_size(pixels: int) -> int:
    """How many images of so many pixels go through the nets at a time."""
    return max(1, min(CHUNK, CHUNK * 64**2 // pixels))
