"""The command `sweep RECIPE`: the recipe's arguments, and which of them take several values."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from tyro.conf import UseAppendAction, arg

from energan.commands.config import Config
from energan.commands.train import with_absolute_paths
from energan.recipes.build import find_recipe
from energan.utils.arguments import description, flat_types, flattened, parameters, recorder
from energan.utils.checks import at_least, not_negative, usable_seed
from energan.utils.console import COMMAND_LINE, STOPPED, say
from energan.utils.errors import UserError
from energan.utils.files import user_path

if TYPE_CHECKING:
    from energan.sweep.plan.halving import Halving
    from energan.sweep.plan.space import Space
    from energan.sweep.plan.trials import Plan
    from energan.sweep.playing.executors import Executor
    from energan.sweep.playing.play import Keep

ABOUT = (
    "Trained many times, each time measured: --over lr=1e-3,1e-4 names values, --over margin=5:20:log a range. Ctrl-C "
    "stops; the same command goes on. `energan sweep report DIR` writes a page."
)


@dataclass(frozen=True, kw_only=True)
class SweepOptions:
    """The options of `sweep`, besides the recipe's."""

    out: str
    """The sweep's folder: a new one, or that of the same command."""
    config: str = ""
    """A run, or its run.json, whose settings are the defaults of the recipe's flags."""
    over: Annotated[UseAppendAction[tuple[str, ...]], arg(metavar="FLAG=VALUES")] = ()
    """A flag and its values: lr=1e-3,1e-4, or a range, margin=5:20, margin=5:20:log, or 4 values of it,
    margin=5:20:log:4. May be given several times. By itself, each value is tried with each of the others."""
    sample: int = 0
    """Draw so many settings at random."""
    sobol: int = 0
    """Take so many points of a Sobol sequence, which fill the space more evenly."""
    draw_seed: int = 0
    """Seed of what is drawn."""
    points: str = ""
    """A list of settings instead of --over: a .json file, [{"lr": 0.001}, ...], or my.module:function."""
    seeds: tuple[int, ...] = ()
    """Seeds that each setting is trained with; by default the recipe's --seed."""
    jobs: int = 1
    """Processes that play trials at once, and share the threads."""
    together: int = 1
    """Trials of nets of one shape that are trained as one program, at most: quicker for small nets, and in fp32."""
    on: Literal["local", "ray"] = "local"
    """Where trials are played: in processes of this machine, or on a cluster of Ray's."""
    address: str = ""
    """The cluster: auto (the one of this machine), host:port, or ray://host:port; by default a Ray of this machine's
    own, which ends with the command."""
    cpus: int | None = None
    """CPUs of the cluster that a trial takes, and as many threads; by default 1."""
    gpus: float | None = None
    """Share of a GPU of the cluster that a trial takes, as 0.5; by default none, and trials use no GPU."""
    halving: int = 0
    """Stop the worse trials early: at each of three looks, one in so many goes on. Needs energan[sweep]."""
    first_look: int | None = None
    """Steps before the first look; each later one is after `halving` times as many."""
    n: int | None = None
    """Samples that a trial is measured by; by default as many as `evaluate` takes."""
    metric: str = ""
    """The metric that the best trials are found by, as evaluation.json calls it; by default the first."""
    sheets: bool = False
    """Keep a sheet of samples of each trial."""
    runs: bool = False
    """Keep each trial's run folder, with its last checkpoint."""
    quiet: bool = False
    """No progress."""


def sweep_command(recipe: str, config: Config | None = None) -> Callable[..., int]:
    """The command `sweep RECIPE`: its flags are the recipe's arguments, with defaults of config, and SweepOptions."""
    function = find_recipe(recipe)
    defaults = config.arguments if config else {}

    def sweep(
        arguments: Annotated[dict[str, Any], arg(name="", constructor=recorder(function, **defaults))],
        options: SweepOptions,
    ) -> int:
        flat = flattened(arguments)
        if config:
            config.say_differences(flat)
        return start(recipe, flat, options, {**parameters(function), **defaults}.get("seed"))

    sweep.__doc__ = f"{description(function)}\n\n{ABOUT}"
    return sweep


def start(recipe: str, arguments: Mapping[str, Any], options: SweepOptions, seed: object = None) -> int:
    """Plays a sweep of a recipe, called with flat arguments, of which `seed` is the default. Returns the exit code."""
    from energan.sweep.driver import run
    from energan.sweep.plan.trials import Plan
    from energan.sweep.playing.play import Keep
    from energan.sweep.report.ranking import told

    at_least(1, jobs=options.jobs, together=options.together)
    if options.n is not None:
        at_least(1, n=options.n)
    out = user_path(options.out)
    types = flat_types(find_recipe(recipe))
    space = _space(options, types)
    given = with_absolute_paths(_in_fp32(arguments) if options.together > 1 else arguments)
    stopping = _halving(given, space, options)
    plan = Plan(recipe, given, space, _seeds(arguments, options.seeds, seed), options.n, stopping)
    keep = Keep(out.resolve(), options.sheets, options.runs)
    with _executor(plan, options, keep) as executor:
        if not options.quiet:
            say(f"{len(plan):,} trials of {recipe}: {len(space):,} settings, {len(plan.seeds)} seeds, in {out}")
        folder = run(
            plan, executor, out, metric=options.metric, command=shlex.join(COMMAND_LINE.get()), quiet=options.quiet
        )
    say(told(folder, options.metric))
    if folder.done < len(plan):
        say(f"stopped and saved after {folder.done:,} of {len(plan):,} trials; the same command goes on")
        return STOPPED
    say(f"table: {folder.path / 'results.parquet'}; `energan sweep report {shlex.quote(str(out))}` writes a page")
    return 0


