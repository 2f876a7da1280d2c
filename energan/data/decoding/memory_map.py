"""A file of bytes as a tensor: pages are read when used, and what is written to the tensor stays out of the file."""

import mmap
from pathlib import Path

import torch
from jaxtyping import UInt8
from torch import Tensor

NORESERVE = 0x4000  # Linux's MAP_NORESERVE, which Python names from 3.13 on


def mapped(path: Path, size: int) -> UInt8[Tensor, " size"]:
    """The first `size` bytes of a file, which may be more than there is memory: the system drops what was read.

    Torch's own from_file asks the system to set memory aside for all that might be written, and Linux refuses that
    beyond what the machine has.  Raises OSError if the file cannot be mapped, ValueError if it is empty or shorter.
    """
    with path.open("rb") as file:
        kept = mmap.mmap(file.fileno(), size, flags=mmap.MAP_PRIVATE | NORESERVE, prot=mmap.PROT_READ | mmap.PROT_WRITE)
    return torch.frombuffer(kept, dtype=torch.uint8)
