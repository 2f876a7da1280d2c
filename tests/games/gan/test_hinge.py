"""The hinge GAN's small game, and its steps by hand."""

from small_games import POINTS, Small, critic, on_points

from energan.games.gan.hinge import hinge

SMALL = {"hinge": Small(on_points(hinge, critic), POINTS, bounded=False, images=False)}


def by_hand(G, D, x, z, **_):
    def d():
        return (1 - D(x)).clamp(min=0).mean() + (1 + D(G(z).detach())).clamp(min=0).mean()

    return {"D": d, "G": lambda: -D(G(z)).mean()}


BY_HAND = {"hinge": by_hand}
