"""The small games of EBM losses, and their steps by hand."""

from small_games import MLP, MLP_AE, MLP_G, Small, builder, norm

from energan.games.energy.energy_losses import energy_losses

NETS = {"G": MLP_G, "D": MLP_AE}
SMALL = {
    "energy-losses": Small(builder(energy_losses, NETS, margin=3.0), MLP),
    "energy-losses nll": Small(builder(energy_losses, NETS, loss="nll"), MLP),
}


def by_hand(G, D, x, z, margin, **_):
    def d():
        fake = G(z).detach()
        pushed = (margin - norm(fake - D(fake)[0])).clamp(min=0)
        return (norm(x - D(x)[0]) ** 2 + pushed**2).mean()

    return {"D": d, "G": lambda: norm(G(z) - D(G(z))[0]).mean()}


BY_HAND = {"energy-losses": by_hand}
