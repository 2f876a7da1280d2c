"""ADDA's networks for digits.  Tzeng et al. 2017, arXiv:1702.05464, section 5.1: a LeNet, and three layers for D.

    S, E   x (n, c, 28, 28) - conv 20, pool, ReLU - conv 50, pool, ReLU - 500 ReLU     kernels 5 x 5; pools 2 x 2
    C      500 - K
    D      500 - 500 ReLU - 500 ReLU - 1

The paper says "LeNet" and the 500 units; where ReLUs are, and how weights begin, it does not: here they are torch's.
"""

from torch import nn

from energan.utils.errors import UserError
from energan.utils.specification import recorded

LEAST = 16  # pixels a side that leave a map of one pixel


@recorded
def encoder(*, channels: int = 3, size: int = 28, units: int = 500) -> nn.Sequential:
    """x (n, channels, size, size) -> features (n, units). UserError for images that are too small."""
    if size < LEAST:
        raise UserError(f"ADDA's networks take images of {LEAST} x {LEAST} pixels or more, not {size} x {size}")
    side = ((size - 4) // 2 - 4) // 2
    first, second = ([nn.MaxPool2d(2), nn.ReLU()] for _ in range(2))
    maps = [nn.Conv2d(channels, 20, 5), *first, nn.Conv2d(20, 50, 5), *second]
    return nn.Sequential(*maps, nn.Flatten(), nn.Linear(50 * side * side, units), nn.ReLU())


@recorded
def classifier(classes: int = 10, *, units: int = 500) -> nn.Linear:
    """Features (n, units) -> logits (n, classes)."""
    return nn.Linear(units, classes)


@recorded
def domain_critic(*, units: int = 500, hidden: int = 500) -> nn.Sequential:
    """Features (n, units) -> logit of being of the source domain (n,)."""
    layers = [nn.Linear(units, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 1)]
    return nn.Sequential(*layers, nn.Flatten(0))
