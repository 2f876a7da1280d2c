"""The gradient that reaches the generator as its samples move away from the data.

    data (S e1, e2)   G(z) = (theta + S z1, z2)   e, z ~ N(0, I)   two lines, theta apart (arXiv:1701.07875, fig. 1)

Each critic is trained with G fixed; then d L_G / d theta is taken on fresh noise. Past a few S the supports have
parted: the best discriminator is sure, minimax's gradient is gone, and the earth mover's distance is theta, whose
gradient is 1.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn
from torch.func import grad, vmap
from torch.nn.functional import softplus

from energan.data.toys import source
from energan.engine import Ensemble
from energan.engine.game import Batch, Game, Objective, Players, Weights
from energan.engine.optimizers import Adam, RMSProp, Schedule, linear_decay
from energan.engine.rng import seeded
from energan.games.critic_free.energy_distance import generator_loss as energy_distance_loss
from energan.games.critic_free.gmmn import generator_loss as gmmn_loss
from energan.games.energy.ebgan import ebgan
from energan.games.energy.ebgan import generator_loss as ebgan_loss
from energan.games.gan.gan import gan
from energan.games.gan.gan import generator_loss as gan_loss
from energan.games.gan.wgan import generator_loss as wgan_loss
from energan.games.gan.wgan import wgan
from energan.games.gan.wgan_gp import wgan_gp
from energan.lab.study import Observations
from energan.losses.energy import energy
from energan.losses.gradient_penalty import gradient_norms
from energan.networks.dense.perceptron import Autoencoder, Perceptron

S = 0.25  # standard deviation of both lines across

DISTANCES = (0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.7, 8.0, 16.0)  # theta

SHOWN = 8  # the distance that the animation shows

GRID = 241  # points of a reading across the lines

FRESH = 512  # samples that the gradients are taken on

CLIP = 0.1  # of WGAN's weights

MARGIN = 1.0  # of EBGAN, in units of the norm


class Line(NamedTuple):
    """(theta + S e1, e2)."""

    theta: float = 0.0

    def sample(self, generator: torch.Generator, n: int) -> Float32[Tensor, "n 2"]:
        return torch.randn(n, 2, generator=generator) * torch.tensor([S, 1.0]) + torch.tensor([self.theta, 0.0])


class Shift(nn.Module):
    """z (n, 2) -> (theta + S z1, z2)."""

    def __init__(self, theta: float) -> None:
        super().__init__()
        self.theta = nn.Parameter(torch.tensor([theta]))

    def forward(self, z: Tensor) -> Tensor:
        return torch.stack([self.theta + S * z[:, 0], z[:, 1]], 1)


class Loss(NamedTuple):
    """What G descends: the game's objective, and its reading at each point x, (n, 2) -> (n,)."""

    objective: Objective
    at: Callable[[Players, Tensor], Tensor]


class System(NamedTuple):
    """A critic: the game of a G whose critic's learning rate falls, the turn that trains it, what G may descend."""

    game: Callable[[nn.Module, Schedule], Game]
    turn: str
    losses: Mapping[str, Loss]


def _readings() -> nn.Module:
    return Perceptron([2, 64, 64, 1], activation="leaky", shape=())


def _gan(G: nn.Module, falling: Schedule) -> Game:
    return gan(G, _readings(), 2, optimizer_D=Adam(2e-3, schedule=falling))


def _wgan(G: nn.Module, falling: Schedule) -> Game:
    return wgan(G, _readings(), 2, clip=CLIP, optimizer_f=RMSProp(1e-3, schedule=falling))


def _wgan_gp(G: nn.Module, falling: Schedule) -> Game:
    adam = Adam(2e-3, beta1=0.0, beta2=0.9, schedule=falling)
    return wgan_gp(G, _readings(), 2, optimizer_f=adam)


def _ebgan(G: nn.Module, falling: Schedule) -> Game:
    D = Autoencoder([2, 64, 1], activation="leaky")
    return ebgan(G, D, 2, margin=MARGIN, optimizer_D=Adam(2e-3, schedule=falling))


MINIMAX, NON_SATURATING = (partial(gan_loss, loss=loss) for loss in ("minimax", "non-saturating"))

SYSTEMS = {
    "gan": System(
        _gan,
        "D",
        {
            "minimax": Loss(MINIMAX, lambda p, x: -softplus(p.D(x))),
            "non-saturating": Loss(NON_SATURATING, lambda p, x: softplus(-p.D(x))),
        },
    ),
    "wgan": System(_wgan, "f", {"WGAN": Loss(wgan_loss, lambda p, x: -p.f(x))}),
    "wgan-gp": System(_wgan_gp, "f", {"WGAN-GP": Loss(wgan_loss, lambda p, x: -p.f(x))}),
    "ebgan": System(
        _ebgan,
        "D",
        {"EBGAN": Loss(partial(ebgan_loss, kind="l2"), lambda p, x: energy(x, p.D(x)[0]))},
    ),
}

