"""What a system reads of an image and a condition, by hand."""

import pytest
import torch
from torch import nn

from energan.data import to_unit
from energan.engine.game import Conditions
from energan.engine.rng import seeded
from energan.games.conditional.conditional import conditional
from energan.games.gan.lsgan import lsgan
from energan.inference.match import match
from energan.inference.model import Model
from energan.networks.layers.condition import Joined, Planes
from energan.utils.errors import UserError


def model(classes: int = 3) -> Model:
    with seeded(0):
        G = Joined(nn.Sequential(nn.Linear(4 + classes, 16), nn.Unflatten(1, (1, 4, 4)), nn.Tanh()), classes)
        layers = (nn.Flatten(), nn.Linear((1 + classes) * 16, 8), nn.Tanh(), nn.Linear(8, 1), nn.Flatten(0))
        D = Planes(nn.Sequential(*layers), classes)
    return Model(conditional(lsgan(G, D, z=4), classes), {"G": G, "D": D}, shape=(1, 4, 4))


def images(n: int) -> torch.Tensor:
    return torch.randint(0, 256, (n, 1, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_each_image_is_read_with_each_condition() -> None:
    m, x = model(), images(300)  # more than go through the nets at a time
    found = match(m, x, torch.eye(3))
    for c in range(3):
        expected = m.nets["D"](to_unit(x), torch.eye(3)[[c]].expand(300, -1))
        torch.testing.assert_close(found[:, c], expected)
    torch.testing.assert_close(-found.amax(1), m.score(x))  # its energy is that of the class that suits it best
    assert float((found[:, 0] - found[:, 1]).std()) > 0


def test_what_cannot_be_asked_is_refused() -> None:
    m = model()
    plain = Model(m.game._replace(conditions=None), m.nets)
    with pytest.raises(UserError, match="cannot be asked for anything"):
        match(plain, images(2), torch.eye(3))


def test_a_sentence_is_no_class() -> None:
    m = model()
    assert m.classes == 3 and m.asked_width == 3
    asked = Conditions("text", m.game.conditions.match)
    of_text = Model(m.game._replace(conditions=asked), m.nets)
    assert of_text.classes == 0 and of_text.asked_width == 3
    with pytest.raises(UserError, match="draws no classes"):
        of_text.sample(2, class_index=1)
