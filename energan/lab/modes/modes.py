"""`ring` and `grid`: which systems find all modes of a mixture of Gaussians, over many seeds; `published`: the same by
the settings of published code.

The measures are VEEGAN's and PacGAN's (metrics/modes.py): 2500 samples, of high quality within three deviations of a
mode, a mode covered by one of them. In `ring` and `grid` nets, batch, steps and rates are ours, the same for all
systems where they can be; the paper's numbers stand beside the ring's for what they are, of larger nets and far longer
runs.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from energan.data import toys
from energan.engine import Ensemble
from energan.engine.game import Batch, Game
from energan.engine.rng import seeded
from energan.lab.figures import FAKE, REAL, animate, bare, field, panels, points, save, spread
from energan.lab.modes.published import PROTOCOLS
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

COLUMNS = ("system", "modes", "high quality", "reverse KL", "seconds", "published (PacGAN, table 1, ± standard error)")

Games = Mapping[str, tuple[Callable[[Settings], Game], Settings]]  # by system: what makes its game, of which settings


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


def watch(many: Ensemble, target: toys.Mixture, extent: float, pack: int = 1) -> Mapping[str, Tensor]:
    """The measures of all models, and of the first one samples and the critic's field, each point as a pack of it."""
    points = samples(many, SAMPLES)
    measured = modes(points, target.means, target.stds, weights=target.weights)
    assert many.game.energy is not None
    with torch.no_grad():
        reading = many.game.energy(many.players(0), Batch({"x": square(extent, SIDE).repeat_interleave(pack, 0)}))
    return {**measured._asdict(), "samples": points[0, :SHOWN].clone(), "field": -reading}


def _play(
    s: Study, name: str, make: Callable[[Settings], Game], target: toys.Mixture, settings: Settings
) -> Observations:
    seeds = range(settings.seed, settings.seed + settings.seeds)

    def build() -> Ensemble:
        games = []
        for seed in seeds:
            with seeded(seed):
                games.append(make(settings))
        return Ensemble(games, [toys.source(target, settings.batch, seed) for seed in seeds], seeds=seeds)

    file = name.lower().replace(" ", "-").replace("=", "")
    look = partial(watch, target=target, extent=_extent(target), pack=settings.pack)
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


def _checked(settings: Settings) -> None:
    at_least(1, seeds=settings.seeds, width=settings.width, z=settings.z, looks=settings.looks)
    at_least(2, batch=settings.batch, steps=settings.steps)
    usable_seed(settings.seed)


def _chosen(systems: str, there: Games) -> Games:
    """The systems that are named, with commas between; all of them for "". UserError for one that is not there."""
    chosen = [part.strip() for part in systems.split(",")] if systems else list(there)
    if unknown := [part for part in chosen if part not in there]:
        raise UserError(f"`systems`: there is no {unknown[0]!r}; there are {', '.join(there)}")
    return {name: there[name] for name in chosen}


def _study(
    name: str,
    target: toys.Mixture,
    games: Games,
    published: Mapping[str, str],
    asked: Mapping[str, object],
    out: str,
    quiet: bool,
) -> None:
    """Trains the systems, and writes the results. published: what their paper has, by system."""
    with study(name, asked, out, quiet) as s:
        observed = {each: _play(s, each, make, target, settings) for each, (make, settings) in games.items()}
        settings = next(iter(games.values()))[1]
        rows = [_row(each, one, published) for each, one in observed.items()]
        notes = (
            f"{settings.seeds} seeds, {settings.steps} steps of G, batch {settings.batch // settings.pack}: mean ± "
            "standard deviation. Of the target's own points 98.9 % are of high quality. Seconds are of all seeds "
            "together, as one program."
        )
        shown = len(COLUMNS) if published else len(COLUMNS) - 1
        s.table(f"{name}, {len(target.means)} modes", COLUMNS[:shown], [row[:shown] for row in rows], notes)
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
    asked = {"systems": systems, "target": target, **_flags(settings)}
    results = PROTOCOLS["pacgan-ring"].results if target == "protocol" else {}
    _study("ring", make[target](), _ours(systems, settings), results, asked, out, quiet)


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
    asked = {"systems": systems, **_flags(settings)}
    _study("grid", toys.grid_wgan_gp(), _ours(systems, settings), {}, asked, out, quiet)


def _flags(settings: Settings) -> dict[str, int]:
    """The settings that are flags of `ring` and `grid`."""
    return {name: value for name, value in settings._asdict().items() if name != "pack"}


def _ours(systems: str, settings: Settings) -> Games:
    _checked(settings)
    return _chosen(systems, {name: (make, settings) for name, make in SYSTEMS.items()})


def published(
    *,
    protocol: Literal["notebook", "appendix", "pacgan-ring", "pacgan-grid"] = "notebook",
    systems: str = "",
    seeds: int = 1,
    steps: int = 0,
    looks: int = 25,
    seed: int = 0,
    out: str = "",
    quiet: bool = False,
) -> None:
    """Rings and grids by the settings of published code: unrolled GANs, PacGAN.

    Args:
        protocol: Whose settings: unrolled GANs' notebook (whose K is 5), their paper's appendix as others read it, or
            PacGAN's ring or grid (GAN, PacGAN2, 3, 4).
        systems: Which ones, with commas between; all by default.
        seeds: Models of each system, trained as one program.
        steps: Of each generator; 0 for as many as published: 25,000, PacGAN's 400,000.
        looks: How often the models are measured and drawn.
        seed: Of the first model; the others follow.
        out: The study's folder; lab/published-PROTOCOL by default. The same command goes on where it stopped.
        quiet: No progress bar.
    """
    theirs = PROTOCOLS[protocol]
    games = {}
    for name, (make, batch, pack) in theirs.systems.items():
        games[name] = (make, Settings(seeds, steps or theirs.steps, batch, 0, theirs.z, looks, seed, pack))
    _checked(next(iter(games.values()))[1]._replace(width=1))
    asked = {"protocol": protocol, "systems": systems, "seeds": seeds, "steps": steps, "looks": looks, "seed": seed}
    name = f"published-{protocol}"
    _study(name, theirs.target(), _chosen(systems, games), theirs.results, asked, out, quiet)
