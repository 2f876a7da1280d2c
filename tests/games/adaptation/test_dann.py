"""DANN: its small game and its step by hand, what lambda does, the domains that batches are of."""

import math

import pytest
import torch
from small_games import MLP, Small
from torch import nn

from energan.data.few_labels import LabelledBatches
from energan.engine import Trainer
from energan.engine.game import Batch, Game
from energan.engine.optimizers import SGD, inverse_decay
from energan.engine.rng import seeded
from energan.games.adaptation.dann import dann, slower, strength
from energan.networks.conv import dann as nets
from energan.utils.errors import UserError

TOTAL = 8


def build(seed: int, i: int, weight: float = 1.0) -> Game:
    with seeded(seed):
        E = nn.Sequential(nn.Flatten(), nn.Linear(16, 6), nn.Tanh())
        C, D = nn.Linear(6, 3), nn.Sequential(nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, 1), nn.Flatten(0))
    sgd = SGD(0.1 * (i + 1), momentum=0.9)
    rates = {f"optimizer_{name}": sgd for name in "ECD"}
    return dann(E, C, D, span=TOTAL, weight=weight * (i + 1), **rates)


def by_hand(E, C, D, x, y, u, weight, T, t, **_):
    rate = weight * (2 / (1 + math.exp(-10 * float(t) / T)) - 1)

    def labels():
        return -(y * (C(E(x)).exp() / C(E(x)).exp().sum(1, keepdim=True)).log()).sum(1).mean()

    def domains():
        return -torch.sigmoid(D(E(x))).log().mean() - (1 - torch.sigmoid(D(E(u)))).log().mean()

    return {"all": {"E": lambda: labels() - rate * domains(), "C": labels, "D": domains}}


SMALL = {"dann": Small(build, MLP, classes=3)}
BY_HAND = {"dann": by_hand}


def test_lambda_rises_from_nothing_to_its_weight() -> None:
    def at(t: float, weight: float = 1.0) -> float:
        values = {"t": torch.tensor(t), "weight": torch.tensor(weight), "T": torch.tensor(100.0)}
        return float(strength(Batch(values)))

    assert (
        at(0) == 0
        and at(50) == pytest.approx(2 / (1 + math.exp(-5)) - 1)
        and at(100, 0.5) == pytest.approx(0.49995, rel=1e-4)
    )


def test_features_are_the_same_and_their_gradient_is_slower() -> None:
    x = torch.randn(4, 3, requires_grad=True)
    out = slower(x, torch.tensor(0.25))
    assert torch.equal(out, x)
    out.sum().backward()
    assert x.grad is not None and torch.equal(x.grad, torch.full((4, 3), 0.25))


def test_without_weight_features_are_those_of_the_labels_alone() -> None:
    def source(k: int) -> dict[str, torch.Tensor]:
        g = torch.Generator().manual_seed(k)
        y = torch.eye(3)[torch.randint(3, (6,), generator=g)]
        return {"x": torch.rand(6, 1, 4, 4, generator=g), "y": y, "u": torch.rand(6, 1, 4, 4, generator=g)}

    one, other = (Trainer(build(0, 0, weight), source, seed=0) for weight in (0.0, 1.0))
    blind = Trainer(build(0, 0, 0.0), lambda k: {**source(k), "u": 7 * source(k)["u"]}, seed=0)
    for _ in range(4):
        one.step(), other.step(), blind.step()
    first, adapted, third = ([*player.nets["E"].parameters()] for player in (one, other, blind))
    assert all(torch.equal(a, b) for a, b in zip(first, third, strict=True))  # whatever the target shows
    assert not all(torch.equal(a, b) for a, b in zip(first, adapted, strict=True))


def test_the_rate_falls_as_the_authors() -> None:
    assert inverse_decay(100)(0) == 1 and inverse_decay(100)(50) == pytest.approx(6**-0.75)


def test_images_without_labels_are_of_the_target_alone() -> None:
    images = torch.cat([torch.zeros(10, 1, 4, 4), torch.full((7, 1, 4, 4), 255.0)]).to(torch.uint8)
    labels = torch.tensor([*range(10)]) % 3
    both = torch.cat([labels, torch.full((7,), -1)])
    source = LabelledBatches(images, both, classes=3, labelled=4, unlabelled=3, seed=0, apart=True)
    for k in range(9):
        batch = source(k)
        assert bool((batch["x"] == -1).all()) and bool((batch["u"] == 1).all()) and batch["y"].sum() == 4
    seen = torch.cat([source.chosen(k)["unlabelled"] for k in range(2)])
    assert len(seen.unique()) == 6 and int(seen.min()) >= 10  # a pass has each once
    with pytest.raises(UserError, match="a batch of 8 unlabelled images cannot be drawn from 7"):
        LabelledBatches(images, both, classes=3, labelled=4, unlabelled=8, seed=0, apart=True)


def test_the_papers_networks() -> None:
    E, C, D = nets.encoder(), nets.classifier(), nets.domain_critic()
    features = E(torch.zeros(2, 3, 28, 28))
    assert features.shape == (2, 768) and C(features).shape == (2, 10) and D(features).shape == (2,)
    assert nets.features(32) == 48 * 25 and nets.encoder(channels=1, size=16)(torch.zeros(1, 1, 16, 16)).shape == (
        1,
        48,
    )
    with pytest.raises(UserError, match="16 x 16 pixels or more, not 15 x 15"):
        nets.encoder(size=15)
