"""Writes films: GIFs, and videos where an encoder is installed."""

from importlib import import_module
from importlib.util import find_spec
from math import ceil, sqrt
from pathlib import Path

import torch
from jaxtyping import UInt8
from torch import Tensor
from torch.nn.functional import pad

from energan.utils.errors import UserError
from energan.utils.files import write
from energan.utils.image_files import save_gif, save_sheet, usable

ENLARGED = 4  # pixels of a film for each of an image, at most
WIDEST = 1024  # pixels of a film that is enlarged
IN_A_ROW = 4  # films that stand side by side; more make a square
FRAME = 120  # milliseconds

FILMS = (".png", ".gif", ".mp4")


def usable_film(path: Path) -> Path:
    """Returns the path. UserError unless a film can be written to a file of its ending: a .png is a sheet of it."""
    if usable(path, FILMS).suffix == ".mp4" and find_spec("imageio_ffmpeg") is None:
        raise UserError(
            f"`out` {path}: a video needs an encoder: pip install 'energan[video]' brings one; a .gif needs none"
        )
    return path


def save_films(
    rows: UInt8[Tensor, "k frames c h w"], path: Path, films: UInt8[Tensor, "m frames c h w"] | None = None
) -> str:
    """Writes films; of a .png a sheet with a row for each, and a GIF beside it. Returns what was written, in words.

    films: those that are shown at the same time, where they are not the rows.
    """
    films = rows if films is None else films
    if path.suffix == ".png":
        save_sheet(rows.flatten(0, 1), path, columns=rows.shape[1])
        return f"{path} and {write_gif(films, path.with_suffix('.gif'))}"
    return str(write_gif(films, path) if path.suffix == ".gif" else write_video(films, path))


def write_gif(films: UInt8[Tensor, "k frames c h w"], path: Path) -> Path:
    """Writes a GIF of films side by side, enlarged."""
    from PIL import Image

    pages = _pages(films).permute(0, 2, 3, 1)
    return save_gif([Image.fromarray((x[..., 0] if x.shape[-1] == 1 else x).numpy()) for x in pages], path, FRAME)


def write_video(films: UInt8[Tensor, "k frames c h w"], path: Path) -> Path:
    """Writes an .mp4 of films side by side, enlarged: H.264, which browsers and phones play.

    UserError where there is no encoder, or it fails.
    """
    pages = _pages(films)
    if pages.shape[1] == 1:
        pages = pages.repeat(1, 3, 1, 1)
    pages = pad(pages, (0, pages.shape[3] % 2, 0, pages.shape[2] % 2))  # its colours are of 2 x 2 pixels
    height, width = pages.shape[2:]

    def fill(target: Path) -> None:
        writer = import_module("imageio_ffmpeg").write_frames(
            str(target.absolute()), (width, height), fps=1000 / FRAME, quality=8, macro_block_size=1
        )
        writer.send(None)
        for page in pages.permute(0, 2, 3, 1).contiguous().numpy():
            writer.send(page.tobytes())
        writer.close()
        if not target.stat().st_size:
            raise UserError(f"the encoder wrote no video to {path}: write a .gif")

    try:
        return write(path, fill)
    except RuntimeError as error:  # no encoder for this machine, or one that cannot
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"cannot write the video {path}: {reason}; write a .gif") from error


def _pages(films: UInt8[Tensor, "k frames c h w"]) -> UInt8[Tensor, "frames c H W"]:
    """The frames of all films together, in rows, enlarged."""
    films = films[:, :, :3]  # of four channels, what is seen on white: a film has no opacity
    k, frames, c, h, w = films.shape
    columns = k if k <= IN_A_ROW else ceil(sqrt(k))
    rows = ceil(k / columns)
    empty = torch.full((rows * columns - k, frames, c, h, w), 128, dtype=torch.uint8)
    grid = torch.cat([films.cpu(), empty]).unflatten(0, (rows, columns))  # (rows, columns, frames, c, h, w)
    page = grid.permute(2, 3, 0, 4, 1, 5).reshape(frames, c, rows * h, columns * w)
    larger = max(1, min(ENLARGED, WIDEST // (columns * w)))
    return page.repeat_interleave(larger, 2).repeat_interleave(larger, 3)
