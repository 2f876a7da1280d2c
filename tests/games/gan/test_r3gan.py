"""R3GAN's small game, and its steps by hand."""

from small_games import POINTS, Small, critic, gradients, on_points

from energan.games.gan.r3gan import r3gan

SMALL = {"r3gan": Small(on_points(r3gan, critic), POINTS, bounded=False, images=False)}


def by_hand(G, D, x, z, gamma, **_):
    def d():
        fake = G(z).detach()
        paired = (1 + (D(fake) - D(x)).exp()).log().mean()
        return paired + gamma / 2 * sum((gradients(D, at).flatten(1) ** 2).sum(1).mean() for at in (x, fake))

    return {"D": d, "G": lambda: (1 + (D(x) - D(G(z))).exp()).log().mean()}


BY_HAND = {"r3gan": by_hand}
