"""Images to train on: named sets, the user's own files, and batches of them.

data = load("mnist", split="train")     # .images uint8 (n, c, h, w), .labels int64 (n,)
batches = Batches(data.images, data.labels, batch=64, seed=0)
batches(0)["x"]                         # float32 (64, 1, 28, 28) in [-1, 1]
"""

from pathlib import Path

from energan.data.batches import Batches
from energan.data.images import Images, pad, to_bytes, to_unit
from energan.data.named import NAMED, load_named
from energan.errors import UserError

__all__ = ["NAMED", "Batches", "Images", "load", "pad", "to_bytes", "to_unit"]


def load(
    source: str | Path,
    split: str = "train",
    *,
    size: int | None = None,
    channels: int | None = None,
    progress: bool = True,
) -> Images:
    """Images by name or from the user's files."""
    if isinstance(source, str) and source in NAMED:
        return load_named(source, split)
    raise UserError(f"there is no {source}")
