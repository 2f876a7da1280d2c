"""Writes films: GIFs, and videos where an encoder is installed."""

import subprocess
from importlib import import_module
from importlib.util import find_spec
from math import ceil, sqrt
from pathlib import Path

import torch
from jaxtyping import UInt8
from torch import Tensor

from energan.utils.errors import UserError, printable
from energan.utils.files import write
from energan.utils.image_files import save_gif, save_sheet, usable

ENLARGED = 4  # pixels of a film for each of an image, at most
WIDEST = 1024  # pixels of a film that is enlarged
IN_A_ROW = 4  # films that stand side by side; more make a square
FRAME = 120  # milliseconds

LOSS = 10  # x264's constant rate factor, of 0 (none) to 51
# Colours are turned as BT.601 says, and that is noted in the file: of a video that says nothing, players guess by its
# height, and one of 720 pixels or more would be shown in other colours.
COLOURS = "scale=out_color_matrix=smpte170m:out_range=tv:flags=accurate_rnd,setparams=" + ":".join(
    ("range=tv", "colorspace=smpte170m", "color_primaries=bt709", "color_trc=iec61966-2-1")
)

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
    pages = pages.expand(-1, 3, -1, -1)
    for side in (2, 3):  # both must be even, since colours are of 2 x 2 pixels: the last line is there twice
        if pages.shape[side] % 2:
            pages = torch.cat([pages, pages.narrow(side, -1, 1)], side)
    return write(path, lambda target: _encode(pages, target, path))


def _encode(pages: UInt8[Tensor, "frames 3 H W"], target: Path, named: Path) -> None:
    """Writes the video. An encoder that is interrupted is killed, and so leaves no file once this is left."""
    height, width = pages.shape[2:]
    size, rate = f"{width}x{height}", f"1000/{FRAME}"
    given = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", size, "-r", rate, "-i", "-"]
    made = ["-vf", COLOURS, "-c:v", "libx264", "-crf", str(LOSS), "-pix_fmt", "yuv420p", "-an"]
    pixels = pages.permute(0, 2, 3, 1).contiguous().numpy().tobytes()
    try:
        encoder = import_module("imageio_ffmpeg").get_ffmpeg_exe()
        process = subprocess.Popen(
            [encoder, "-y", "-v", "error", *given, *made, f"file:{target.absolute()}"],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            start_new_session=True,  # which hears no Ctrl-C of its own
        )  # fmt: skip
    except (RuntimeError, OSError) as error:  # none for this machine, or one that cannot be started
        raise _failed(named, str(error)) from error
    with process:
        try:
            said = process.communicate(pixels)[1]
        except BaseException:
            process.kill()
            process.wait()
            raise
    if process.returncode or not target.stat().st_size:
        raise _failed(named, said.decode("utf-8", "replace").strip() or "the encoder wrote nothing")


def _failed(path: Path, why: str) -> UserError:
    reason = printable(" ".join((why.strip().splitlines() or [""])[-1].split())[:200])
    return UserError(f"cannot write the video {path}: {reason}; write a .gif")


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
