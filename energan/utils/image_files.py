"""Writes images: sheets, folders, arrays and GIFs; films are in films.py."""

from collections.abc import Sequence
from math import ceil, sqrt
from pathlib import Path
from typing import TYPE_CHECKING

from jaxtyping import UInt8
from torch import Tensor

from energan.utils.errors import UserError, printable
from energan.utils.files import check_free, new_folder, write

if TYPE_CHECKING:
    from PIL.Image import Image


def save_sheet(images: UInt8[Tensor, "n c h w"], path: Path, columns: int | None = None) -> Path:
    """Writes one PNG of all images, row by row (about as many rows as columns by default), with a 1-pixel gap."""
    from PIL import Image
    from torch.nn.functional import pad

    n, c, h, w = images.shape
    columns = columns or ceil(sqrt(n))
    rows = ceil(n / columns)
    tiles = pad(images.cpu(), (0, 1, 0, 1), value=128)
    tiles = pad(tiles, (0, 0, 0, 0, 0, 0, 0, rows * columns - n), value=128)
    sheet = tiles.view(rows, columns, c, h + 1, w + 1).permute(0, 3, 1, 4, 2).reshape(rows * (h + 1), -1, c)
    pixels = sheet[:-1, :-1].numpy()
    return write(path, lambda p: Image.fromarray(pixels[..., 0] if c == 1 else pixels).save(p, format="PNG"))


def figure_text(text: str, most: int = 60) -> str:
    """Anyone's text for a figure: as it is, cut to `most` characters. matplotlib would read $...$ as mathematics.

    >>> figure_text("u_$5_and_$9")
    'u_\\\\$5_and_\\\\$9'
    """
    shown = printable(text)
    return (shown if len(shown) <= most else f"{shown[: most - 3]}...").replace("$", r"\$")


def usable(path: Path, endings: tuple[str, ...] = (".png", ".npz", "")) -> Path:
    """Returns the path. UserError unless images can be written to a file of its ending, or a folder that is new."""
    words = {
        ".png": "a .png (one sheet)",
        ".npz": "an .npz",
        ".gif": "a .gif",
        ".mp4": "an .mp4",
        "": "a folder (a name without a dot)",
    }
    if path.suffix not in endings:
        raise UserError(f"`out` {path}: images go to {', '.join(words[ending] for ending in endings)}")
    if not path.suffix:
        check_free(path)
    return path


def save_images(images: UInt8[Tensor, "n c h w"], path: Path, columns: int | None = None) -> Path:
    """Writes images: x.png is one sheet; x.npz one array `images`, uint8 (n, c, h, w); otherwise a folder of n PNGs."""
    import numpy as np
    from PIL import Image

    if usable(path).suffix == ".png":
        return save_sheet(images, path, columns)
    if path.suffix == ".npz":
        return write(path, lambda p: np.savez_compressed(p, images=images.numpy()))
    with new_folder(path) as folder:
        for i, image in enumerate(images.permute(0, 2, 3, 1).numpy()):
            Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(folder / f"{i:05d}.png")
    return path


def save_gif(pages: "Sequence[Image]", path: Path, durations: int | list[int] = 120) -> Path:
    """A GIF that repeats the pages; durations, of all or of each, are in milliseconds."""
    return write(
        path,
        lambda p: pages[0].save(
            p, format="GIF", save_all=True, append_images=pages[1:], duration=durations, loop=0, optimize=True
        ),
    )
