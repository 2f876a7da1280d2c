"""Model: its parts are built once, stay in eval mode, and what a system lacks is one sentence."""

import pytest
import torch
from torch import nn

from energan.engine.game import Game, Player
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
