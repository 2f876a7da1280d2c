"""Text to image: small games of the four systems, and their steps by hand."""

from functools import partial

import pytest
import torch
from small_games import MLP, Small, Z, builder, float64, turn_batch
from torch import Tensor, nn

from energan.engine.game import Batch, Game
from energan.games.conditional.gan_cls import gan_cls, gan_int, gan_int_cls, gan_text
from energan.losses.adversarial import discriminator, matching_aware
from energan.networks.dense import mlp
from energan.networks.dense.perceptron import Perceptron
from energan.networks.layers.bank import Bank
from energan.networks.layers.condition import Joined

WORDS = 4  # numbers of a code


def G() -> nn.Module:
    return Joined(mlp.Generator(Z + WORDS, MLP, layers=3, size=8), WORDS)


class Read(nn.Module):
    """D of images beside codes."""

    def __init__(self) -> None:
        super().__init__()
        self.net = Perceptron((16 + WORDS, 8, 1), shape=(), activation="tanh")

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        return self.net(torch.cat([x.flatten(1), t], 1))


def small(make: partial[Game] | object) -> Small:
    def asked(G: nn.Module, D: nn.Module, **of: object) -> Game:
        return make(G, D, Bank(WORDS, rows=6), **of)

    return Small(builder(asked, {"G": G, "D": Read}), MLP, words=WORDS)


SMALL = {
    "gan-text": small(gan_text),
    "gan-cls": small(gan_cls),
    "gan-int": small(gan_int),
    "gan-int-cls": small(gan_int_cls),
}


def by_hand(G, D, x, h, h_wrong, z, wrong: bool, interpolation=0.0, z_between=None, **_):
    def yes(at, words):
        return torch.sigmoid(D(at, words)).log().mean()

    def no(at, words):
        return (1 - torch.sigmoid(D(at, words))).log().mean()

    def learn():
        fake = G(z, h).detach()
        return -(yes(x, h) + ((no(x, h_wrong) + no(fake, h)) / 2 if wrong else no(fake, h)))

    def fool():
        loss = -yes(G(z, h), h)
        if z_between is None:
            return loss
        between = torch.stack([(h[i] + h[i + 2]) / 2 for i in range(2)])  # of five rows
        return loss - interpolation * yes(G(z_between[:2], between), between)

    return {"D": learn, "G": fool}


BY_HAND = {name: partial(by_hand, wrong="cls" in name) for name in SMALL}


def test_a_matching_aware_d_weighs_both_kinds_of_wrong_pairs_alike():
    right, wrong, fake = torch.tensor([1.0, -2.0]), torch.tensor([0.5]), torch.tensor([3.0, 1.0, 0.0])
    expected = -right.sigmoid().log().mean()
    expected = expected - ((1 - wrong.sigmoid()).log().mean() + (1 - fake.sigmoid()).log().mean()) / 2
    torch.testing.assert_close(matching_aware(right, wrong, fake), expected)
    assert matching_aware(right, fake, fake) == discriminator(right, fake)  # nothing but samples: the plain loss


@pytest.mark.parametrize("name", SMALL)
def test_only_a_matching_aware_d_reads_wrong_words(name):
    game = SMALL[name].build(0, 0)
    p, b = float64(game), turn_batch(SMALL[name], game)
    other = Batch({**b._values, "h_wrong": b.h_wrong + 1})
    before, after = (game.turns["D"][0].objective(p, each)[0].detach() for each in (b, other))
    assert torch.equal(before, after) == ("cls" not in name)


@pytest.mark.parametrize("name", SMALL)
def test_what_nobody_asked_for_is_drawn_for_training_sentences(name):
    game = SMALL[name].build(0, 0)
    p = float64(game)
    codes = torch.arange(12.0).view(3, WORDS).double()
    game.players["T"].net.fill(codes)
    drawn = game.conditions.draw(p, Batch({"u": torch.tensor([0.0, 0.5, 0.99]).double()}))
    assert torch.equal(drawn, codes)
    assert all(w.grad is None for w in game.players["T"].net.parameters())
    x, c = turn_batch(SMALL[name], game).x, torch.zeros(5, WORDS).double()
    torch.testing.assert_close(game.conditions.match(p, Batch({"x": x, "c": c})), p.D(x, c))