CRITIC_FREE: dict[str, Objective] = {
    "energy distance": energy_distance_loss,
    "MMD, width 1": partial(gmmn_loss, widths=(1.0,)),
    "MMD, widths 2 to 80": partial(gmmn_loss, widths=(2.0, 5.0, 10.0, 20.0, 40.0, 80.0)),
}


def models(system: System, seeds: int, steps: int, batch: int, seed: int) -> Ensemble:
    """One program over distances x seeds, distance by distance; the critics of a seed start alike."""
    falling = linear_decay(steps // 2, steps)

    def game(theta: float, i: int) -> Game:
        with seeded(seed + i):
            return system.game(Shift(theta), falling)._replace(order=lambda t: (system.turn,))

    all_of = [(theta, i) for theta in DISTANCES for i in range(seeds)]
    return Ensemble(
        [game(*each) for each in all_of],
        [source(Line(), batch, seed + i) for _, i in all_of],
        seeds=[seed + i for _, i in all_of],
    )


def gradient(nets: Mapping[str, nn.Module], objective: Objective, weights: Mapping[str, Weights], b: Weights) -> Tensor:
    """d L_G / d theta, (); above 0 where descent moves G to the data."""

    def loss(of_G: Weights) -> Tensor:
        return objective(Players(nets, {**weights, "G": of_G}), Batch(b))[0]

    return grad(loss)(weights["G"])["theta"][0]


def fresh(seed: int) -> Weights:
    """Data and noise that no critic has seen."""
    draws = torch.Generator().manual_seed(2**40 + seed)
    return {"x": Line().sample(draws, FRESH), "z": torch.randn(FRESH, 2, generator=draws)}


def across(theta: float) -> Float[Tensor, "n 2"]:
    """Points of the axis across the lines, from 4 S before the data to 4 S past the samples."""
    x = torch.linspace(-4 * S, theta + 4 * S, GRID)
    return torch.stack([x, torch.zeros(GRID)], 1)


def watch(many: Ensemble, system: System, seeds: int, seed: int) -> Observations:
    """gradient, and the largest one along the axis, (losses, N); reading, of the shown distance's first model, (losses,
    n)."""
    nets = {name: player.net for name, player in many.game.players.items()}
    weights = many.state()["weights"]
    batches = [fresh(seed + i) for _ in DISTANCES for i in range(seeds)]
    b = {k: torch.stack([each[k] for each in batches]) for k in batches[0]}
    x = torch.stack([across(theta) for theta in DISTANCES]).repeat_interleave(seeds, 0)
    shown = DISTANCES.index(SHOWN) * seeds

    def steepest(loss: Loss, weights: Mapping[str, Weights], x: Tensor) -> Tensor:
        return gradient_norms(partial(loss.at, Players(nets, weights)), x).amax()

    losses = system.losses.values()
    with torch.no_grad():
        return {
            "gradient": torch.stack([vmap(partial(gradient, nets, loss.objective))(weights, b) for loss in losses]),
            "steepest": torch.stack([vmap(partial(steepest, loss))(weights, x) for loss in losses]),
            "reading": torch.stack([loss.at(many.players(shown), x[shown]) for loss in losses]),
        }


def without_critic(seeds: int, seed: int) -> dict[str, Tensor]:
    """Slopes of what needs no critic, (distances, seeds)."""

    def of(objective: Objective, theta: float, i: int) -> Tensor:
        return gradient({"G": Shift(theta)}, objective, {"G": {"theta": torch.tensor([theta])}}, fresh(seed + i))

    return {
        name: torch.stack([torch.stack([of(objective, theta, i) for i in range(seeds)]) for theta in DISTANCES])
        for name, objective in CRITIC_FREE.items()
    }


def best_discriminator(theta: float) -> tuple[float, float]:
    """d L_G / d theta of minimax and non-saturating against D* = p/(p + q), whose logit falls by theta/S^2 per unit."""
    z = torch.linspace(-12, 12, 4001, dtype=torch.float64)
    weight = (-z.square() / 2).exp() / (2 * torch.pi) ** 0.5
    logit = -theta / S * (theta / S / 2 + z)
    minimax, non_saturating = (torch.trapezoid(weight * share, z) for share in (logit.sigmoid(), (-logit).sigmoid()))
    return theta / S**2 * float(minimax), theta / S**2 * float(non_saturating)
