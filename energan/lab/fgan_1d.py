"""`fgan-1d`: a Gaussian fitted to a mixture under each divergence.  Nowozin et al. 2016, arXiv:1606.00709, section 2.

G(z) = mu + sigma z, V two layers of 64 tanh units, the target 0.67 N(2, 2) + 0.33 N(-1, 0.255^2) (data/toys.py). Each
divergence has a best Gaussian of its own, found by quadrature; the game should find it without knowing a density.
"""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from energan.data.toys import source, two_gaussians
from energan.engine import Ensemble
from energan.engine.game import Game
from energan.engine.optimizers import Adam, linear_decay
from energan.engine.rng import seeded
from energan.games.gan.fgan import fgan
from energan.lab.figures import FAKE, REAL, animate, panels, save, spread
from energan.lab.study import Observations, Study, study
from energan.losses.f_divergence import DIVERGENCES
from energan.metrics.quadrature import best_gaussian, divergence, gaussian
from energan.networks.dense.perceptron import Affine, Perceptron
from energan.utils.checks import at_least, usable_seed
from energan.utils.errors import UserError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PAPER = ("kl", "reverse-kl", "jensen-shannon", "jeffrey", "pearson")  # the paper's own

METHODS = {"single-step": 0, "double-loop": 5}  # turns of V before each of G; 0: both at once

LINE = torch.linspace(-5.0, 8.0, 261)[:, None]  # of the pictures

TARGET = two_gaussians()


