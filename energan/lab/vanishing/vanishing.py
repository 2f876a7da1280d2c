"""The gradient that reaches the generator as its samples move away from the data: minimax's vanishes, others' stay."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from energan.lab.figures import FAKE, REAL, animate, panels, save
from energan.lab.study import Observations, Study, study
from energan.lab.vanishing.critics import (
    CLIP,
    DISTANCES,
    MARGIN,
    SHOWN,
    SYSTEMS,
    S,
    across,
    best_discriminator,
    models,
    watch,
    without_critic,
)
from energan.utils.checks import at_least, usable_seed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FLOOR = 1e-12  # of what is drawn

PROBABILISTIC = ("minimax", "non-saturating")

DISTANCE_LIKE = ("WGAN", "WGAN-GP", "EBGAN", "energy distance", "MMD, width 1", "MMD, widths 2 to 80")

NOTES = (
    f'S = {S}. Mean ± standard deviation over seeds; above 0, descent moves G to the data. "D*" is exact: the gradient '
    f"against the best discriminator, which no trained one quite is. WGAN (clipped to +-{CLIP}) is divided by the "
    "critic's steepest gradient along the axis across the lines, which clipping sets; the others are as games take "
    "them. WGAN-GP's penalty of 10 is soft: a critic of constant gradient s gains s theta - 10 (s - 1)^2, so s = 1 + "
    f"theta/20. EBGAN: margin {MARGIN}, and a code of one number, in which D keeps the place along the line, so that "
    "E(x) is the distance from it; where the lines are nearer than the margin, its hinge makes E steeper. The energy "
    "distance's gradient tends to 2; that of the exact Wasserstein-1 distance is 1 at every theta."
)


def draw(gradients: Mapping[str, Tensor]) -> "Figure":
    """Slopes against distance, log-log: medians of the seeds, and least to largest."""
    figure, axes = panels(1, 2, 5.2, 4.4)
    best = torch.tensor([best_discriminator(theta) for theta in DISTANCES])
    for each, names, title in zip(
        axes, (PROBABILISTIC, DISTANCE_LIKE), ("probabilities", "distances and energies"), strict=True
    ):
        for k, name in enumerate(names):
            values = gradients[name].abs().clamp(min=FLOOR)
            each.fill_between(DISTANCES, values.amin(1), values.amax(1), color=f"C{k}", alpha=0.2, lw=0)
            each.plot(DISTANCES, values.median(1).values, color=f"C{k}", marker="o", ms=3, label=name)
        each.set(xscale="log", yscale="log", xlabel="distance theta", ylabel="|d L_G / d theta|", title=title)
    for k in range(2):
        label = f"{PROBABILISTIC[k]}, against D* (exact)"
        axes[0].plot(DISTANCES, best[:, k].clamp(min=FLOOR), color=f"C{k}", ls="--", lw=1, label=label)
    axes[1].axhline(1, color="k", ls="--", lw=1, label="Wasserstein-1 (exact)")
    for each in axes:
        each.set_ylim(bottom=FLOOR)
        each.legend(fontsize=7, loc="lower left")
    return figure


def draw_frame(observed: Mapping[str, Observations], look: int, seeds: int) -> "Figure":
    """What G descends, across the lines, after some training of the critic; and the gradients that G gets of it."""
    figure, axes = panels(2, 3, 3.2, 2.5)
    x = across(SHOWN)[:, 0]
    models = slice(DISTANCES.index(SHOWN) * seeds, (DISTANCES.index(SHOWN) + 1) * seeds)
    losses = [(s, name, k) for s, system in SYSTEMS.items() for k, name in enumerate(system.losses)]
    for i, (each, (s, name, k)) in enumerate(zip(axes, losses, strict=False)):
        curves = observed[s]["reading"][:, k]
        low, high = float(curves.min()), float(curves.max())
        room = 0.08 * (high - low) + 1e-6
        each.set(xlim=(float(x[0]), float(x[-1])), ylim=(low - room, high + 2.5 * room))
        for centre, colour, label in ((0, REAL, "data"), (SHOWN, FAKE, "G(z)")):
            each.axvspan(centre - 2 * S, centre + 2 * S, color=colour, alpha=0.25, lw=0)
            each.annotate(label, (centre, 0.93), xycoords=("data", "axes fraction"), fontsize=7, ha="center")
        each.plot(x, curves[look], color=f"C{i}")
        each.set_title(f"{name}: L_G at x", fontsize=9)
        now = observed[s]["gradient"][: look + 1, k, models].abs().median(1).values.clamp(min=FLOOR)
        axes[5].plot(observed[s]["step"][: look + 1], now, color=f"C{i}", label=name)
    last = int(observed["gan"]["step"][-1])
    step = int(observed["gan"]["step"][look])
    axes[5].set(xlim=(0, last), ylim=(1e-8, 1e3), yscale="log", xlabel="step")
    axes[5].set_title(f"|d L_G / d theta|, step {step}", fontsize=9)
    axes[5].legend(fontsize=6, loc="center right")
    return figure


def report(gradients: Mapping[str, Tensor], raw: Tensor, s: Study) -> None:
    """The tables and results.json, from gradients (distances, seeds) by name."""
    names = [*PROBABILISTIC, *DISTANCE_LIKE]
    rows = []
    for i, theta in enumerate(DISTANCES):
        best = [f"{value:.2g}" for value in best_discriminator(theta)]
        rows.append([f"{theta:g}", *best, *[_short(gradients[name][i]) for name in names]])
    heads = ("theta", *[f"{name}, D*" for name in PROBABILISTIC], *names)
    s.table("d L_G / d theta", heads, rows, NOTES)
    rows = []
    for name in names:
        values = gradients[name]
        far = values[DISTANCES.index(2.0) :]
        towards = f"{100 * float((values > 0).double().mean()):.0f} %"
        rows.append([name, f"{float(far.min()):.2g}", f"{float(far.max()):.2g}", towards])
    s.table(
        "From theta = 2 (8 S) on",
        ("system", "least gradient", "largest gradient", "models pulled to the data (all theta)"),
        rows,
    )
    s.results(
        {
            "distances": DISTANCES,
            "best discriminator": [best_discriminator(theta) for theta in DISTANCES],
            "gradients": {name: values.tolist() for name, values in gradients.items()},
            "WGAN before normalisation": raw.tolist(),
        }
    )


def _short(values: Tensor) -> str:
    mean, deviation = float(values.mean()), float(values.std())
    return f"{mean:.2g} ± {deviation:.1g}"


def vanishing(
    *, seeds: int = 5, steps: int = 1500, batch: int = 128, seed: int = 0, out: str = "", quiet: bool = False
) -> None:
    """The gradient that reaches G as supports part: probabilities, Wasserstein critics, energies, kernels.

    Args:
        seeds: Critics of each kind and distance.
        steps: Training steps of each critic.
        batch: Samples a step, of the data and of G.
        seed: The first of the seeds.
        out: The folder; lab/vanishing by default. A study that was stopped there goes on.
        quiet: Show no progress.
    """
    at_least(2, seeds=seeds, batch=batch)
    at_least(2, steps=steps)
    usable_seed(seed)
    with study("vanishing", {"seeds": seeds, "steps": steps, "batch": batch, "seed": seed}, out, quiet) as s:
        observed, gradients = {}, without_critic(seeds, seed)
        for name, system in SYSTEMS.items():
            build = partial(models, system, seeds, steps, batch, seed)
            look = partial(watch, system=system, seeds=seeds, seed=seed)
            observed[name] = s.trial(name, build, look, steps=steps, looks=min(steps, 20))
            for k, loss in enumerate(system.losses):
                gradients[loss] = observed[name]["gradient"][-1, k].view(-1, seeds)
        raw = gradients["WGAN"]
        gradients["WGAN"] = raw / observed["wgan"]["steepest"][-1, 0].view(-1, seeds)
        report(gradients, raw, s)
        save(draw(gradients), s.folder / "vanishing.png")
        frames = len(observed["gan"]["step"])
        animate(lambda i: draw_frame(observed, i, seeds), frames, s.folder / "vanishing.gif", seconds=0.3)
