"""f-GAN.  "f-GAN: training generative neural samplers using variational divergence minimization", Nowozin, Cseke &
Tomioka 2016, arXiv:1606.00709.

    F(G, V) = E_P[g(V(x))] - E_Q[f*(g(V(G(z))))]     sections 2.3, 2.4; g, f*: losses/f_divergence.py
    V ascends F, which then bounds D_f(P||Q) from below (eq. 4); G descends it, or
    G ascends E_Q[g(V(G(z)))]                         "trick", section 3.2

x (n, ...); z (n, d); the net V returns (n,), without an output activation: that is g. Single-step (algorithm 1): both
move at once, from the same point and on the same batch; double-loop: `critic_steps` turns of V, then one of G.

Also known as variational divergence minimisation, VDM. With divergence "gan" it is the minimax GAN.
Not to be confused with integral probability metrics (WGAN, GMMN), which are no f-divergences.
"""

from functools import partial
from typing import Literal

from torch import Tensor, nn

from energan.engine.game import Batch, Game, Logs, Move, Noise, Player, Players
from energan.engine.noise import as_noise, normal
from energan.engine.optimizers import Adam, Optimizer
from energan.losses.f_divergence import divergence_of, divergence_trick, variational
from energan.utils.specification import recorded

MEANINGS = {
    "F": "a lower bound of the divergence between images and samples; V raises it towards the divergence, G lowers it",
    "T(G(z))": "mean of V's score of generated images, after its activation; G raises it",
}


def bound(p: Players, b: Batch, divergence: str, parameter: float | None) -> tuple[Tensor, Logs]:
    value = variational(divergence_of(divergence, parameter), p.V(b.x), p.V(p.G(b.z)))
    return value, {"F": value}


def trick(p: Players, b: Batch, divergence: str, parameter: float | None) -> tuple[Tensor, Logs]:
    value = divergence_trick(divergence_of(divergence, parameter), p.V(p.G(b.z)))
    return value, {"T(G(z))": value}


@recorded
def fgan(
    G: nn.Module,
    V: nn.Module,
    z: int | Noise,
    *,
    divergence: str = "gan",
    parameter: float | None = None,
    critic_steps: int = 0,
    loss: Literal["bound", "trick"] = "bound",
    optimizer_G: Optimizer = Adam(2e-4, beta1=0.5),
    optimizer_V: Optimizer = Adam(2e-4, beta1=0.5),
) -> Game:
    """f-GAN of one of DIVERGENCES, or of FAMILIES by its parameter; critic_steps 0 is the single-step method.

    Its energy reading is f'(1) - g(V(x)).
    """
    row = divergence_of(divergence, parameter)
    ascent = partial(bound, divergence=divergence, parameter=parameter)
    easier = Move(partial(trick, divergence=divergence, parameter=parameter), max=("G",))
    descent = Move(ascent, min=("G",)) if loss == "bound" else easier
    turns: dict[str, tuple[Move, ...]]
    if critic_steps:
        turns = {"V": (Move(ascent, max=("V",)),), "G": (descent,)}
    elif loss == "bound":
        turns = {"both": (Move(ascent, min=("G",), max=("V",)),)}  # one backward pass gives both gradients
    else:
        turns = {"both": (Move(ascent, max=("V",)), descent)}
    loop = (*["V"] * critic_steps, "G")
    return Game(
        players={"G": Player(G, optimizer_G), "V": Player(V, optimizer_V)},
        turns=turns,
        order=(lambda t: loop) if critic_steps else None,
        noise={"z": as_noise(z, normal)},
        sample=lambda p, b: p.G(b.z),
        energy=lambda p, b: row.threshold - row.activation(p.V(b.x).float()),  # real where T(x) > f'(1)
        meanings=MEANINGS,
    )
