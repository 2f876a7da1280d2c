"""DANN's networks for digits.  Ganin & Lempitsky 2015, arXiv:1409.7495, figure 4 (a).

    E   x (n, c, 28, 28) - conv 32, ReLU, pool - conv 48, ReLU, pool - 768       kernels 5 x 5, no padding; pools 2 x 2
    C   768 - 100 ReLU - 100 ReLU - K
    D   768 - 100 ReLU - 1

Images here are in [-1, 1]; theirs had the mean of all subtracted. Weights are torch's, which the paper does not state.
"""

from torch import nn

from energan.utils.errors import UserError
from energan.utils.specification import recorded

LEAST = 16  # pixels a side that leave a map of one pixel


def features(size: int) -> int:
    """How many numbers E makes of an image. UserError for images that are too small."""
    if size < LEAST:
        raise UserError(f"DANN's networks take images of {LEAST} x {LEAST} pixels or more, not {size} x {size}")
    side = ((size - 4) // 2 - 4) // 2
    return 48 * side * side


@recorded
def encoder(*, channels: int = 3, size: int = 28) -> nn.Sequential:
    """x (n, channels, size, size) -> features (n, d)."""
    features(size)
    first, second = ([nn.ReLU(), nn.MaxPool2d(2)] for _ in range(2))
    return nn.Sequential(nn.Conv2d(channels, 32, 5), *first, nn.Conv2d(32, 48, 5), *second, nn.Flatten())


@recorded
def classifier(classes: int = 10, *, size: int = 28, hidden: int = 100) -> nn.Sequential:
    """Features (n, d) -> logits (n, classes)."""
    d = features(size)
    return nn.Sequential(
        nn.Linear(d, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, classes)
    )


@recorded
def domain_critic(*, size: int = 28, hidden: int = 100) -> nn.Sequential:
    """Features (n, d) -> logit of being of the source domain (n,)."""
    return nn.Sequential(nn.Linear(features(size), hidden), nn.ReLU(), nn.Linear(hidden, 1), nn.Flatten(0))
