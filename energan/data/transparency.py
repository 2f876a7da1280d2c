"""Pictures with their colours and their opacity apart: for what keeps both, where others see transparency on white."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import UInt8
from numpy import ndarray as Array
from PIL import Image
from torch.nn.functional import avg_pool2d

from energan.data.decoding import bounds
from energan.data.decoding.decode import loaded, open_image
from energan.data.decoding.deep import has_colours, is_deep, read_deep
from energan.data.decoding.values import Range, common_range

SPREAD = 16  # pixels that colours spread into what is transparent

PROFILED = ("1", "L", "LA", "RGB", "RGBA", "P", "PA")  # modes whose colours stay what their profile speaks of


class Apart(NamedTuple):
    """A picture's colours (1 or 3 channels), its opacity, 0 to 255, or None, and its file's colour profile, or b""."""

    colours: UInt8[Array, "c h w"]
    opacity: UInt8[Array, "h w"] | None
    profile: bytes = b""


def decode_apart(file: Path | bytes, value_range: Range | None = None) -> Apart:
    """A file's first picture, turned upright; grey where it has no colours. Raises one of UNREADABLE.

    value_range: what is black and white, of more than eight bits; None: the smallest usual range that holds its values.
    """
    with open_image(file) as image, bounds.pixels.taken(image.size[0] * image.size[1]):
        colours = has_colours(image)
        if is_deep(image):
            with open_image(file) as again:
                deep = read_deep(image, lambda: again)
            known = value_range or common_range([("it", deep.extent())], "the image")
            shown = deep.opacity()
            opacity = None if shown is None else np.array(shown)
            return Apart(_planes(deep._replace(shown=None).image(known), colours), opacity)
        picture, profile = loaded(image), image.info.get("icc_profile")
        kept = profile if isinstance(profile, bytes) and image.mode in PROFILED else b""
        if not picture.has_transparency_data:
            return Apart(_planes(picture, colours), None, kept)
        whole = picture.convert("RGBA")
        return Apart(_planes(whole.convert("RGB"), colours), np.array(whole.getchannel("A")), kept)


def without_holes(colours: UInt8[Array, "c h w"], opacity: UInt8[Array, "h w"]) -> UInt8[Array, "c h w"]:
    """The colours, with those of the nearest visible pixels spread into what is transparent.

    What a file stores there is of any colour, and would leak into the edges of what is seen, once it is resampled.
    """
    known = torch.from_numpy(opacity > 0).float()[None]
    filled = torch.from_numpy(colours).float() * known
    for _ in range(SPREAD):
        around, count = avg_pool2d(filled, 3, 1, 1), avg_pool2d(known, 3, 1, 1)
        filled = torch.where((known == 0) & (count > 0), around / count.clamp(min=1e-6), filled)
        known = ((known > 0) | (count > 0)).float()
    return filled.round().clamp(0, 255).to(torch.uint8).numpy()


def _planes(picture: Image.Image, colours: bool) -> UInt8[Array, "c h w"]:
    pixels = np.asarray(picture.convert("RGB" if colours else "L"))
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)) if colours else pixels[None].copy()
