"""Trials that are trained as one program: which ones can be, and their rows.

An Ensemble plays games of one structure, which differ in weights, hyperparameters and seeds. So trials whose nets have
one shape, and which train for the same number of steps on the same images, are one program: many small products become
a few large ones, and what each step costs besides is paid once.
"""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from energan.sweep.plan.halving import Ask, never
from energan.sweep.plan.trials import Result, Trial
from energan.sweep.playing.play import Diverged, GivenUp, Keep, Ready, Stop, metrics_of, outcome, play, ready
from energan.utils.errors import UserError

if TYPE_CHECKING:
    from energan.engine import Ensemble
    from energan.experiment import Experiment

WAITING = 8  # times as many trials as are played together may wait for others of their shape
COPIES = 8  # of a model's weights that are in memory at once: gradients, moments, what a step makes anew
SHARE = 4  # one part in so many of the free memory may be taken

Wrong = dict[int, tuple[int, str]]  # models that diverged: at which step, and how


def groups(trials: Iterator[Trial], most: int) -> Iterator[list[Trial]]:
    """The trials in groups of at most `most` that can be trained as one program; all of them, some out of turn.

    Some trials are taken before there is room for them: they wait for others of their shape.
    """
    if most == 1:
        yield from ([trial] for trial in trials)
        return
    waiting: list[tuple[Any, Experiment, list[Trial]]] = []
    for trial in trials:
        if (found := _shareable(trial)) is None:
            yield [trial]
            continue
        key = _shape(found)
        at = next((i for i, (k, first, _) in enumerate(waiting) if k == key and _alike(first, found)), len(waiting))
        if at == len(waiting):
            waiting.append((key, found, []))
        waiting[at][2].append(trial)
        if len(waiting[at][2]) >= min(most, _room(found)):
            yield waiting.pop(at)[2]
        elif sum(len(group) for *_, group in waiting) >= WAITING * most:
            yield waiting.pop(max(range(len(waiting)), key=lambda i: len(waiting[i][2])))[2]
    yield from (group for *_, group in waiting)


def play_all(trials: list[Trial], keep: Keep, stop: Stop = lambda: False, ask: Ask = never) -> list[Result]:
    """The rows of trials, trained as one program, or one after another where they cannot be. GivenUp as of `play`."""
    if len(trials) > 1:
        try:
            return _played(trials, keep, stop)
        except (UserError, RuntimeError):  # other images than was thought; a layer that torch does not batch
            pass
    return [play(trial, keep, stop, ask) for trial in trials]


def _played(trials: list[Trial], keep: Keep, stop: Stop) -> list[Result]:
    from energan.data.batches.resident import resident
    from energan.engine import Ensemble
    from energan.inference.snapshot import taken
    from energan.training.loop import trainer_of

    begun = time.monotonic()
    starts = [ready(trial) for trial in trials]
    first = starts[0].experiment
    many = Ensemble(
        [start.experiment.game for start in starts],
        [resident(start.experiment.batches(start.data), first.device) for start in starts],
        seeds=[start.experiment.seed for start in starts],
        precision=first.precision,
        device=first.device,
        compile=first.compile,
    )
    wrong = _train(many, first, stop)
    each = (time.monotonic() - begun) / len(trials)

    def metrics(i: int, start: Ready) -> dict[str, float]:
        if i in wrong:
            raise Diverged(wrong[i][1])
        trainer = taken(many, i, trainer_of(start.experiment, start.data))
        trainer.t = many.t
        return metrics_of(trials[i], start, trainer, keep)

    rows = []
    for i, (trial, start) in enumerate(zip(trials, starts, strict=True)):
        if stop():
            raise GivenUp
        reached = [wrong[i][0] if i in wrong else many.t]
        rows.append(outcome(trial, reached, lambda i=i, start=start: metrics(i, start), each))  # type: ignore[misc]
    return rows


def _train(many: "Ensemble", experiment: "Experiment", stop: Stop) -> Wrong:
    """Plays all steps. The models that diverged; they are played on with the others, to whom they are nothing."""
    from energan.engine.graphs import Graphed
    from energan.training.divergence import Means
    from energan.training.log import log_every

    graphed, means, every = Graphed(many, experiment.graph), Means(), log_every(experiment)
    wrong: Wrong = {}
    while many.t < experiment.steps and len(wrong) < len(many):
        if stop():
            raise GivenUp
        means.add(graphed.step())
        end = many.t == experiment.steps
        if many.t % every == 0 or end:
            for i, (_, how) in enumerate(means.take_each(end, len(many))):
                if how:
                    wrong.setdefault(i, (many.t, how))
    return wrong


def _shareable(trial: Trial) -> "Experiment | None":
    """The trial's experiment; None where it can only be played alone, or not at all."""
    from energan.recipes.build import build

    try:
        found = build(trial.recipe, **trial.arguments)
    except Exception:  # whoever plays it says what is wrong
        return None
    alone = found.ema or found.microbatches > 1 or found.initialise or found.precision not in ("fp32", "fp64")
    return None if alone or found.deterministic else found


def _shape(experiment: "Experiment") -> Any:
    """What two trials that are one program have in common, as far as it is quickly compared."""
    from energan.utils.specification import describe

    try:
        images = repr(describe(experiment.prepare))
    except UserError:  # anyone's function: what it does is not known
        images = str(id(experiment.prepare))
    nets = {n: [tuple(w.shape) for w in p.net.parameters()] for n, p in experiment.game.players.items()}
    one = experiment._replace(game=None, prepare=None, prepare_any=None, seed=0, coded=None, sentences=None)  # type: ignore[arg-type]
    return repr((one, images, nets))


def _alike(a: "Experiment", b: "Experiment") -> bool:
    from energan.engine.ensemble import same_structure

    try:
        same_structure(a.game, b.game)
    except UserError:
        return False
    return True


def _room(experiment: "Experiment") -> int:
    """How many models of the experiment the memory takes."""
    from energan.utils.hardware import available_memory

    weights = sum(w.numel() * w.element_size() for p in experiment.game.players.values() for w in p.net.parameters())
    return max(1, available_memory() // (SHARE * COPIES * max(1, weights)))
