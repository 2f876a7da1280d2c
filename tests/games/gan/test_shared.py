"""G moves on the samples that D has just learned from: small games, their steps by hand, and where it is refused."""

from functools import partial

import pytest
from small_games import CONV, CONV_G, MLP, POINTS, Small

from energan.games.gan.variations import shared
from energan.utils.errors import UserError
from tests.games.energy import test_ebgan
from tests.games.gan import test_gan, test_wgan_gp


def sharing(make, seed: int, i: int):
    return shared(make(seed, i))


CONVOLUTIONAL = partial(test_gan.build, G=CONV_G, D=test_gan.CONV_D)
SMALL = {
    "gan shared": Small(partial(sharing, CONVOLUTIONAL), CONV, bounded=False),
    "ebgan-pt shared": Small(partial(sharing, test_ebgan.SMALL["ebgan-pt"].build), MLP),
    "wgan-gp shared": Small(partial(sharing, test_wgan_gp.SMALL["wgan-gp"].build), POINTS, bounded=False, images=False),
}
BY_HAND = {
    "gan shared": test_gan.by_hand,
    "ebgan-pt shared": test_ebgan.BY_HAND["ebgan-pt"],
    "wgan-gp shared": test_wgan_gp.by_hand,
}


def test_a_turn_shares_with_the_one_before_it_that_does_not_move_g() -> None:
    assert {name: small.build(0, 0).share for name, small in SMALL.items()} == {
        "gan shared": {"G": "D"}, "ebgan-pt shared": {"G": "D"}, "wgan-gp shared": {"G": "f"},
    }  # fmt: skip


def test_a_game_without_such_a_turn_is_refused() -> None:
    with pytest.raises(UserError, match=r"^no turn of G follows another's here \(turns: both\): nothing to share$"):
        shared(test_gan.SMALL["gan simultaneous"].build(0, 0))
