"""The Sinkhorn divergence's small game, and its steps by hand."""

import torch
from small_games import POINTS, Small, on_points

from energan.games.critic_free.sinkhorn import sinkhorn

SMALL = {"sinkhorn": Small(on_points(sinkhorn, None, epsilon=2.0, iterations=40), POINTS, images=False)}


def by_hand(G, x, z, epsilon, **_):
    def transport(a, b):
        cost = ((a[:, None] - b) ** 2).sum(2) / 2
        kernel = (-cost.detach() / epsilon).exp()
        u = torch.ones(len(a), dtype=a.dtype)
        for _ in range(300):
            v = 1 / (kernel.T @ u)
            u = 1 / (kernel @ v)
        plan = u[:, None] * kernel * v / len(a)  # the rows and columns sum to 1/n
        return (plan * cost).sum() + epsilon * (plan * (plan * len(a) ** 2).log()).sum()

    return {"G": lambda: transport(x, G(z)) - transport(x, x) / 2 - transport(G(z), G(z)) / 2}


BY_HAND = {"sinkhorn": by_hand}
