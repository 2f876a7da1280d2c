"""Games that are asked for a class: small ones, whose losses are the plain games' with the class beside x or z."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from small_games import MLP, Small, Z, builder, float64, turn_batch
from torch import nn

from energan.engine.game import Batch, Game
from energan.games.conditional.conditional import conditional
from energan.games.energy.ebgan import ebgan_pt
from energan.games.gan.gan import gan
from energan.games.gan.r3gan import r3gan
from energan.games.gan.wgan_gp import wgan_gp
from energan.networks.dense import mlp
from energan.networks.dense.perceptron import Perceptron
from energan.networks.layers.condition import Joined
from tests.games.energy.test_ebgan import BY_HAND as OF_EBGAN
from tests.games.gan.test_gan import BY_HAND as OF_GAN
from tests.games.gan.test_r3gan import BY_HAND as OF_R3GAN
from tests.games.gan.test_wgan_gp import BY_HAND as OF_WGAN_GP

CLASSES = 3


def G() -> nn.Module:
    return Joined(mlp.Generator(Z + CLASSES, MLP, layers=3, size=8), CLASSES)


class Read(nn.Module):
    """D of images beside the class."""

    def __init__(self, bias: bool = True) -> None:
        super().__init__()
        self.net = Perceptron((16 + CLASSES, 8, 1), shape=(), activation="tanh")
        if not bias:
            self.net.net[-1].bias = None  # where readings count only in differences, it would have no gradient

    def forward(self, x: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
        return self.net(torch.cat([x.flatten(1), c], 1))


class Reconstruct(nn.Module):
    """An auto-encoder of images, which is told the class."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.Linear(16 + CLASSES, 6), nn.Linear(6 + CLASSES, 16)

    def forward(self, x: torch.Tensor, c: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        code = self.encoder(torch.cat([x.flatten(1), c], 1))
        return self.decoder(torch.cat([code.tanh(), c], 1)).view_as(x), code


def small(make: Callable[..., Game], D: Callable[[], nn.Module], who: str = "D", bounded: bool = False) -> Small:
    def asked(**of: object) -> Game:
        return conditional(make(**of), CLASSES, ("G", who))

    return Small(builder(asked, {"G": G, who: D}), MLP, bounded=bounded, labels=CLASSES)


SMALL = {
    "gan of a class": small(gan, Read),
    "wgan-gp of a class": small(partial(wgan_gp, critic_steps=2), partial(Read, bias=False), "f"),
    "r3gan of a class": small(r3gan, partial(Read, bias=False)),
    "ebgan-pt of a class": small(ebgan_pt, Reconstruct, bounded=True),
}


def told(plain: Callable[..., dict], who: str) -> Callable[..., dict]:
    """The plain game's losses, whose players take the class too."""

    def by_hand(y, **values):
        of = {name: (lambda *a, net=values[name]: net(*a, y)) for name in ("G", who)}
        return plain(**{**values, **of})

    return by_hand


BY_HAND = {
    "gan of a class": told(OF_GAN["gan"], "D"),
    "wgan-gp of a class": told(OF_WGAN_GP["wgan-gp"], "f"),
    "r3gan of a class": told(OF_R3GAN["r3gan"], "D"),
    "ebgan-pt of a class": told(OF_EBGAN["ebgan-pt"], "D"),
}


@pytest.mark.parametrize("name", SMALL)
def test_the_energy_is_that_with_the_class_that_suits_an_image_best(name):
    game = SMALL[name].build(0, 0)
    p, b = float64(game), turn_batch(SMALL[name], game)
    each = [
        game.conditions.match(p, Batch({"x": b.x, "c": torch.eye(CLASSES, dtype=torch.float64)[[k] * 5]}))
        for k in range(CLASSES)
    ]
    torch.testing.assert_close(game.energy(p, Batch({"x": b.x})), -torch.stack(each).amax(0))
    assert not torch.allclose(each[0], each[1])


@pytest.mark.parametrize("name", SMALL)
def test_a_sample_is_of_the_class_that_is_asked_for(name):
    game = SMALL[name].build(0, 0)
    p, b = float64(game), turn_batch(SMALL[name], game)
    values = {k: getattr(b, k) for k in game.noise}
    torch.testing.assert_close(game.sample(p, Batch(values)), p.G(b.z, b.c))
    other = Batch({**values, "c": values["c"].roll(1, 1)})
    assert not torch.allclose(game.sample(p, other), game.sample(p, Batch(values)))
