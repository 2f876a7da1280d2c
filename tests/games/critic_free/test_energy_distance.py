"""The energy distance's small game, and its steps by hand."""

from small_games import POINTS, Small, on_points

from energan.games.critic_free.energy_distance import energy_distance

SMALL = {"energy-distance": Small(on_points(energy_distance, None), POINTS, images=False)}


def by_hand(G, x, z, **_):
    def between(a, b):
        return sum((p - q).norm() for p in a for q in b if p is not q)

    n = len(x)

    def g():
        y = list(G(z))  # rows, so that `is` tells a row from another
        rows = list(x)
        return 2 * between(rows, y) / n**2 - (between(rows, rows) + between(y, y)) / (n * (n - 1))

    return {"G": g}


BY_HAND = {"energy-distance": by_hand}
