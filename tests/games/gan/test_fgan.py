"""f-GAN's small games, and their steps by hand."""

import math
from functools import partial

from small_games import POINTS, Small, on_points

from energan.games.gan.fgan import fgan

fgan_on_points = partial(on_points, fgan, who="V")
SMALL = {
    "fgan": Small(fgan_on_points(divergence="jensen-shannon"), POINTS, bounded=False, images=False),
    "fgan double loop": Small(fgan_on_points(critic_steps=2, loss="trick"), POINTS, bounded=False, images=False),
    "fgan trick": Small(fgan_on_points(divergence="kl", loss="trick"), POINTS, bounded=False, images=False),
}


def by_hand(G, V, x, z, **_):
    """The Jensen-Shannon row of the paper's tables."""

    def bound():
        def g(v):
            return math.log(2) - (1 + (-v).exp()).log()

        return g(V(x)).mean() + (2 - g(V(G(z))).exp()).log().mean()

    return {"both": {"G": bound, "V": lambda: -bound()}}


BY_HAND = {"fgan": by_hand}
