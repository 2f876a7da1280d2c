"""The energy's auto-encoder alone, on real data: what one trains to choose a margin.  arXiv:1609.03126, appendix E.

    L_D(x) = E(x) = ||Dec(Enc(x)) - x||            eq. 13

Its converged energy says how well D can fit the data at all, and is where the search for m starts.
"""

from functools import partial

from torch import Tensor, nn

from energan.engine.game import Batch, Game, Logs, Move, Player, Players
from energan.engine.optimizers import Adam, Optimizer
from energan.losses.energy import Kind, energy
from energan.utils.specification import recorded


def reconstruction_loss(p: Players, b: Batch, kind: Kind) -> tuple[Tensor, Logs]:
    real_energy = energy(b.x, p.D(b.x)[0], kind).mean()
    return real_energy, {"E(x)": real_energy}


@recorded
def autoencoder(D: nn.Module, *, kind: Kind = "l2", optimizer_D: Optimizer = Adam(1e-3)) -> Game:
    """The auto-encoder game of one player; its samples are its reconstructions of b.x."""
    return Game(
        players={"D": Player(D, optimizer_D)},
        turns={"D": (Move(partial(reconstruction_loss, kind=kind), min=("D",)),)},
        order=lambda t: ("D",),
        noise={},
        hyperparameters={},
        sample=lambda p, b: p.D(b.x)[0].clamp(-1, 1),  # its output is linear
        energy=lambda p, b: energy(b.x, p.D(b.x)[0], kind),
    )
