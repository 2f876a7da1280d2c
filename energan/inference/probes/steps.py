"""How evenly images change along a walk: Radford et al. 2015, arXiv:1511.06434, section 6.1, "no sharp transitions".

The distance between the features of two frames that follow each other is a step. A generator that has memorised images
stays where one is and then leaps to the next; one of its steps is then nearly as long as the whole walk. A fade of one
real image into another is the measure to compare with: it is even in pixels, and shows what features make of that.
"""

import torch
from jaxtyping import Float, UInt8
from torch import Tensor


def step_lengths(features: Float[Tensor, "n frames d"]) -> Float[Tensor, "n frames-1"]:
    """The Euclidean lengths of the steps.

    >>> step_lengths(torch.tensor([[[0.0, 0.0], [3.0, 4.0], [3.0, 4.0]]])).tolist()
    [[5.0, 0.0]]
    """
    return (features[:, 1:] - features[:, :-1]).norm(dim=2)


def fade(
    first: UInt8[Tensor, "n c h w"], last: UInt8[Tensor, "n c h w"], frames: int
) -> UInt8[Tensor, "n frames c h w"]:
    """Each first image, faded into its last one in even steps of its pixels.

    >>> fade(torch.zeros(1, 1, 1, 1).byte(), torch.full((1, 1, 1, 1), 200).byte(), 3).flatten().tolist()
    [0, 100, 200]
    """
    t = torch.linspace(0, 1, frames).view(1, -1, 1, 1, 1)
    return torch.lerp(first[:, None].float(), last[:, None].float(), t).round().to(torch.uint8)
