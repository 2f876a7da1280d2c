"""Writes images: sheets, folders, arrays and GIFs; films are in films.py.

Images of four channels are what is seen on white, and the opacity. Picture files have other colours beside an opacity:
those that give what is seen, once they are put on white (`straight`).
"""

from collections.abc import Sequence
from math import ceil, sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import UInt8
from torch import Tensor

from energan.utils.errors import UserError, printable
from energan.utils.files import check_free, new_folder, write

if TYPE_CHECKING:
    from PIL.Image import Image

ON_WHITE = "images_on_white"  # what an .npz calls images with an opacity, whose colours are on white


def straight(images: UInt8[Tensor, "n 4 h w"]) -> UInt8[Tensor, "n 4 h w"]:
    """Colours as picture files have them beside an opacity a, of images on white: (seen - 255 (1 - a)) / a, in 0..255.

    Where nothing is seen, white. What can be seen so comes back within one level.

    >>> pixels = torch.tensor([[155, 128], [155, 255], [255, 127], [255, 128]], dtype=torch.uint8)
    >>> straight(pixels.reshape(1, 4, 1, 2)).flatten(1).tolist()  # an opaque pixel and a half transparent one
    [[155, 2, 155, 255, 255, 0, 255, 128]]
    """
    seen, opacity = images[:, :3].float(), images[:, 3:].float()
    colours = 255 - (255 - seen) * 255 / opacity.clamp(min=1)
    colours = colours.round().clamp(0, 255).where(opacity > 0, 255)
    return torch.cat([colours.to(images.dtype), images[:, 3:]], 1)


def as_picture(image: UInt8[Tensor, "c h w"]) -> "Image":
    """The image as Pillow has it: grey, RGB, or RGBA."""
    from PIL import Image

    pixels = (straight(image[None])[0] if len(image) == 4 else image).cpu().permute(1, 2, 0).numpy()
    return Image.fromarray(pixels[..., 0] if len(image) == 1 else pixels)


def sheet(images: UInt8[Tensor, "n c h w"], columns: int | None = None) -> "Image":
    """One picture of all images, row by row (about as many rows as columns by default), with a 1-pixel gap."""
    n, c, h, w = images.shape
    columns = columns or ceil(sqrt(n))
    rows = ceil(n / columns)
    tiles = torch.full((rows * columns, c, h + 1, w + 1), 128, dtype=torch.uint8)
    tiles[:, 3:] = 255  # the gap is opaque
    tiles[:n, :, :h, :w] = images.cpu()
    whole = tiles.view(rows, columns, c, h + 1, w + 1).permute(2, 0, 3, 1, 4).reshape(c, rows * (h + 1), -1)
    return as_picture(whole[:, :-1, :-1])


def save_sheet(images: UInt8[Tensor, "n c h w"], path: Path, columns: int | None = None) -> Path:
    """Writes the `sheet` of all images as a PNG."""
    return write(path, lambda p: sheet(images, columns).save(p, format="PNG"))


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
    """Writes images: x.png is one sheet; x.npz one array `images`, uint8 (n, c, h, w); otherwise a folder of n PNGs.

    An .npz has four channels as they are, on white, and calls them `images_on_white`; a PNG has them as viewers expect.
    """
    import numpy as np

    if usable(path).suffix == ".png":
        return save_sheet(images, path, columns)
    if path.suffix == ".npz":
        arrays: dict[str, Any] = {ON_WHITE if images.shape[1] == 4 else "images": images.cpu().numpy()}
        return write(path, lambda p: np.savez_compressed(p, **arrays))
    with new_folder(path) as folder:
        for i, image in enumerate(images):
            as_picture(image).save(folder / f"{i:05d}.png")
    return path


def save_gif(pages: "Sequence[Image]", path: Path, durations: int | list[int] = 120) -> Path:
    """A GIF that repeats the pages; durations, of all or of each, are in milliseconds."""
    return write(
        path,
        lambda p: pages[0].save(
            p, format="GIF", save_all=True, append_images=pages[1:], duration=durations, loop=0, optimize=True
        ),
    )
