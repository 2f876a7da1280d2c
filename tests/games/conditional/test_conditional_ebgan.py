"""Conditional EBGAN: small games, their steps by hand, and what mismatched classes are."""

from functools import partial

import pytest
import torch
from small_games import MLP, Small, builder, norm, turn_batch
from torch import Tensor

from energan.engine import Trainer
from energan.engine.noise import one_hot
from energan.games.conditional.conditional import conditional
from energan.games.conditional.conditional_ebgan import conditional_ebgan, moved_on
from energan.games.energy.ebgan import ebgan, ebgan_pt
from tests.games.conditional.test_conditional import CLASSES, G, Reconstruct

NETS = {"G": G, "D": Reconstruct}


def small(**settings: float) -> Small:
    return Small(builder(partial(conditional_ebgan, classes=CLASSES, **settings), NETS), MLP, labels=CLASSES)


SMALL = {
    "conditional-ebgan": small(margin=4.0, mismatch=0.5),
    "conditional-ebgan without a contrast": small(margin=4.0, pt=0.0),
}


def pulling_away(code: Tensor) -> Tensor:
    rows, n = code.flatten(1), len(code)
    cosines = [[a @ b / (a.norm() * b.norm()) for b in rows] for a in rows]
    return sum(cosines[i][j] ** 2 for i in range(n) for j in range(n) if i != j) / (n * (n - 1))


def by_hand(G, D, x, y, z, margin, pt=0.0, mismatch=0.0, wrong=None, **_):
    def E(at, c):
        return norm(D(at, c)[0] - at)

    def learn():
        fake = G(z, y).detach()
        loss = (E(x, y) + (margin - E(fake, y)).clamp(min=0)).mean()
        if wrong is None:
            return loss
        other = [(int(c.argmax()) + 1 + int(r.argmax())) % CLASSES for c, r in zip(y, wrong, strict=True)]
        return loss + mismatch * (margin - E(x, torch.eye(CLASSES, dtype=x.dtype)[other])).clamp(min=0).mean()

    def fool():
        fake = G(z, y)
        return E(fake, y).mean() + (pt * pulling_away(D(fake, y)[1]) if pt else 0)

    return {"D": learn, "G": fool}


BY_HAND = dict.fromkeys(SMALL, by_hand)


@pytest.mark.parametrize("pt", [0.1, 0.0])
def test_without_mismatched_classes_it_is_ebgan_asked_for_a_class(pt: float):
    """The other game's noise has no other class than c, and so draws the same z."""
    plain = partial(ebgan_pt, pt=pt) if pt else ebgan
    ours = builder(partial(conditional_ebgan, classes=CLASSES, pt=pt), NETS)(0, 0)
    theirs = builder(lambda **of: conditional(plain(**of), CLASSES), NETS)(0, 0)
    batch = turn_batch(SMALL["conditional-ebgan"], ours)
    data = {"x": batch.x.float(), "y": batch.y.float()}
    a, b = Trainer(ours, lambda k: data), Trainer(theirs, lambda k: data)
    for _ in range(3):
        assert a.step() == b.step()


def test_a_wrong_class_is_never_the_right_one_and_each_is_as_likely():
    n = 6000
    y = one_hot(4)(torch.Generator().manual_seed(0), n)
    wrong = moved_on(y, one_hot(3)(torch.Generator().manual_seed(1), n))
    assert bool(((wrong == 0) | (wrong == 1)).all()) and bool((wrong.sum(1) == 1).all())
    assert not bool((wrong * y).any())
    counts = y.T @ wrong
    assert float((counts / counts.sum(1, keepdim=True) - (1 - torch.eye(4)) / 3).abs().max()) < 0.05


def test_two_classes_have_one_wrong_class_each():
    assert moved_on(torch.eye(2), torch.ones(2, 1)).tolist() == [[0, 1], [1, 0]]


def test_no_wrong_class_is_drawn_where_none_is_used():
    assert [("wrong" in row.build(0, 0).noise) for row in SMALL.values()] == [True, False]
