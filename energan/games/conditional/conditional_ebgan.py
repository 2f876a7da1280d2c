"""Conditional EBGAN(-PT): an energy of an image and its class.  Zhao, Mathieu & LeCun 2016, arXiv:1609.03126: "the
conditional setting" is "a promising setup to explore" (section 5). The paper has no such model; this one is ours.

    L_D = E(x, y) + [m - E(G(z, y), y)]+ + mismatch [m - E(x, y~)]+        y~ != y
    L_G = E(G(z, y), y) + pt PT(Enc(G(z, y), y))                           eq. 2, and eq. 14 where pt > 0
    E(x, y) = ||Dec(Enc(x, y), y) - x||                                    eq. 13, told the class

The third term is of LeCun et al. 2006, "A tutorial on energy-based learning", section 2: an energy of pairs has to be
low at the right answer *and* high at wrong ones, of which a real image with another class is one. With mismatch 0 this
is conditional(ebgan_pt(...)).

x (n, c, h, w) in [-1, 1]; y (n, classes), the class of x, one-hot; y~ is y moved on by r places, r in 1..classes - 1
drawn with equal chances (the noise `wrong`, one-hot); z (n, d); the net D returns (reconstruction, code) of (x, y).
One turn of D, then one of G, each on a fresh batch.

argmin over y of E(x, y) is a classifier. Without mismatched pairs it is one only as far as an auto-encoder that is told
a wrong class reconstructs worse.
"""

from functools import partial

import torch
from torch import Tensor, nn

from energan.engine.game import Batch, Conditions, Game, Logs, Move, Noise, Player, Players
from energan.engine.noise import as_noise, normal, one_hot
from energan.engine.optimizers import Adam, Optimizer
from energan.games.conditional.conditional import least_energy, least_energy_map
from energan.games.energy import ebgan
from energan.losses.energy import Kind, energy, energy_map, hinge, pulling_away
from energan.utils.specification import recorded

MEANINGS = {
    **ebgan.MEANINGS,
    "mismatch": "weight of real images with a wrong class in D’s loss; 0 for none",
    "E(x)": "mean energy of real images with their class, how badly D reconstructs them; D lowers it",
    "E(x,y~)": "mean energy of real images with a wrong class; where it is that of the right class, D ignores classes",
}


def moved_on(y: Tensor, r: Tensor) -> Tensor:
    """y~: the class r + 1 places after y, in a circle; all one-hot, y (n, classes), r (n, classes - 1)."""
    shifts = torch.stack([y.roll(k, 1) for k in range(1, y.shape[1])], 1)  # (n, classes - 1, classes)
    return (shifts * r[:, :, None]).sum(1)


def discriminator_loss(p: Players, b: Batch, kind: Kind, contrast: bool) -> tuple[Tensor, Logs]:
    fake = p.G(b.z, b.y).detach()
    real_energy = energy(b.x, p.D(b.x, b.y)[0], kind)
    fake_energy = energy(fake, p.D(fake, b.y)[0], kind)
    pushed = hinge(b.margin, fake_energy)
    loss, logs = (real_energy + pushed).mean(), {"E(x)": real_energy.mean(), "E(G(z))": fake_energy.mean()}
    logs["[m-E(G(z))]+"] = pushed.mean()
    if contrast:
        wrong_energy = energy(b.x, p.D(b.x, moved_on(b.y, b.wrong))[0], kind)
        loss, logs["E(x,y~)"] = loss + b.mismatch * hinge(b.margin, wrong_energy).mean(), wrong_energy.mean()
    return loss, logs


def generator_loss(p: Players, b: Batch, kind: Kind, repel: bool) -> tuple[Tensor, Logs]:
    fake = p.G(b.z, b.y)
    reconstruction, code = p.D(fake, b.y)
    fake_energy = energy(fake, reconstruction, kind).mean()
    if not repel:
        return fake_energy, {"E(G(z))": fake_energy}
    pt = pulling_away(code)
    return fake_energy + b.pt * pt, {"E(G(z))": fake_energy, "PT": pt}


@recorded
def conditional_ebgan(
    G: nn.Module,
    D: nn.Module,
    z: int | Noise,
    classes: int,
    *,
    margin: float = 10.0,
    pt: float = 0.1,
    mismatch: float = 0.0,
    kind: Kind = "l2",
    optimizer_G: Optimizer = Adam(1e-3),
    optimizer_D: Optimizer = Adam(1e-3),
) -> Game:
    """Conditional EBGAN; pt > 0: EBGAN-PT. margin: in the units of `kind`; z: dimensions of N(0, I), or a Noise.

    Its energy reading is that of an image with the class that it has the lowest energy with.
    """

    def of_one(p: Players, b: Batch) -> Tensor:
        return energy(b.x, p.D(b.x)[0], kind)

    contrast, repel = mismatch > 0, pt > 0
    wrong: dict[str, Noise] = {"wrong": one_hot(classes - 1)} if contrast else {}
    weights = {name: weight for name, weight in (("pt", pt), ("mismatch", mismatch)) if weight > 0}
    return Game(
        players={"G": Player(G, optimizer_G), "D": Player(D, optimizer_D)},
        turns={
            "D": (Move(partial(discriminator_loss, kind=kind, contrast=contrast), min=("D",)),),
            "G": (Move(partial(generator_loss, kind=kind, repel=repel), min=("G",)),),
        },
        noise={"z": as_noise(z, normal), "c": one_hot(classes), **wrong},
        hyperparameters={"margin": margin, **weights},
        sample=lambda p, b: p.G(b.z, b.c),
        energy=partial(least_energy, energy=of_one, classes=classes, who=("D",)),
        energy_map=partial(
            least_energy_map,
            energy=of_one,
            energy_map=lambda p, b: energy_map(b.x, p.D(b.x)[0], kind),
            classes=classes,
            who=("D",),
        ),
        conditions=Conditions("classes", lambda p, b: -energy(b.x, p.D(b.x, b.c)[0], kind)),
        meanings=MEANINGS,
    )
