"""Critics of two Gaussians on the line, beside the best ones, which are known.

GAN (arXiv:1406.2661, section 4): D* = p/(p + q), V = -log 4 + 2 JSD.  f-GAN (arXiv:1606.00709, eq. 4): F <= D_f(P||Q).
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from energan.data.toys import mixture, source
from energan.engine import Ensemble
from energan.engine.game import Game
from energan.engine.optimizers import Adam, linear_decay
from energan.engine.rng import seeded
from energan.games.gan.fgan import fgan
from energan.games.gan.gan import gan
from energan.lab.figures import FAKE, REAL, panels, save
from energan.lab.study import Observations, Study
from energan.lab.theorems.claims import Claim
from energan.losses.f_divergence import DIVERGENCES, Divergence, variational
from energan.metrics.quadrature import divergence, gaussian
from energan.networks.dense.perceptron import Affine, Perceptron

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

X = torch.linspace(-9, 11, 2001, dtype=torch.float64)[:, None]  # where densities are integrated

GAN_PQ = ((0.0, 1.0), (1.0, 2.0))  # (mean, standard deviation) of P and Q: D* rises and falls again

FGAN_PQ = ((0.0, 1.0), (0.8, 1.1))  # all nine divergences, and the variances of their estimates, are finite

FRESH = 2**16  # samples that no critic was trained on

LOOKS = 12


def densities(pq: Sequence[tuple[float, float]]) -> tuple[Tensor, Tensor]:
    """p and q on X, (len(X),)."""
    p, q = (gaussian(*each)(X).exp() for each in pq)
    return p, q


def integral(f: Tensor) -> Tensor:
    """Over X, the last axis."""
    return torch.trapezoid(f, X[:, 0])


def critics(
    make: Callable[[nn.Module, nn.Module, Adam], Game], critic: str, pq: Sequence[tuple[float, float]], *, seeds: int,
    steps: int, seed: int,
) -> Ensemble:  # fmt: skip
    """Only the critic moves: G is fixed at Q, with P as data."""
    (mean, deviation), of_G = torch.tensor(pq)
    adam = Adam(3e-3, schedule=linear_decay(steps // 2, steps))

    def game(i: int) -> Game:
        with seeded(seed + i):
            net = Perceptron([1, 32, 32, 1], activation="tanh", shape=())
        return make(Affine(*of_G), net, adam)._replace(order=lambda t: (critic,))

    data = mixture(mean.view(1, 1), float(deviation))
    return Ensemble(
        [game(i) for i in range(seeds)],
        [source(data, batch=512, seed=seed + i) for i in range(seeds)],
        seeds=range(seed, seed + seeds),
    )


def readings(
    critic: str, pq: Sequence[tuple[float, float]], row: Divergence, seed: int, many: Ensemble
) -> Observations:
    """The critics on X, and F of samples that they were not trained on, each of its own."""
    (mean_p, std_p), (mean_q, std_q) = pq
    on_grid, of_fresh = [], []
    with torch.no_grad():
        for i in range(len(many)):
            V = getattr(many.players(i), critic)
            x, y = torch.randn(2, FRESH, 1, generator=torch.Generator().manual_seed(2**40 + seed + i))
            on_grid.append(V(X.float()).double())
            of_fresh.append(variational(row, V(mean_p + std_p * x), V(mean_q + std_q * y)))
    return {"V": torch.stack(on_grid), "F": torch.stack(of_fresh)}


def optimal_discriminator(s: Study, seeds: int, steps: int, seed: int) -> list[Claim]:
    """D* = p/(p + q), and its value."""

    def make(G: nn.Module, D: nn.Module, adam: Adam) -> Game:
        return gan(G, D, 1, optimizer_D=adam)

    def build() -> Ensemble:
        return critics(make, "D", GAN_PQ, seeds=seeds, steps=steps, seed=seed)

    row = DIVERGENCES["gan"]  # F of its row is E log D(x) + E log(1 - D(G(z)))
    observed = s.trial("gan", build, partial(readings, "D", GAN_PQ, row, seed), steps=steps, looks=LOOKS)
    p, q = densities(GAN_PQ)
    best, learned = p / (p + q), observed["V"][-1].sigmoid()
    error, both = (learned - best).abs(), (p + q) / 2
    share = torch.cumulative_trapezoid(both, X[:, 0])
    inside = torch.cat([torch.tensor([False]), (share > 0.005) & (share < 0.995)])
    exact = -2 * math.log(2) + divergence(gaussian(*GAN_PQ[0]), gaussian(*GAN_PQ[1]), "jensen-shannon")
    save(draw_gan(observed, best, p, q, exact), s.folder / "gan.png")
    return [
        Claim("D* = p/(p + q), learned: mean error over (p + q)/2", 0, integral(both * error), 0.01),
        Claim("D* = p/(p + q), learned: largest error on 99 % of (p + q)/2", 0, error[:, inside].amax(1), 0.05),
        Claim("GAN's value: -log 4 + 2 JSD, learned, of fresh samples", exact, observed["F"][-1].double(), 0.01),
    ]


def line_bounds(s: Study, seeds: int, steps: int, seed: int) -> list[tuple[str, float, Tensor, Tensor]]:
    """Of each divergence of two Gaussians: its name, its value, F by quadrature and F of fresh samples, (seeds,)."""
    p, q = densities(FGAN_PQ)
    rows, curves = [], {}
    for name, row in DIVERGENCES.items():

        def make(G: nn.Module, V: nn.Module, adam: Adam, name: str = name) -> Game:
            return fgan(G, V, 1, divergence=name, critic_steps=1, optimizer_V=adam)

        build = partial(critics, make, "V", FGAN_PQ, seeds=seeds, steps=steps, seed=seed)
        watch = partial(readings, "V", FGAN_PQ, row, seed)
        observed = s.trial(f"fgan-{name}", build, watch, steps=steps, looks=LOOKS)
        exact = divergence(gaussian(*FGAN_PQ[0]), gaussian(*FGAN_PQ[1]), name)
        F = integral(p * row.activation(observed["V"]) - q * row.composed(observed["V"]))
        rows.append((name, exact, F[-1], observed["F"][-1].double()))
        curves[name] = (exact, observed["step"], F)
    save(draw_bounds(curves), s.folder / "fgan.png")
    return rows


def draw_gan(observed: Observations, best: Tensor, p: Tensor, q: Tensor, exact: float) -> "Figure":
    figure, (left, right) = panels(1, 2, 4.6, 3.2)
    x, learned = X[:, 0], observed["V"][-1].sigmoid()
    left.fill_between(x, p, color=REAL, alpha=0.25, lw=0, label="p")
    left.fill_between(x, q, color=FAKE, alpha=0.25, lw=0, label="q")
    left.plot(x, best, color="k", ls="--", lw=1.2, label="p/(p + q)")
    left.plot(x, learned.T, color="C2", lw=0.8, alpha=0.8, label=["D, one line a seed", *[""] * (len(learned) - 1)])
    left.set(xlim=(-6, 8), ylim=(0, 1), xlabel="x", title="the learned discriminator")
    left.legend(fontsize=7, loc="upper right")
    _band(right, observed["step"], observed["F"], "C2", "of fresh samples")
    right.axhline(exact, color="k", ls="--", lw=1.2, label="-log 4 + 2 JSD")
    right.set(xlabel="step", ylabel="E log D(x) + E log(1 - D(G(z)))", title="its value")
    right.legend(fontsize=7, loc="lower right")
    return figure


def draw_bounds(curves: dict[str, tuple[float, Tensor, Tensor]]) -> "Figure":
    """How far below the divergence F is, by name: (exact value, step, F integrated (looks, seeds))."""
    figure, axes = panels(3, 3, 3.0, 2.3)
    for each, (name, (exact, step, F)) in zip(axes, curves.items(), strict=True):
        _band(each, step, (exact - F).clamp(min=1e-6), "C2", "F")
        each.set(yscale="log", ylim=(1e-5, 10))
        each.set_title(f"{name}: {exact:.4f} - F", fontsize=9)
    for each in axes[6:]:
        each.set_xlabel("step")
    return figure


def _band(axes: "Axes", step: Tensor, values: Tensor, colour: str, label: str) -> None:
    """Mean and least to largest of values (looks, seeds)."""
    axes.fill_between(step, values.amin(1), values.amax(1), color=colour, alpha=0.25, lw=0)
    axes.plot(step, values.mean(1), color=colour, lw=1.5, label=label)
