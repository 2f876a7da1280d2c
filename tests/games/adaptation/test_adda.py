"""ADDA: its small game and its steps by hand, the twin encoders, who learns when."""

from functools import partial

import pytest
import torch
from small_games import MLP, Small
from torch import Tensor, nn

from energan.engine import Trainer
from energan.engine.game import Game
from energan.engine.optimizers import SGD, Adam
from energan.engine.rng import seeded
from energan.games.adaptation.adda import adda
from energan.networks.conv import adda as nets
from energan.utils.errors import UserError


def build(seed: int, i: int, adapt_from: int = 1, apart: int = 0) -> Game:
    """apart: how far the encoders' seeds are from each other; 0: they are twins."""
    twins = []
    for number in range(2):
        with seeded(seed + number * apart):
            twins.append(nn.Sequential(nn.Flatten(), nn.Linear(16, 6), nn.Tanh()))
            C, D = nn.Linear(6, 3), nn.Sequential(nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, 1), nn.Flatten(0))
    rates = {"optimizer_S": SGD(0.1 * (i + 1), momentum=0.9), "optimizer_E": SGD(0.05, momentum=0.5)}
    return adda(*twins, C, D, adapt_from=adapt_from, optimizer_D=SGD(0.1), **rates)


def by_hand(S, E, C, D, x, y, u, **_):
    def labels(encoder):
        return lambda: -(y * C(encoder(x)).log_softmax(1)).sum(1).mean()

    def domains():
        return -torch.sigmoid(D(S(x))).log().mean() - (1 - torch.sigmoid(D(E(u)))).log().mean()

    return {
        "labels": {"S": labels(S), "C": labels(S), "E": labels(E)},
        "D": {"D": domains},
        "E": {"E": lambda: -torch.sigmoid(D(E(u))).log().mean()},
    }


SMALL = {"adda": Small(partial(build, apart=7), MLP, classes=3)}  # D must see S and E each as it is
BY_HAND = {"adda": by_hand}


def source(k: int) -> dict[str, Tensor]:
    g = torch.Generator().manual_seed(k)
    y = torch.eye(3)[torch.randint(3, (6,), generator=g)]
    return {"x": torch.rand(6, 1, 4, 4, generator=g), "y": y, "u": torch.rand(6, 1, 4, 4, generator=g) - 1}


def weights(one: Trainer, *names: str) -> list[Tensor]:
    return [w.detach().clone() for name in names for w in one.nets[name].parameters()]


def same(first: list[Tensor], second: list[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_the_targets_encoder_is_the_sources_until_it_adapts_alone() -> None:
    one = Trainer(build(0, 0, adapt_from=4), source, seed=0)
    before = weights(one, "D")
    for _ in range(4):
        one.step()
    assert same(weights(one, "S"), weights(one, "E")) and same(weights(one, "D"), before)
    kept = weights(one, "S", "C")
    for _ in range(3):
        one.step()
    assert same(weights(one, "S", "C"), kept)
    assert not same(weights(one, "S"), weights(one, "E")) and not same(weights(one, "D"), before)


def test_the_encoder_moves_on_by_nothing_that_labels_left_it() -> None:
    """Its second optimizer begins anew: the first step of SGD with momentum is the plain gradient's."""
    one = Trainer(build(0, 0, adapt_from=3), source, seed=0)
    for _ in range(3):
        one.step()
    E, D = one.nets["E"], one.nets["D"]
    before, after_D = weights(one, "E"), None
    one.game.turns_at(3)
    for turn in ("D", "E"):
        if turn == "E":
            after_D = torch.autograd.grad(
                nn.functional.softplus(-D(E(source(one._draws)["u"]))).mean(), list(E.parameters())
            )
        one.play([turn], [one.next_inputs()])
    assert after_D is not None
    for w, old, g in zip(weights(one, "E"), before, after_D, strict=True):
        torch.testing.assert_close(w, old - 0.05 * g)


def test_the_papers_networks() -> None:
    E, C, D = nets.encoder(), nets.classifier(), nets.domain_critic()
    features = E(torch.zeros(2, 3, 28, 28))
    assert features.shape == (2, 500) and C(features).shape == (2, 10) and D(features).shape == (2,)
    assert [layer.out_features for layer in D if isinstance(layer, nn.Linear)] == [500, 500, 1]
    with pytest.raises(UserError, match="16 x 16 pixels or more, not 15 x 15"):
        nets.encoder(size=15)


def test_the_papers_rates_are_the_defaults() -> None:
    with seeded(0):
        small = [nn.Linear(4, 2) for _ in range(4)]
    game = adda(*small, adapt_from=2)
    assert game.players["D"].optimizer == Adam(2e-4, beta1=0.5)
