"""Energy-based GAN with other losses in place of the hinge.  "A tutorial on energy-based learning", LeCun, Chopra,
Hadsell, Ranzato & Huang 2006, table 1; the generator is EBGAN's (Zhao, Mathieu & LeCun 2016, arXiv:1609.03126).

    L_D = E l(E(x), E(G(z)))       l: a row of the table, losses/contrastive_energy.py; [m - E]+ makes it EBGAN's
    L_G = E(G(z))                  E(x) = ||Dec(Enc(x)) - x||

x (n, c, h, w) in [-1, 1]; z (n, d) ~ N(0, I); the net D returns (reconstruction, code). Pairwise losses pair the i-th
image with the i-th sample. One turn of D, then one of G, each on a fresh batch, as in ebgan.py.

NOTE: the tutorial has no generator; a sample plays its most offending incorrect answer.
"""

from functools import partial

from torch import Tensor, nn

from energan.engine.game import Batch, Game, Logs, Move, Noise, Players
from energan.engine.optimizers import Adam, Optimizer
from energan.games.energy.ebgan import ebgan
from energan.losses.contrastive_energy import LOSSES
from energan.losses.energy import Kind, energy
from energan.utils.specification import recorded

MEANINGS = {
    "margin": "m: the energy up to which, or the gap by which, generated images are pushed, in losses that have one",
    "scale": "the loss's own factor: delta, gamma or beta, in losses that have one",
    "loss": "what D minimises: the chosen loss of both energies",
    "E(x)": "mean energy of real images, how badly D's auto-encoder reconstructs them; D lowers it",
    "E(G(z))": "mean energy of generated images; D pushes it up, G pulls it down",
}


def discriminator_loss(p: Players, b: Batch, loss: str, kind: Kind) -> tuple[Tensor, Logs]:
    fake = p.G(b.z).detach()
    real_energy, fake_energy = energy(b.x, p.D(b.x)[0], kind), energy(fake, p.D(fake)[0], kind)
    value = LOSSES[loss](real_energy, fake_energy, b.margin, b.scale).mean()
    return value, {"loss": value, "E(x)": real_energy.mean(), "E(G(z))": fake_energy.mean()}


@recorded
def energy_losses(
    G: nn.Module,
    D: nn.Module,
    z: int | Noise,
    *,
    loss: str = "square-square",
    margin: float = 10.0,
    scale: float = 1.0,
    kind: Kind = "l2",
    optimizer_G: Optimizer = Adam(1e-3),
    optimizer_D: Optimizer = Adam(1e-3),
) -> Game:
    """EBGAN with one of LOSSES. margin and scale (the row's delta, gamma or beta) count where the row has them."""
    game = ebgan(G, D, z, margin=margin, kind=kind, optimizer_G=optimizer_G, optimizer_D=optimizer_D)
    move = Move(partial(discriminator_loss, loss=loss, kind=kind), min=("D",))
    return game._replace(
        turns={**game.turns, "D": (move,)}, hyperparameters={"margin": margin, "scale": scale}, meanings=MEANINGS
    )
