"""BEGAN's small game, and its steps by hand."""

from small_games import MLP, MLP_AE, MLP_G, Small, builder

from energan.games.energy.began import began

SMALL = {"began": Small(builder(began, {"G": MLP_G, "D": MLP_AE}, k=0.5, rate=0.1), MLP, clamp={"k": (0.0, 1.0)})}


def by_hand(G, D, k, x, z, gamma, **_):
    def pixels(v):
        return (v - D(v)[0]).abs().mean()

    def d():
        return pixels(x) - k.k.item() * pixels(G(z).detach())

    def balance():
        return -k.k * (gamma * pixels(x) - pixels(G(z))).item()

    return {"all": {"D": d, "G": lambda: pixels(G(z)), "k": balance}}


BY_HAND = {"began": by_hand}
