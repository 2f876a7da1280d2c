"""`ring` and `grid`: which systems find all modes of a mixture of Gaussians, over many seeds.

The measures are VEEGAN's and PacGAN's (metrics/modes.py): 2500 samples, of high quality within three deviations of a
mode, a mode covered by one of them. The nets, batch, steps and rates are ours, the same for all systems where they can
be; the paper's numbers stand beside ours for what they are, of larger nets and far longer runs.
"""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from energan.data import toys
from energan.engine import Ensemble
from energan.engine.game import Batch
from energan.engine.rng import seeded
from energan.lab.figures import FAKE, REAL, animate, bare, field, panels, points, save, spread
from energan.lab.modes.systems import SYSTEMS, Settings
from energan.lab.study import Observations, Study, study
from energan.metrics.modes import modes
from energan.utils.checks import at_least, usable_seed
from energan.utils.errors import UserError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SAMPLES = 2500  # of each model, measured at each look

SHOWN = 600  # of the first model's samples, in the animation

SIDE = 48  # of the critic's field, points

MEASURES = ("covered", "high_quality", "reverse_kl")

COLUMNS = ("system", "modes", "high quality", "reverse KL", "seconds", "published (PacGAN, table 1)")

# modes and share of high quality; and what came of packing two samples.  PacGAN, arXiv:1712.04086, table 1
PUBLISHED = {
    "ring": ({"GAN": "6.3 ± 0.5 modes, 98.2 %"}, "PacGAN2: 7.9 modes, 95.6 % (published)."),
    "grid": ({"GAN": "17.3 ± 0.8 modes, 94.8 %"}, "PacGAN2: 23.8 modes, 91.3 % (published)."),
}


def samples(many: Ensemble, n: int, seed: int = 0) -> Tensor:
    """(N, n, d): n samples of each model, from the same noise."""
    generator = torch.Generator().manual_seed(seed)
    noise = Batch({name: draw(generator, n) for name, draw in many.game.noise.items()})
    draw_from = many.game.sample
    assert draw_from is not None  # all systems of these studies draw
    with torch.no_grad():
        return torch.stack([draw_from(many.players(i), noise) for i in range(len(many))])


def square(extent: float, side: int) -> Tensor:
    """(side^2, 2): points of a square grid over [-extent, extent]^2, row by row from below."""
    ticks = torch.linspace(-extent, extent, side)
    y, x = torch.meshgrid(ticks, ticks, indexing="ij")
    return torch.stack([x.flatten(), y.flatten()], 1)


def watch(many: Ensemble, target: toys.Mixture, extent: float) -> Mapping[str, Tensor]:
    """The measures of all models, and of the first one samples and the critic's field."""
    points = samples(many, SAMPLES)
    measured = modes(points, target.means, target.stds, weights=target.weights)
    assert many.game.energy is not None
    with torch.no_grad():
        reading = many.game.energy(many.players(0), Batch({"x": square(extent, SIDE)}))
    return {**measured._asdict(), "samples": points[0, :SHOWN].clone(), "field": -reading}


def _play(s: Study, name: str, target: toys.Mixture, settings: Settings) -> Observations:
    seeds = range(settings.seed, settings.seed + settings.seeds)

    def build() -> Ensemble:
        games = []
        for seed in seeds:
            with seeded(seed):
                games.append(SYSTEMS[name](settings))
        return Ensemble(games, [toys.source(target, settings.batch, seed) for seed in seeds], seeds=seeds)

    file = name.lower().replace(" ", "-").replace("=", "")
    look = partial(watch, target=target, extent=_extent(target))
    return s.trial(file, build, look, steps=settings.steps, looks=settings.looks)


def _extent(target: toys.Mixture) -> float:
    return 1.35 * float(target.means.abs().max())


def _row(name: str, observed: Observations, published: Mapping[str, str]) -> list[str]:
    covered, good, kl = (observed[k][-1] for k in ("covered", "high_quality", "reverse_kl"))
    finite = kl[kl.isfinite()]
    none = f" ({len(kl) - len(finite)} without high quality)" if len(finite) < len(kl) else ""
    return [
        name,
        spread(covered, 1),
        f"{spread(100 * good, 1)} %",
        (spread(finite) if len(finite) else "—") + none,
        f"{float(observed['seconds'][-1]):.0f}",
        published.get(name, ""),
    ]


def _curves(s: Study, observed: Mapping[str, Observations], modes: int) -> None:
    """Modes and share of high quality against steps, mean and one standard deviation over the models."""
    figure, (left, right) = panels(1, 2, 5, 3.4)
    for i, (name, one) in enumerate(observed.items()):
        colour = f"C{i % 10}" if i < 10 else "k"
        for axes, values in ((left, one["covered"].double()), (right, 100 * one["high_quality"])):
            mean, deviation = values.mean(1), values.std(1) if values.shape[1] > 1 else 0 * values[:, 0]
            axes.plot(one["step"], mean, label=name, color=colour, lw=1.4)
            axes.fill_between(one["step"], mean - deviation, mean + deviation, color=colour, alpha=0.12, lw=0)
    left.set(title=f"modes covered, of {modes}", xlabel="steps of G", ylim=(0, modes * 1.03))
    right.set(title="samples within 3 σ of a mode, %", xlabel="steps of G", ylim=(0, 100))
    right.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False)
    save(figure, s.folder / "curves.png")


