"""EBGAN's auto-encoder alone, on real data: what one trains to choose a margin.  "Energy-based generative adversarial
network", Zhao, Mathieu & LeCun 2016, arXiv:1609.03126, appendix E.

    L_D(x) = E(x) = ||Dec(Enc(x)) - x||            eq. 13

x (n, ...) in [-1, 1]; the net D returns (reconstruction, code). The converged energy says how well D can fit the data
at all; the search for m starts there.
"""

from functools import partial

from torch import Tensor, nn

from energan.engine.game import Batch, Game, Logs, Move, Player, Players
from energan.engine.optimizers import Adam, Optimizer
from energan.losses.energy import Kind, energy, energy_map
from energan.utils.specification import recorded

MEANINGS = {
    "E(x)": (
        "mean energy of real images, how badly D reconstructs them; where it settles, the search for a margin starts"
    ),
}


def reconstruction_loss(p: Players, b: Batch, kind: Kind) -> tuple[Tensor, Logs]:
    real_energy = energy(b.x, p.D(b.x)[0], kind).mean()
    return real_energy, {"E(x)": real_energy}


@recorded
def autoencoder(D: nn.Module, *, kind: Kind = "l2", optimizer_D: Optimizer = Adam(1e-3)) -> Game:
    """The auto-encoder game of one player."""
    return Game(
        players={"D": Player(D, optimizer_D)},
        turns={"D": (Move(partial(reconstruction_loss, kind=kind), min=("D",)),)},
        energy=lambda p, b: energy(b.x, p.D(b.x)[0], kind),
        energy_map=lambda p, b: energy_map(b.x, p.D(b.x)[0], kind),
        meanings=MEANINGS,
    )
