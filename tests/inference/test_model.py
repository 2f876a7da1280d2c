"""Model: its parts are built once, stay in eval mode, and what a system lacks is one sentence."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from energan.engine.game import Game, Player
from energan.games.gan.lsgan import lsgan
from energan.inference.model import Model
from energan.inference.modules import PARTS
from energan.utils.errors import UserError


def model(**readouts: object) -> Model:
    net = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.Dropout())
    everything = {"players": {"D": Player(net)}, "turns": {}, "order": lambda t: (), "noise": {}}
    return Model(Game(**{**everything, "hyperparameters": {}, "sample": None, **readouts}), {"D": net})


def test_each_part_is_one_module_in_eval_mode() -> None:
    m = model(energy=lambda p, b: p.D(b.x).sum(1), logits=lambda p, b: p.D(b.x))
    assert m.energy is m.energy and m.classifier is m.classifier
    assert not m.energy.training and not any(net.training for net in m.nets.values())
    images = torch.randint(0, 256, (5, 1, 2, 2), dtype=torch.uint8)
    assert torch.equal(m.score(images), m.score(images))
    assert torch.allclose(m.probabilities(images).sum(1), torch.ones(5))


@pytest.mark.parametrize("part", PARTS)
def test_what_a_system_lacks_is_one_sentence(part: str) -> None:
    with pytest.raises(UserError, match=r"^this run's system has no "):
        model().require(part)
    field = PARTS[part][0]
    model(**{field: lambda p, b: p.D(b.x)}).require(part)


def test_reading_a_part_that_is_not_there_says_the_same() -> None:
    for part in ("generator", "energy", "classifier"):
        with pytest.raises(UserError, match=r"^this run's system has no "):
            getattr(model(), part)


def drawing() -> Model:
    G = nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.Unflatten(1, (1, 4, 4)))
    D = nn.Sequential(nn.Flatten(), nn.Linear(16, 1), nn.Dropout(0.5), nn.Flatten(0))
    return Model(lsgan(G, D, z=4), {"G": G, "D": D}, shape=(1, 4, 4))


@pytest.mark.parametrize("n", [0, -1, 2.5, "3", None, True, 10**13])
def test_numbers_of_images_that_are_none(n: Any) -> None:
    with pytest.raises(UserError, match=r"^n "):
        drawing().sample(n)


@pytest.mark.parametrize("seed", [-1, 2**63, 1.5, "a", None])
def test_seeds_that_are_none(seed: Any) -> None:
    """Below 0, noise of the training would be drawn again."""
    with pytest.raises(UserError, match=r"^seed "):
        drawing().sample(2, seed)


def test_numbers_of_numpy_and_torch_are_numbers() -> None:
    model = drawing()
    assert torch.equal(model.sample(np.int64(2), np.int32(3)), model.sample(torch.tensor(2), 3))


@pytest.mark.parametrize("part", ["generator", "energy"])
def test_a_network_in_training_mode_gives_no_numbers(part: str) -> None:
    """They would depend on the other images, or on chance."""
    model = drawing()
    images, energies = model.sample(3), model.score(model.sample(3))
    getattr(model, part).train()
    with pytest.raises(UserError, match="training mode"):
        model.score(images)
    with pytest.raises(UserError, match="training mode"):
        model.sample(3)
    getattr(model, part).eval()
    assert torch.equal(model.score(images), energies)
