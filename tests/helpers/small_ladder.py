"""What the tests of the ladder network and of EBGAN-LN share."""

import torch
from torch import nn

from energan.data.few_labels import LabelledBatches
from energan.engine.rng import seeded
from energan.networks.dense.ladder import Ladder
from energan.networks.dense.perceptron import Perceptron

SIZES = (16, 8, 6, 3)


def shifted_ladder(gain: bool = True) -> nn.Module:
    """A ladder with each weight a little off: as it starts, its decoder gives 0, and most weights no gradient."""
    net = Ladder((16, 6, 5, 3), gain=gain)
    with torch.no_grad():
        for w in net.parameters():
            w.add_(torch.randn_like(w), alpha=0.1)
    return net


def classified(D, x, y, u, n_x, n_u, sigma, sigma_x):
    """Cross-entropy by its definition, and the costs of the unlabelled rows."""
    widths = torch.tensor([sigma_x] * 16 + [sigma] * 14, dtype=torch.float64)  # of Ladder((16, 6, 5, 3))
    out = D(torch.cat([x, u]), widths * torch.cat([n_x, n_u]), len(x))
    return -(y * (out.logits - out.logits.exp().sum(1, keepdim=True).log())).sum(1).mean(), out.costs


def source(rows: int = 6) -> LabelledBatches:
    g = torch.Generator().manual_seed(0)
    images = torch.randint(256, (30, 1, 4, 4), generator=g, dtype=torch.uint8)
    labels = torch.tensor([0, 1, 2] * 4 + [-1] * 18)
    return LabelledBatches(images, labels, classes=3, labelled=rows, unlabelled=rows, seed=0)


def ladder(gain: bool = True) -> Ladder:
    with seeded(0):
        return Ladder(SIZES, gain=gain)


def generator() -> nn.Module:
    with seeded(1):
        return Perceptron((5, 8, 16), shape=(1, 4, 4))
