"""A job is one comparison; here are those of single models, each recipe in its settings, and what all jobs share."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from benchmarks.gpu.speed.machine import Ceilings
from benchmarks.gpu.speed.turns import Clock, OutOfTime, Player, cudnn_by_trial, free, in_turns, prepared
from energan.bench.operations import Step
from energan.bench.timing import count, images_of, quartiles
from energan.data import ImageSet
from energan.engine import Ensemble, Trainer
from energan.engine.game import Source
from energan.engine.graphs import Graphed
from energan.engine.rng import seeded
from energan.engine.state import leaves, parameters
from energan.experiment import Experiment
from energan.recipes.build import build

Row = dict[str, Any]

PLAIN, COMPILED = ("eager", "graph"), ("eager", "compiled", "compiled graph")

TRIED = "graph, cuDNN by trial"  # of networks with convolutions

KEPT = 8  # batches on the device, which all sides see again and again

ALONE = 16  # models that are stepped one by one, at most: each costs the same


class Subject(NamedTuple):
    """A recipe as it is timed: its name here, its arguments, and those that make it a toy on a CPU."""

    what: str
    recipe: str
    arguments: Mapping[str, Any]
    toy: Mapping[str, Any]


_WIDE = {"hidden": [16, 8]}
SUBJECTS = {
    "demo": Subject("the demo", "ebgan-pt-mnist", {}, {"width": 2, "batch": 4, "z": 4}),
    "64": Subject("64 px", "ebgan-pt-64", {}, {"width": 1, "batch": 2}),
    "ladder": Subject("ladder", "ladder-mnist", {}, {**_WIDE, "labels": 10, "batch": 4}),
    "mlp": Subject("MLP of figure 4", "ebgan-mnist", {"pt": 0.1}, {"size_g": 8, "size_d": 8, "batch": 4}),
    "128": Subject("128 px", "ebgan-pt-128", {}, {"width": 1, "batch": 2}),
    "latent": Subject(
        "latent discriminators", "latent-discriminators-mnist", {"warm_steps": 0, "width": 64},
        {"warm_steps": 0, "critic_steps": 1, "width": 1, "batch": 4},
    ),
    "improved": Subject(
        "improved GAN", "improved-gan-mnist", {}, {**_WIDE, "labels": 10, "batch": 4, "z": 4, "size_g": 8}
    ),
    "wgan-gp": Subject("WGAN-GP", "wgan-gp-mnist", {}, {"width": 1, "batch": 4, "critic_steps": 2}),
    "256": Subject("256 px", "ebgan-pt-256", {}, {"width": 1, "batch": 2}),
}  # fmt: skip


class Here(NamedTuple):
    """What jobs share: the device, its ceilings, the budget, the seconds of each comparison, what was counted."""

    device: torch.device
    ceilings: Ceilings
    clock: Clock
    seconds: float
    counted: dict[tuple[str, str], Step]


class Job(NamedTuple):
    """One comparison of several settings, played in turns.

    needs  seconds on a GPU without which it is not begun
    play  yields a row for each setting; a row of a setting that failed has "why"
    """

    table: str
    what: str
    settings: Sequence[str]
    needs: float
    play: Callable[[Here], Iterator[Row]]

    @property
    def label(self) -> str:
        return f"{self.table}: {self.what}: {', '.join(self.settings)}"


# ---- single models --------------------------------------------------------------------------------------------------
def single(key: str, precision: str, settings: Sequence[str], needs: float, small: bool) -> Job:
    """A subject's step in a precision, in these settings."""
    subject = SUBJECTS[key]
    what = f"{subject.what}, {precision}"
    return Job("steps", what, settings, needs, partial(_steps, subject, precision, settings, small))


def _steps(subject: Subject, precision: str, settings: Sequence[str], small: bool, here: Here) -> Iterator[Row]:
    arguments = {**subject.arguments, **(subject.toy if small else {}), "precision": precision}
    make = partial(build, subject.recipe, device=here.device.type)
    run, data, _ = images_of(make, arguments)
    again = partial(make, **arguments, data=run.source)
    makers = {setting: partial(_player, again, data, setting, here.device) for setting in settings}
    row = {"table": "steps", "what": subject.what, "precision": precision, "batch": run.batch, "images": run.batch}
    yield from timed(row, makers, here, partial(_counted, subject, precision, run, data, here))


