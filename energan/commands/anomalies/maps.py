"""Energy maps of images as files: heat maps, overlays, a sheet of the most unusual ones, the scale of the colours."""

import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from energan.utils.console import counted, say

if TYPE_CHECKING:
    from torch import Tensor

    from energan.data import ImageSet
    from energan.inference.model import Model

TOGETHER = 100  # images whose maps are in memory at a time

SHEET, SCALE = "most-unusual.png", "scale.json"


def safe_name(index: int, file: str) -> str:
    """The start of an image's file names: its number, which makes them different, and letters that any system takes.

    >>> safe_name(7, "scratch/ünïcode <b>.png"), safe_name(0, "")
    ('00007-unicode-b', '00000')
    """
    plain = unicodedata.normalize("NFKD", PurePosixPath(file).stem)
    letters = re.sub(r"[^A-Za-z0-9]+", "-", plain.encode("ascii", "ignore").decode()).strip("-")
    return f"{index:05d}-{letters[:40]}".strip("-")


def write_maps(folder: Path, model: "Model", data: "ImageSet", energies: "Tensor", notes: Sequence[str]) -> float:
    """Writes two PNGs an image, NNNNN-NAME-map.png and NNNNN-NAME-overlay.png, most-unusual.png and scale.json.

    All in a new folder. Returns the energy of a pixel that the brightest colour stands for, in all pictures alike.

    notes: what the sheet says of each image, besides its name.

    Raises:
        UserError: The run's energy has no maps, or the folder holds something already.
    """
    import torch

    from energan.capabilities.energies.pictures import UNUSUAL, draw_unusual
    from energan.inference.pictures.heat import heat, overlay, top_of_scale
    from energan.utils.files import new_folder, write_json
    from energan.utils.image_files import as_picture

    model.require("energy map")
    n, files = len(data.images), list(data.files) or [""] * len(data.images)
    parts = torch.arange(n).split(TOGETHER)
    with new_folder(folder) as hidden:
        tops = [top_of_scale(model.map_pixels(data.images[rows])) for rows in counted(
            parts, n, "choosing the scale", each=TOGETHER
        )]  # fmt: skip
        top = max(tops)
        names = {}
        for rows in counted(parts, n, "drawing maps", each=TOGETHER):
            for row, one in zip(rows.tolist(), model.map_pixels(data.images[rows]), strict=True):
                name = safe_name(row, files[row])
                names[name] = files[row]
                as_picture(heat(one, top)).save(hidden / f"{name}-map.png")
                as_picture(overlay(data.images[row], one, top)).save(hidden / f"{name}-overlay.png")
        worst = energies.argsort(descending=True)[:UNUSUAL]
        titles = [f"{files[i] or f'image {i}'}  {notes[i]}" for i in worst.tolist()]
        draw_unusual(hidden / SHEET, data.images[worst], model.map_pixels(data.images[worst]), titles, top)
        write_json(
            hidden / SCALE,
            {"colours": "inferno", "black": 0.0, "brightest": top, "above": "as the brightest", "files": names},
        )
    say(
        f"{n} maps in {folder}: black is 0, the brightest colour an energy of {top:.4g} a pixel and above, in all alike"
    )
    return top
