"""GMMN's small game, and its steps by hand."""

import torch
from small_games import POINTS, Small, on_points

from energan.games.critic_free.gmmn import gmmn

SMALL = {"gmmn": Small(on_points(gmmn, None, widths=(0.5, 2.0)), POINTS, images=False)}


def by_hand(G, x, z, **_):
    def kernel(a, b):
        return sum(torch.exp(-((p - q) ** 2).sum() / 2 / s**2) for p in a for q in b for s in (0.5, 2.0)) / len(a) ** 2

    def g():
        return (kernel(x, x) + kernel(G(z), G(z)) - 2 * kernel(x, G(z))).sqrt()

    return {"G": g}


BY_HAND = {"gmmn": by_hand}