def _player(make: Callable[[], Experiment], data: ImageSet, setting: str, device: torch.device) -> Player:
    """A model of the recipe in a setting, in the middle of its run."""
    with seeded(0):  # a classifier that is inverted is not trained here: all sides have the same one
        run = make()
    if run.initialise and all(player.optimizer for player in run.game.players.values()):
        run.initialise(data)
    few = data._replace(images=data.images[: KEPT * run.batch]) if run.coded else data
    one = Trainer(
        run.game, kept(run.batches(few), device), seed=run.seed, precision=run.precision, device=device.type,
        ema=run.ema, compile="compiled" in setting,
    )  # fmt: skip
    one.t = run.steps // 2
    return played(one, setting)


def played(one: Trainer | Ensemble, setting: str) -> Player:
    """Its steps, replayed from a graph in the settings that say so."""
    weights = partial(_weights, one)
    if "graph" not in setting:
        return Player(one.step, weights)
    graphed = Graphed(one)

    def why() -> str:
        return graphed.why or ("" if graphed.captured else "no graph: played as ever")

    def tried() -> object:
        with cudnn_by_trial():
            return graphed.step()

    return Player(tried if setting == TRIED else graphed.step, weights, why)


def _weights(one: Trainer | Ensemble) -> list[Tensor]:
    """The weights that learn; an Ensemble's have a leading axis, of its first ALONE models."""
    if isinstance(one, Ensemble):
        return [w[:ALONE] for _, w in leaves(one.state()["weights"])]
    return [w for net in one.nets.values() for _, w in leaves(parameters(net))]


def kept(source: Source, device: torch.device) -> Source:
    """KEPT batches of the source, on the device: a batch costs no side anything."""
    made: dict[int, Mapping[str, Tensor]] = {}

    def draw(k: int) -> Mapping[str, Tensor]:
        if k % KEPT not in made:
            made[k % KEPT] = {name: x.to(device) for name, x in source(k % KEPT).items()}
        return made[k % KEPT]

    return draw


def _counted(subject: Subject, precision: str, run: Experiment, data: ImageSet, here: Here) -> Step:
    """The operations of the step, counted once in each precision."""
    key = (subject.recipe, precision)
    if key not in here.counted:
        here.counted[key] = count(run, data)
    return here.counted[key]


def timed(
    row: Row, makers: Mapping[str, Callable[[], Player]], here: Here, counted: Callable[[], Step] | None = None
) -> Iterator[Row]:
    """A row for each setting: those that play are timed in turns; those that failed say why.

    row  what all rows have in common; "images" that a step has, and "models" where it is of several
    """
    sides, failed = prepared(makers, here.device)
    if sides:
        times = in_turns({k: side.player.step for k, side in sides.items()}, here.device, here.seconds, here.clock)
        compared = next(iter(sides))
        first = times[compared]
    for name in makers:
        if name in failed:
            yield {**row, "setting": name, "why": reason(failed[name])}
            continue
        seconds = quartiles(times[name])
        ratios = quartiles([a / b for a, b in zip(first, times[name], strict=True)])
        yield {
            **row, "setting": name, "seconds": seconds, "times_as_fast": ratios, "compared_with": compared,
            "rounds": len(first), "images_per_second": row["images"] / seconds[1], "made": sides[name].made,
            "peak": sides[name].peak, "apart": sides[name].apart, "note": sides[name].player.why(),
            **_shares(counted, seconds[1], here),
        }  # fmt: skip
    sides.clear()
    free(here.device)


def _shares(counted: Callable[[], Step] | None, seconds: float, here: Here) -> Row:
    if counted is None:
        return {}
    step = counted()
    floor, fused = here.ceilings.floor(step), here.ceilings.fused_floor(step)
    return {"floor": floor, "fused_floor": fused, "share": floor / seconds, "fused_share": fused / seconds}


def reason(error: BaseException) -> str:
    """An error in one line of 200 characters at most."""
    if isinstance(error, OutOfTime):
        return str(error)
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = re.sub(r"\s+", " ", f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__)
    return text if len(text) <= 200 else f"{text[:199]}…"
