"""The classifier's small game, and its steps by hand."""

from small_games import MLP, Small
from torch import nn

from energan.engine.game import Game
from energan.engine.optimizers import SGD
from energan.engine.rng import seeded
from energan.games.semi_supervised.classifier import classifier


def build(seed: int, i: int) -> Game:
    with seeded(seed):
        net = nn.Sequential(nn.Flatten(), nn.Linear(16, 5), nn.Tanh(), nn.Linear(5, 3))
    return classifier(net, optimizer_E=SGD(0.1 * (i + 1), momentum=0.5))


def by_hand(E, x, y, **_):
    return {"E": lambda: -(y * (E(x).exp() / E(x).exp().sum(1, keepdim=True)).log()).sum(1).mean()}


SMALL = {"classifier": Small(build, MLP, classes=3)}
BY_HAND = {"classifier": by_hand}
