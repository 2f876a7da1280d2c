"""The last images that a generator made, as the weights of a player: so they are in every checkpoint.

Shrivastava et al. 2016, arXiv:1612.07828, section 2.3; CycleGAN's code keeps 50, one by one, as here: an image that
comes is kept until the pool is full; from then on, with probability 1/2, it takes the place of one that is drawn, which
is shown in its stead.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from energan.utils.checks import at_least
from energan.utils.specification import recorded


class Query(NamedTuple):
    """What a pool shows of the images that came, and what it keeps after them."""

    shown: Float[Tensor, "n c h w"]
    kept: Float[Tensor, "rows c h w"]


@recorded
class Pool(nn.Module):
    """() -> the images that it keeps (rows, c, h, w); 0 where there is none yet."""

    def __init__(self, rows: int, shape: tuple[int, int, int]) -> None:
        super().__init__()
        at_least(1, rows=rows)
        self.images = nn.Parameter(torch.zeros(rows, *shape))

    def forward(self) -> Tensor:
        return self.images


def queried(
    kept: Float[Tensor, "rows c h w"],
    images: Float[Tensor, "n c h w"],
    u: Float[Tensor, "n 2"],
    before: Tensor,
) -> Query:
    """Shows n images to a pool, one after another.

    Args:
        kept: What the pool keeps.
        images: The images that come.
        u: In [0, 1): whether each is exchanged (below 0.5), and for which.
        before: (), how many images came before.

    Returns:
        As many images, each of them its own or an older one, and what is kept then.

    >>> two, new = torch.zeros(2, 1, 1, 1), torch.ones(1, 1, 1, 1)
    >>> first = queried(two, new, torch.zeros(1, 2), torch.tensor(0))
    >>> first.shown.item(), first.kept.flatten().tolist()
    (1.0, [1.0, 0.0])
    >>> full = queried(first.kept, 2 * new, torch.tensor([[0.4, 0.9]]), torch.tensor(2))
    >>> full.shown.item(), full.kept.flatten().tolist()
    (0.0, [1.0, 2.0])
    """
    rows, shown = torch.arange(len(kept), device=kept.device), []
    for i, image in enumerate(images):
        count = before + i
        full = count >= len(kept)
        place = torch.where(full, (u[i, 1] * len(kept)).long(), count.long())
        here = (rows == place)[:, None, None, None]
        swapped = full & (u[i, 0] < 0.5)
        shown.append(torch.where(swapped, (kept * here).sum(0), image))
        kept = torch.where(here & (swapped | ~full), image, kept)
    return Query(torch.stack(shown), kept)
