"""DANN's networks for rows of numbers, after the shallow one of Ganin et al. 2016, arXiv:1505.07818, section 4.

E   x (n, ...) as rows - hidden, ReLU each - d
C   d - K
D   d - 100 ReLU - 1
"""

import itertools
from collections.abc import Sequence

from torch import nn

from energan.utils.specification import recorded


@recorded
def encoder(inputs: int, hidden: Sequence[int]) -> nn.Sequential:
    """x (n, ...), `inputs` numbers each -> features (n, hidden[-1])."""
    layers: list[nn.Module] = [nn.Flatten()]
    for a, b in itertools.pairwise([inputs, *hidden]):
        layers += [nn.Linear(a, b), nn.ReLU()]
    return nn.Sequential(*layers)


@recorded
def domain_critic(features: int, *, hidden: int = 100) -> nn.Sequential:
    """Features (n, features) -> logit of being of the source domain (n,)."""
    return nn.Sequential(nn.Linear(features, hidden), nn.ReLU(), nn.Linear(hidden, 1), nn.Flatten(0))
