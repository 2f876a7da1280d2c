"""Energy maps as pictures: in colours, and over the images."""

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

SCALE = 0.999  # share of all pixels that are below the top of the colour scale: a single one would darken all others

PIXELS = 2**20  # of all maps, by which the scale is chosen


def top_of_scale(maps: Float[Tensor, "n h w"]) -> float:
    """The energy of a pixel that the brightest colour stands for, of all these maps together; above 0.

    >>> top_of_scale(torch.linspace(0, 1, 1001).view(1, 1, 1001))
    0.9990000128746033
    """
    values = maps.flatten()
    values = values[:: -(-len(values) // PIXELS)]
    return float(values.kthvalue(max(1, round(SCALE * len(values)))).values) or 1.0


def heat(energy_map: Float[Tensor, "h w"], top: float) -> UInt8[Tensor, "3 h w"]:
    """The map in colours from black (0) over red to pale yellow (top, and all above)."""
    from matplotlib import colormaps

    share = (energy_map / top).clamp(0, 1).numpy()
    colours = colormaps["inferno"](share)[..., :3]
    return torch.from_numpy(np.rint(255 * colours).astype(np.uint8)).permute(2, 0, 1)


def overlay(image: UInt8[Tensor, "c h w"], energy_map: Float[Tensor, "h w"], top: float) -> UInt8[Tensor, "3 h w"]:
    """The image in grey, under the colours of the map: the more energy, the less is seen of the image."""
    grey = image[:3].float().mean(0).expand(3, -1, -1)
    share = (energy_map / top).clamp(0, 1)
    return (grey * (1 - share) + heat(energy_map, top).float() * share).round().to(torch.uint8)