def _executor(plan: "Plan", options: SweepOptions, keep: "Keep") -> "AbstractContextManager[Executor]":
    """What plays the trials. UserError for options that contradict each other, or where there is no such cluster."""
    from energan.sweep.playing.executors import Here, Processes

    if options.on == "local":
        for name in ("address", "cpus", "gpus"):
            if getattr(options, name) not in ("", None):
                raise UserError(f"`{name}` is of a cluster: give `on` ray, too")
        if options.jobs == 1:
            return nullcontext(Here(keep, options.together))
        return nullcontext(Processes(options.jobs, keep, options.together))
    from energan.sweep.cluster.executor import joined

    if options.jobs != 1:
        raise UserError("`jobs` is of this machine: on a cluster as many trials are played as it has `cpus` for")
    cpus, gpus = 1 if options.cpus is None else options.cpus, options.gpus or 0.0
    at_least(1, cpus=cpus)
    if options.gpus is not None and not 0 < gpus <= 1:
        raise UserError(f"`gpus` must be above 0 and at most 1, a trial's share of a GPU, got {options.gpus:g}")
    device = str(plan.arguments.get("device", "auto"))
    if device.startswith("cuda") and not gpus:
        raise UserError(f"`device` {device} needs a GPU, and no trial gets one: give `gpus`, as in --gpus 0.5")
    if device == "cpu" and gpus:
        raise UserError("`gpus` would keep GPUs that `device` cpu does not use: leave one of them out")
    if device.startswith("cuda:"):
        raise UserError(f"`device` {device}: on a cluster Ray chooses which GPU a trial gets; write `device` cuda")
    return joined(
        plan.recipe, keep, address=options.address, cpus=cpus, gpus=gpus, together=options.together
    )  # fmt: skip


def _in_fp32(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of trials that are trained together. UserError where another precision is asked for."""
    if (precision := arguments.get("precision")) not in ("auto", "fp32"):
        raise UserError(f"`together` trains in fp32, and `precision` is {precision}: leave one of them out")
    return {**arguments, "precision": "fp32"}


def _halving(arguments: Mapping[str, Any], space: "Space", options: SweepOptions) -> "Halving | None":
    """How trials are stopped early. UserError where they could not be compared."""
    from energan.sweep.plan.halving import halving

    if not options.halving:
        if options.first_look is not None:
            raise UserError("`first_look` is for `halving`, which is not asked for")
        return None
    if options.together > 1:
        raise UserError("`halving` stops single trials, and `together` trains several as one: give one of them")
    if "steps" in space.setting(0):
        raise UserError("`halving` compares trials after equally many steps: `over` cannot name steps")
    return halving(options.halving, options.first_look, options.metric, arguments["steps"])


def _space(options: SweepOptions, types: Mapping[str, Any]) -> "Space":
    """The settings that the options describe. UserError where they contradict each other."""
    from energan.sweep.plan.space import MOST, Grid, Sample, Sobol, axes, points

    not_negative(sample=options.sample, sobol=options.sobol)
    usable_seed(options.draw_seed, "draw_seed")
    ways = [name for name in ("sample", "sobol", "points") if getattr(options, name)]
    if len(ways) > 1:
        raise UserError(f"`{ways[0]}` and `{ways[1]}` are two ways to choose settings: give one")
    if options.points:
        if options.over:
            raise UserError("`points` lists all settings: leave out `over`")
        return points(options.points, types)
    over = axes(options.over, types)
    if not over:
        raise UserError("a sweep needs an `over`, as in --over lr=1e-3,1e-4, or `points`")
    if max(options.sample, options.sobol) > MOST:
        raise UserError(f"`{ways[0]}` must be {MOST:,} at most")
    if options.sobol:
        return Sobol(over, options.sobol, options.draw_seed)
    return Sample(over, options.sample, options.draw_seed) if options.sample else Grid(over)


def _seeds(arguments: Mapping[str, Any], seeds: Sequence[int], default: object) -> tuple[int, ...]:
    if not seeds:
        return (arguments.get("seed", 0),)
    for seed in seeds:
        usable_seed(seed, "seeds")
    if arguments.get("seed") != default:
        raise UserError("`seeds` and `seed` are two ways to say it: give one")
    return tuple(seeds)


def sweep_report(sweep: str, /, *, metric: str = "") -> int:
    """Write the report of a sweep: one HTML page that opens from disk.

    Args:
        sweep: The sweep's folder.
        metric: The metric that trials are compared by, as evaluation.json calls it; by default the first.
    """
    from energan.sweep.report.page import write_page

    say(f"report: {write_page(Path(sweep), metric)}")
    return 0
