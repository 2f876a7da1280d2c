"""LSGAN's small game, and its steps by hand."""

from small_games import POINTS, Small, on_points

from energan.games.gan.lsgan import lsgan

SMALL = {"lsgan": Small(on_points(lsgan), POINTS, bounded=False, images=False)}


def by_hand(G, D, x, z, **_):
    def d():
        return ((D(x) - 1) ** 2).mean() / 2 + (D(G(z).detach()) ** 2).mean() / 2

    return {"D": d, "G": lambda: ((D(G(z)) - 1) ** 2).mean() / 2}


BY_HAND = {"lsgan": by_hand}