def _scene(observed: Mapping[str, Observations], target: toys.Mixture, look: int) -> "Figure":
    """Each system's first model: its samples over its critic's field, and the modes as circles."""
    columns = min(4, len(observed))
    figure, axes = panels(-(-len(observed) // columns), columns, 2.1, 2.25)
    for ax, (name, one) in zip(axes, observed.items(), strict=False):
        field(ax, one["field"][look], _extent(target))
        points(ax, one["samples"][look], FAKE)
        points(ax, target.means, REAL, 6)
        bare(ax, f"{name}: {int(one['covered'][look, 0])}", _extent(target))
    for ax in axes[len(observed) :]:
        ax.axis("off")
    step = int(next(iter(observed.values()))["step"][look])
    figure.suptitle(f"step {step}: samples (red) over the critic's field, and the modes (blue) found", fontsize=9)
    return figure


def _study(
    name: str,
    protocol: str,
    target: toys.Mixture,
    systems: str,
    settings: Settings,
    asked: Mapping[str, object],
    out: str,
    quiet: bool,
) -> None:
    """Trains the named systems, and writes the results. protocol: the row of PUBLISHED, if the target is theirs."""
    at_least(1, seeds=settings.seeds, width=settings.width, z=settings.z, looks=settings.looks)
    at_least(2, batch=settings.batch, steps=settings.steps)
    usable_seed(settings.seed)
    chosen = [part.strip() for part in systems.split(",")] if systems else list(SYSTEMS)
    if unknown := [part for part in chosen if part not in SYSTEMS]:
        raise UserError(f"`systems`: there is no {unknown[0]!r}; there are {', '.join(SYSTEMS)}")
    with study(name, asked, out, quiet) as s:
        observed = {each: _play(s, each, target, settings) for each in chosen}
        published, packed = PUBLISHED.get(protocol, ({}, ""))
        rows = [_row(each, one, published) for each, one in observed.items()]
        notes = (
            f"{settings.seeds} seeds, {settings.steps} steps of G, batch {settings.batch}: mean ± standard deviation. "
            "Of the target's own points 98.9 % are of high quality. Seconds are of all seeds together, as one program. "
            f"{packed}"
        )
        s.table(f"{name}, {len(target.means)} modes", COLUMNS, rows, notes)
        s.results({each: {k: one[k][-1].tolist() for k in MEASURES} for each, one in observed.items()})
        _curves(s, observed, len(target.means))
        looks = len(next(iter(observed.values()))["step"])
        save(_scene(observed, target, looks - 1), s.folder / "samples.png")
        animate(partial(_scene, observed, target), looks, s.folder / "training.gif")


def ring(
    *,
    systems: str = "",
    target: Literal["protocol", "notebook", "appendix"] = "protocol",
    seeds: int = 20,
    steps: int = 3000,
    batch: int = 128,
    width: int = 64,
    z: int = 2,
    looks: int = 30,
    seed: int = 0,
    out: str = "",
    quiet: bool = False,
) -> None:
    """Gaussians on a ring: who finds all eight modes, who hops between them, over many seeds.

    Args:
        systems: Which ones, with commas between; all by default.
        target: Whose ring: the VEEGAN and PacGAN protocol's, that of unrolled GANs' notebook (seven modes, one
            of which counts twice) or of their appendix.
        seeds: Models of each system, trained as one program.
        steps: Of each generator.
        batch: Points a turn.
        width: Units of each of the two hidden layers.
        z: Dimensions of the noise.
        looks: How often the models are measured and drawn.
        seed: Of the first model; the others follow.
        out: The study's folder; lab/ring by default. The same command goes on where it stopped.
        quiet: No progress bar.
    """

    make = {
        "protocol": toys.ring,
        "notebook": toys.ring_unrolled_notebook,
        "appendix": toys.ring_unrolled_paper,
    }
    settings = Settings(seeds, steps, batch, width, z, looks, seed)
    asked = {"systems": systems, "target": target, **settings._asdict()}
    _study("ring", "ring" if target == "protocol" else "", make[target](), systems, settings, asked, out, quiet)


def grid(
    *,
    systems: str = "",
    seeds: int = 20,
    steps: int = 3000,
    batch: int = 128,
    width: int = 64,
    z: int = 2,
    looks: int = 30,
    seed: int = 0,
    out: str = "",
    quiet: bool = False,
) -> None:
    """Twenty-five Gaussians on a 5 x 5 grid: who finds all modes, over many seeds.

    Args:
        systems: Which ones, with commas between; all by default.
        seeds: Models of each system, trained as one program.
        steps: Of each generator.
        batch: Points a turn.
        width: Units of each of the two hidden layers.
        z: Dimensions of the noise.
        looks: How often the models are measured and drawn.
        seed: Of the first model; the others follow.
        out: The study's folder; lab/grid by default. The same command goes on where it stopped.
        quiet: No progress bar.
    """

    settings = Settings(seeds, steps, batch, width, z, looks, seed)
    _study(
        "grid", "grid", toys.grid_wgan_gp(), systems, settings, {"systems": systems, **settings._asdict()}, out, quiet
    )
