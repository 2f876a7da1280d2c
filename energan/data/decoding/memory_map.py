"""Memory-maps a file of bytes as a tensor: pages are read when used, and writes to the tensor stay out of the file."""

import mmap
from pathlib import Path

import torch
from jaxtyping import UInt8
from torch import Tensor

NORESERVE = 0x4000  # Linux's MAP_NORESERVE, which Python names from 3.13 on


def map_file(path: Path, size: int) -> UInt8[Tensor, " size"]:
    """The first `size` bytes of a file, which may be larger than memory: the system drops pages that were read.

    torch.from_file and numpy.memmap (copy on write) reserve memory for all that might be written, and Linux refuses
    that beyond what the machine has; a read-only map cannot back a tensor.  Raises OSError if the file cannot be
    mapped, ValueError if it is empty or shorter.
    """
    with path.open("rb") as file:
        kept = mmap.mmap(file.fileno(), size, flags=mmap.MAP_PRIVATE | NORESERVE, prot=mmap.PROT_READ | mmap.PROT_WRITE)
    return torch.frombuffer(kept, dtype=torch.uint8)
