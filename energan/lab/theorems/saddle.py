"""f-GAN's single-step method near a saddle.  Nowozin et al. 2016, arXiv:1606.00709, theorem 2.

    F(x, y) = x y + delta/2 (x^2 - y^2)      x descends it, y ascends it, both at once, with step eta = delta / L
    J = 1/2 ||grad F||^2,  J_t <= (1 - delta^2 / L)^t J_0

F is delta-strongly convex in x and concave in y, and grad J grows L = 1 + delta^2 times as fast as the distance from
the saddle (0, 0). Here the bound is an equality: a step is a turn by an angle, and a shrinking by 1 - delta^2 / L of J.
With delta = 0 no step is small enough: J grows by 1 + eta^2 at each.
"""

import torch
from torch import Tensor

from energan.engine import Trainer
from energan.engine.game import Batch, Game, Logs, Move, Player, Players
from energan.engine.optimizers import SGD
from energan.lab.theorems.claims import Claim
from energan.networks.layers.scalar import Scalar

START = (1.0, -0.5)
STEPS = 50
DELTAS = (1.0, 0.5, 0.1)


def value(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    x, y = p.x(), p.y()
    return x * y + b.delta / 2 * (x.square() - y.square()), {"J": (1 + b.delta**2) * (x.square() + y.square()) / 2}


def saddle(delta: float, eta: float) -> Game:
    """The single-step game of F from START, at the rate eta."""
    players = {name: Player(Scalar(start), SGD(eta)) for name, start in zip("xy", START, strict=True)}
    return Game(players, {"both": (Move(value, min=("x",), max=("y",)),)}, hyperparameters={"delta": delta})


def energies(delta: float, eta: float, steps: int = STEPS) -> list[float]:
    """J before each of the steps, in float64."""
    trainer = Trainer(saddle(delta, eta), lambda k: {"none": torch.zeros(1)}, precision="fp64")
    return [float(trainer.step()["both/J"]) for _ in range(steps)]


def local_convergence() -> list[Claim]:
    """By how much J shrinks in a step, beside theorem 2."""
    rates = [(delta, delta / (1 + delta**2), 1 - delta**2 / (1 + delta**2)) for delta in DELTAS]
    claims = [
        Claim(f"f-GAN, theorem 2: J times 1 - d^2/L in a step, d = {delta:g}", exact, _rate(energies(delta, eta)), 1e-9)
        for delta, eta, exact in rates
    ]
    alone = _rate(energies(0.0, 0.1))
    return [*claims, Claim("f-GAN: of x y alone, J times 1 + eta^2 in a step, eta = .1", 1.01, alone, 1e-9)]


def _rate(J: list[float]) -> Tensor:
    return torch.tensor((J[-1] / J[0]) ** (1 / (len(J) - 1)), dtype=torch.float64)
