"""EBGAN and EBGAN-PT.  "Energy-based generative adversarial network", Zhao, Mathieu & LeCun 2016, arXiv:1609.03126.

    L_D(x, z) = E(x) + [m - E(G(z))]+              eq. 1
    L_G(z)    = E(G(z))                            eq. 2     EBGAN
    L_G(z)    = E(G(z)) + pt PT(Enc(G(z)))         PT: eq. 14; EBGAN-PT, pt = 0.1 (appendices C, F)
    E(x)      = ||Dec(Enc(x)) - x||                eq. 13, the paper's D(x)

x (n, c, h, w) in [-1, 1]; z (n, d) ~ N(0, I); the net D returns (reconstruction, code). In L_D, G(z) is a constant,
also where it is the target of its own reconstruction; in L_G the gradient flows through D *and* through that target.
The hinge is taken per sample. One turn of D, then one of G, each on a fresh batch (the paper states no ratio).

PT is also known as the pulling-away, or repelling, regulariser.
Not to be confused with BEGAN (began.py), whose auto-encoders are balanced without a margin; nor with the hinge GAN,
whose D gives scores and not energies; nor with energy-based models that Langevin chains draw from.
"""

from functools import partial

from torch import Tensor, nn

from energan.engine.game import Batch, Game, Logs, Move, Noise, Player, Players
from energan.engine.noise import as_noise, normal
from energan.engine.optimizers import Adam, Optimizer
from energan.losses.energy import Kind, energy, energy_map, hinge, pulling_away
from energan.utils.specification import recorded

MEANINGS = {
    "margin": "m: the energy up to which generated images are pushed",
    "pt": "weight of the pull-away term in G's loss",
    "E(x)": "mean energy of real images, how badly D's auto-encoder reconstructs them; D lowers it",
    "E(G(z))": "mean energy of generated images; D pushes it up to the margin, G pulls it down",
    "[m-E(G(z))]+": (
        "how far generated images lie below the margin, averaged over them; at 0 D learns nothing more from them"
    ),
    "PT": (
        "the pull-away term: mean squared cosine between the codes of two generated images; 1 when all are alike "
        "(G has collapsed), near 0 when they differ"
    ),
}


def discriminator_loss(p: Players, b: Batch, kind: Kind) -> tuple[Tensor, Logs]:
    fake = p.G(b.z).detach()
    (real_reconstruction, _), (fake_reconstruction, _) = p.D(b.x), p.D(fake)
    real_energy = energy(b.x, real_reconstruction, kind)
    fake_energy = energy(fake, fake_reconstruction, kind)
    pushed = hinge(b.margin, fake_energy)
    logs = {"E(x)": real_energy.mean(), "E(G(z))": fake_energy.mean(), "[m-E(G(z))]+": pushed.mean()}
    return (real_energy + pushed).mean(), logs


def generator_loss(p: Players, b: Batch, kind: Kind) -> tuple[Tensor, Logs]:
    fake = p.G(b.z)
    fake_energy = energy(fake, p.D(fake)[0], kind).mean()
    return fake_energy, {"E(G(z))": fake_energy}


def generator_loss_pt(p: Players, b: Batch, kind: Kind) -> tuple[Tensor, Logs]:
    fake = p.G(b.z)
    reconstruction, code = p.D(fake)
    fake_energy, pt = energy(fake, reconstruction, kind).mean(), pulling_away(code)
    return fake_energy + b.pt * pt, {"E(G(z))": fake_energy, "PT": pt}


@recorded
def ebgan(
    G: nn.Module,
    D: nn.Module,
    z: int | Noise,
    *,
    margin: float = 10.0,
    kind: Kind = "l2",
    optimizer_G: Optimizer = Adam(1e-3),
    optimizer_D: Optimizer = Adam(1e-3),
) -> Game:
    """EBGAN. margin: in the units of `kind` (losses.energy.convert_margin); z: dimensions of N(0, I), or a Noise."""
    return Game(
        players={"G": Player(G, optimizer_G), "D": Player(D, optimizer_D)},
        turns={
            "D": (Move(partial(discriminator_loss, kind=kind), min=("D",)),),
            "G": (Move(partial(generator_loss, kind=kind), min=("G",)),),
        },
        noise={"z": as_noise(z, normal)},
        hyperparameters={"margin": margin},
        sample=lambda p, b: p.G(b.z),
        energy=lambda p, b: energy(b.x, p.D(b.x)[0], kind),
        energy_map=lambda p, b: energy_map(b.x, p.D(b.x)[0], kind),
        meanings=MEANINGS,
    )


@recorded
def ebgan_pt(
    G: nn.Module,
    D: nn.Module,
    z: int | Noise,
    *,
    margin: float = 10.0,
    pt: float = 0.1,
    kind: Kind = "l2",
    optimizer_G: Optimizer = Adam(1e-3),
    optimizer_D: Optimizer = Adam(1e-3),
) -> Game:
    """EBGAN-PT: EBGAN whose generator also repels its samples' codes from each other, with weight `pt`."""
    game = ebgan(G, D, z, margin=margin, kind=kind, optimizer_G=optimizer_G, optimizer_D=optimizer_D)
    move = Move(partial(generator_loss_pt, kind=kind), min=("G",))
    return game._replace(turns={**game.turns, "G": (move,)}, hyperparameters={**game.hyperparameters, "pt": pt})
