"""WGAN-GP's small game, and its steps by hand."""

from small_games import POINTS, Small, critic, gradient_penalty, on_points

from energan.games.gan.wgan_gp import wgan_gp

SMALL = {"wgan-gp": Small(on_points(wgan_gp, critic, who="f", critic_steps=2), POINTS, bounded=False, images=False)}


def by_hand(G, f, x, z, eps, penalty, **_):
    def learn():
        fake = G(z).detach()
        return f(fake).mean() - f(x).mean() + penalty * gradient_penalty(f, x, fake, eps)

    return {"f": learn, "G": lambda: -f(G(z)).mean()}


BY_HAND = {"wgan-gp": by_hand}