def _game(name: str, critic_steps: int, steps: int) -> Game:
    schedule = linear_decay(steps // 2, steps)
    V = Perceptron((1, 64, 64, 1), shape=(), activation="tanh")
    return fgan(
        Affine(torch.randn(1) / 2, torch.ones(1)), V, 1, divergence=name, critic_steps=critic_steps,
        optimizer_G=Adam(3e-3, 0.5, schedule=schedule), optimizer_V=Adam(1e-2, 0.5, schedule=schedule),
    )  # fmt: skip


def _watch(many: Ensemble) -> Mapping[str, Tensor]:
    """mu and sigma of all models, (N,); the first one's V on the line."""
    weights = [many.players(i).weights("G") for i in range(len(many))]
    mu, sigma = (torch.stack([w[k][0] for w in weights]) for k in ("shift", "scale"))
    with torch.no_grad():
        return {"mu": mu, "sigma": sigma.abs(), "V": many.players(0).V(LINE)}


def _play(s: Study, name: str, method: str, seeds: Sequence[int], steps: int, batch: int, looks: int) -> Observations:
    def build() -> Ensemble:
        games = []
        for seed in seeds:
            with seeded(seed):
                games.append(_game(name, METHODS[method], steps))
        return Ensemble(games, [source(TARGET, batch, seed) for seed in seeds], seeds=seeds)

    return s.trial(f"{name}-{method}", build, _watch, steps=steps, looks=looks)


def _score(mu: float, sigma: float, name: str) -> float:
    """NaN for a Gaussian that quadrature cannot hold: training diverged, and the others still count."""
    try:
        return divergence(TARGET.log_density, gaussian(mu, sigma), name)
    except UserError:
        return math.nan


def _scores(observed: Observations, names: Sequence[str]) -> Tensor:
    """(N, k): each trained Gaussian's divergence from the target, by quadrature."""
    models = zip(observed["mu"][-1].tolist(), observed["sigma"][-1].tolist(), strict=True)
    return torch.tensor([[_score(*model, name) for name in names] for model in models], dtype=torch.float64)


def _scene(observed: Mapping[str, Observations], look: int) -> "Figure":
    """Above: the target's density and the first model's. Below: T = g(V(x)) beside the best one, f'(p/q)."""
    figure, axes = panels(2, len(observed), 2.5, 2.0)
    p = TARGET.log_density(LINE)
    for i, (name, one) in enumerate(observed.items()):
        above, below = axes[i], axes[len(observed) + i]
        mu, sigma = float(one["mu"][look, 0]), float(one["sigma"][look, 0])
        q = gaussian(mu, sigma)(LINE)
        above.plot(LINE, p.exp(), color=REAL, lw=1.2)
        above.plot(LINE, q.exp(), color=FAKE, lw=1.2)
        above.set(ylim=(0, 0.6), xticks=[], yticks=[])
        above.set_title(f"{name}\nμ {mu:.2f}, σ {sigma:.2f}", fontsize=9)
        _critic(below, name, one["V"][look], (p - q).clamp(-8, 8).exp())
    step = int(next(iter(observed.values()))["step"][look])
    figure.suptitle(
        f"step {step}: target (blue) and model (red); below, T = g(V(x)) and, dashed, the best one", fontsize=9
    )
    return figure


def _critic(axes: "Axes", name: str, V: Tensor, ratio: Tensor) -> None:
    row = DIVERGENCES[name]
    ratio = ratio.requires_grad_(True)
    (best,) = torch.autograd.grad(row.f(ratio).sum(), ratio)
    axes.plot(LINE, best, color="0.4", lw=1, ls="--")
    axes.plot(LINE, row.activation(V), color="k", lw=1.2)
    low, high = (float(each) for each in torch.quantile(best, torch.tensor([0.02, 0.98], dtype=best.dtype)))
    room = 0.3 * (high - low) + 0.5
    axes.set(ylim=(low - room, high + room), xticks=[], yticks=[])
    axes.axhline(row.threshold, color="0.8", lw=0.8)


def fgan_1d(
    *,
    divergences: str = ",".join(PAPER),
    seeds: int = 10,
    steps: int = 2500,
    batch: int = 256,
    looks: int = 30,
    seed: int = 0,
    out: str = "",
    quiet: bool = False,
) -> None:
    """A Gaussian fitted to a mixture under each divergence, beside the exact optima; single-step and double-loop.

    Args:
        divergences: Which ones, with commas between; the paper's five by default.
        seeds: Models of each divergence and method, trained as one program.
        steps: Of each generator.
        batch: Points a turn.
        looks: How often the models are drawn.
        seed: Of the first model; the others follow.
        out: The study's folder; lab/fgan-1d by default. The same command goes on where it stopped.
        quiet: No progress bar.
    """
    at_least(2, steps=steps, batch=batch)
    at_least(1, seeds=seeds, looks=looks)
    usable_seed(seed)
    names = [part.strip() for part in divergences.split(",")]
    if unknown := [part for part in names if part not in DIVERGENCES]:
        raise UserError(f"`divergences`: there is no {unknown[0]!r}; there are {', '.join(DIVERGENCES)}")
    asked = {
        "divergences": names, "seeds": seeds, "steps": steps, "batch": batch, "looks": looks, "seed": seed
    }  # fmt: skip
    with study("fgan-1d", asked, out, quiet) as s:
        models = range(seed, seed + seeds)
        observed = {
            method: {name: _play(s, name, method, models, steps, batch, looks) for name in names} for method in METHODS
        }
        scores = {method: {name: _scores(one, names) for name, one in by.items()} for method, by in observed.items()}
        _write(s, names, observed, scores)
        frames = len(observed["single-step"][names[0]]["step"])
        save(_scene(observed["single-step"], frames - 1), s.folder / "fits.png")
        animate(partial(_scene, observed["single-step"]), frames, s.folder / "training.gif")


def _short(value: float) -> str:
    return f"{value:.3f}" if value < 1000 else f"{value:.1e}"


def _write(
    s: Study,
    names: Sequence[str],
    observed: Mapping[str, Mapping[str, Observations]],
    scores: Mapping[str, Mapping[str, Tensor]],
) -> None:
    best = {name: best_gaussian(name, TARGET.log_density) for name in names}
    rows = []
    for name in names:
        row = [name, f"{best[name].mu:.3f}, {best[name].sigma:.3f}", f"{best[name].divergence:.3f}"]
        for method, by in observed.items():
            mu, sigma = (spread(by[name][k][-1], 3) for k in ("mu", "sigma"))
            row += [f"{mu}, {sigma}", spread(scores[method][name][:, names.index(name)], 3)]
        rows.append(row)
    heads = ["divergence", "best μ, σ", "least D", *(f"{m}: {what}" for m in observed for what in ("μ, σ", "D"))]
    s.table("Learned Gaussians beside the best ones", heads, rows, "Mean ± standard deviation over seeds.")
    results = {}
    for method, scored in scores.items():
        table = torch.stack([scored[name].nanmean(0) for name in names])  # trained by, scored by
        least = table.argmin(0)
        rows = [
            [name, *(f"**{_short(v)}**" if least[j] == i else _short(v) for j, v in enumerate(table[i].tolist()))]
            for i, name in enumerate(names)
        ]
        each = torch.stack([scored[name] for name in names], 1)  # (N, trained by, scored by)
        hits = (each.argmin(1) == torch.arange(len(names))).double().mean(0)
        diagonal = bool((least == torch.arange(len(names))).all())
        notes = (
            f"Divergence of the trained Gaussian, mean over seeds; each column's least in bold: "
            f"{'all' if diagonal else 'not all'} on the diagonal. Share of single seeds for which it is, by column: "
            + ", ".join(f"{100 * h:.0f} %" for h in hits.tolist())
            + "."
        )
        s.table(f"Trained by (rows), scored by (columns), {method}", ["", *names], rows, notes)
        results[method] = {
            name: {
                "mu": observed[method][name]["mu"][-1].tolist(),
                "sigma": observed[method][name]["sigma"][-1].tolist(),
                "scores": dict(zip(names, scored[name].T.tolist(), strict=True)),
                "seconds": float(observed[method][name]["seconds"][-1]),
            }
            for name in names
        } | {"every column's least on the diagonal": diagonal}
    s.results({"best": {name: b._asdict() for name, b in best.items()}, **results})
