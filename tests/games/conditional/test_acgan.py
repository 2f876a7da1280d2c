"""ACGAN: a small game, and its steps by hand."""

import torch
from small_games import MLP, Small, Z, builder, float64, turn_batch
from torch import Tensor, nn

from energan.engine.game import Batch
from energan.games.conditional.acgan import acgan
from energan.networks.dense import mlp
from energan.networks.layers.condition import Joined

CLASSES = 3


class TwoHeads(nn.Module):
    """x -> (logit, class logits)."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk, self.source, self.kind = nn.Linear(16, 8), nn.Linear(8, 1), nn.Linear(8, CLASSES)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = self.trunk(x.flatten(1)).tanh()
        return self.source(h).squeeze(1), self.kind(h)


def G() -> nn.Module:
    return Joined(mlp.Generator(Z + CLASSES, MLP, layers=3, size=8), CLASSES)


def make(**of: object):
    return acgan(classes=CLASSES, weight=0.7, **of)


SMALL = {"acgan": Small(builder(make, {"G": G, "D": TwoHeads}), MLP, bounded=False, labels=CLASSES)}


def log_probability(k: Tensor, y: Tensor) -> Tensor:
    return (k.exp() * y).sum(1).log() - k.exp().sum(1).log()


def by_hand(G, D, x, y, z, weight, **_):
    def learn():
        (real, k_real), (fake, k_fake) = D(x), D(G(z, y).detach())
        source = torch.sigmoid(real).log().mean() + (1 - torch.sigmoid(fake)).log().mean()
        kind = log_probability(k_real, y).mean() + log_probability(k_fake, y).mean()
        return -(source + weight * kind)

    def fool():
        fake, k = D(G(z, y))
        return -(torch.sigmoid(fake).log().mean() + weight * log_probability(k, y).mean())

    return {"D": learn, "G": fool}


BY_HAND = {"acgan": by_hand}


def test_the_match_is_the_log_probability_of_the_class():
    game = SMALL["acgan"].build(0, 0)
    p, b = float64(game), turn_batch(SMALL["acgan"], game)
    each = [game.conditions.match(p, Batch({"x": b.x, "c": row.expand(5, -1)})) for row in torch.eye(CLASSES).double()]
    torch.testing.assert_close(torch.stack(each).exp().sum(0), torch.ones(5).double())
    assert torch.equal(torch.stack(each).argmax(0), p.D(b.x)[1].argmax(1))


def test_class_errors_count_the_wrong_answers():
    game = SMALL["acgan"].build(0, 0)
    p, b = float64(game), turn_batch(SMALL["acgan"], game)
    _, logs = game.turns["D"][0].objective(p, b)
    expected = sum(a != c for a, c in zip(p.D(b.x)[1].argmax(1).tolist(), b.y.argmax(1).tolist(), strict=True)) / 5
    assert float(logs["class error"]) == torch.tensor(expected).item()
