"""WGAN's small game, and its steps by hand."""

from small_games import POINTS, Small, critic, on_points

from energan.games.gan.wgan import wgan

SMALL = {
    "wgan": Small(
        on_points(wgan, critic, who="f", clip=0.1, warm_steps=3),
        POINTS,
        bounded=False,
        images=False,
        clamp={"f": (-0.1, 0.1)},
    )
}


def by_hand(G, f, x, z, **_):
    return {"f": lambda: f(G(z).detach()).mean() - f(x).mean(), "G": lambda: -f(G(z)).mean()}


BY_HAND = {"wgan": by_hand}
