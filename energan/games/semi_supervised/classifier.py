"""A classifier from its labels alone: the encoder that plug and play inverts.

    L_E(x, y) = - E log p(y | x)        p(y | x) = softmax of E's logits

x (n, ...) images in [-1, 1]; y (n, classes) one-hot; the net E returns logits (n, classes).
"""

from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from energan.engine.game import Batch, Game, Logs, Move, Player, Players
from energan.engine.optimizers import SGD, Optimizer
from energan.engine.precision import wide
from energan.utils.specification import recorded

MEANINGS = {
    "CE": "cross-entropy of the labels, in nats",
}


def loss(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    ce = cross_entropy(wide(p.E(b.x)), b.y)
    return ce, {"CE": ce}


@recorded
def classifier(E: nn.Module, *, optimizer_E: Optimizer = SGD(1e-2, momentum=0.5)) -> Game:
    """Cross-entropy. The optimizer is that of the thesis (hesampakdaman/ppgn-disc): batches of 64, 5 epochs."""
    return Game(
        players={"E": Player(E, optimizer_E)},
        turns={"E": (Move(loss, min=("E",)),)},
        logits=lambda p, b: p.E(b.x),
        meanings=MEANINGS,
    )
