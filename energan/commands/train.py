"""Commands that train: `train RECIPE`, `resume`, `classify`, each of which ends by measuring the run and writing its
report, and `lab STUDY`. A recipe's and a study's own arguments are their flags.
"""

import inspect
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from energan.engine.distributed import Ranks, joined, rank_from_env
from energan.recipes.catalog import RECIPES
from energan.utils.checks import at_least
from energan.utils.console import STOPPED, say
from energan.utils.errors import UserError
from energan.utils.flags import Flag, with_flags
from energan.utils.specification import trusting

if TYPE_CHECKING:
    from energan.data import ImageSet
    from energan.experiment import Experiment

FLAGS = {  # of `train`, besides the recipe's
    "out": Flag(str, "", "The run's folder; a new one under runs/ by default."),
    "quiet": Flag(bool, False, "No progress bar."),
    "microbatches": Flag(int, 1, "Equal parts in which a batch is played, one after another, for less memory."),
    "sync_batch_stats": Flag(bool, False, "Batch norm, and losses over the batch, see the rows of all ranks."),
}

BATCH = int | Literal["auto"]  # the fastest that memory allows

FILES = ("data", "labels_csv", "test", "encoder")  # arguments of recipes that may name a file or folder


def _finish(folder: Path, state: str) -> int:
    """After training: measure, draw the neighbours or predict, write the report; rank 0 does."""
    from energan import evaluation, report

    if rank_from_env()[0]:
        return STOPPED if state == "stopped" else 0
    if state == "stopped":
        say(f"stopped and saved; `energan resume {shlex.quote(str(folder))}` continues exactly here")
        return STOPPED
    try:
        say("measuring")
        say("\n".join(evaluation.evaluate(folder, finish=True)["summary"]))
        say(f"report: {report.write_report(folder)}")
    except KeyboardInterrupt:
        here = shlex.quote(str(folder))
        say(f"trained to the end; measuring was stopped, `energan evaluate {here}` and `energan report {here}` do it")
        return STOPPED
    return 0


def _divided(run: "Experiment", microbatches: int, sync_batch_stats: bool, ranks: Ranks) -> "Experiment":
    """The run with its batch in microbatches. UserError if it cannot be divided so among the ranks."""
    at_least(1, microbatches=microbatches)
    number = ranks.count * microbatches
    if number > 1 and (run.batch % number or run.batch < 2 * number):
        raise UserError(
            f"--batch {run.batch} cannot be shared by {ranks.count} ranks, in --microbatches {microbatches}: "
            f"their product must divide it, and leave 2 images or more"
        )
    if run.compile and sync_batch_stats and ranks.count > 1:
        raise UserError("--sync-batch-stats cannot be compiled: leave out --compile or --sync-batch-stats")
    return run._replace(microbatches=microbatches, sync_batch_stats=sync_batch_stats)


def _start(
    recipe: str, arguments: Mapping[str, Any], out: str, line: Sequence[str], quiet: bool, microbatches: int = 1,
    sync_batch_stats: bool = False,
) -> int:  # fmt: skip
    """A new run of a recipe in the folder `out`, or in a new one; `line` is the command that asked for it."""
    from energan.data import NAMED
    from energan.runs.folder import RunFolder
    from energan.training.loop import train

    arguments = dict(arguments)
    for name in FILES:
        source = arguments.get(name)
        if source and source not in NAMED and Path(source).exists():
            arguments[name] = str(Path(source).resolve())  # so that `resume` works from any folder
    own = [name.partition(":")[0] for name in (recipe, str(arguments.get("module", ""))) if ":" in name]
    with trusting(*own), joined() as ranks:  # what was named on the command line
        if arguments["batch"] == "auto":
            arguments["batch"] = _fastest_batch(recipe, arguments, microbatches, ranks)
        run = _divided(
            ranks.rank_zero_first(lambda: RECIPES[recipe](**arguments)), microbatches, sync_batch_stats, ranks
        )
        folder = ranks.on_rank_zero(lambda: Path(out) if out else _free(Path("runs"), recipe))
        data = ranks.rank_zero_first(run.training_set)
        ranks.agree(data.sha256, "the training images")
        with ranks.errors_on_all_ranks():
            if ranks.rank == 0:
                _create(folder, run, data, recipe, arguments, shlex.join(line), ranks.count)
        state = train(run, RunFolder(folder), data, quiet=quiet, ranks=ranks)
    with trusting(*own):
        return _finish(folder, state)


def _fastest_batch(recipe: str, arguments: Mapping[str, Any], microbatches: int, ranks: Ranks) -> int:
    """The number that --batch auto stands for here.

    UserError in microbatches, and among ranks, which would not agree.
    """
    from energan.bench.auto_batch import best_batch

    if microbatches > 1:
        raise UserError("--batch auto is what fits in one part: give --batch a number, or leave out --microbatches")
    if ranks.count > 1:
        raise UserError("--batch auto is found by one process: give --batch a number under torchrun")

    def make(n: int) -> "Experiment":
        return RECIPES[recipe](**{**arguments, "batch": n})

    return best_batch(make, make(2).training_set())


def _create(
    folder: Path, run: "Experiment", data: "ImageSet", recipe: str, arguments: Mapping[str, Any], line: str, ranks: int
) -> None:
    """Writes the run's folder, and says what is trained on what."""
    from energan import capabilities
    from energan.runs.folder import RunFolder

    for capability in capabilities.of(run.game):
        if capability.validate:
            capability.validate(run, data)  # refused before anything is written
    RunFolder(folder).create(run, data, recipe, arguments, line)
    many = f", {ranks} ranks" if ranks > 1 else ""
    where = f"{data.name} in {folder} ({run.precision}, {run.device}{many})"
    say(f"training {recipe} on {len(data.images)} images of {where}")
    if "labels" in (found := RunFolder(folder).record["data"]):
        numbers = ", ".join(f"{name} {n}" for name, n in zip(found["classes"], found["labels"], strict=True))
        say(f"labels: {numbers}; without one: {len(data.images) - sum(found['labels'])}")


def train_command(recipe: str, flags: Sequence[str]) -> Callable[..., int]:
    """The command `train RECIPE`: the recipe's arguments, and where to put the run. `flags` are what was typed."""

    def train(*, out: str, quiet: bool, microbatches: int, sync_batch_stats: bool, **arguments: Any) -> int:
        return _start(
            recipe, arguments, out, ["energan", "train", recipe, *flags], quiet, microbatches, sync_batch_stats
        )

    return with_flags(RECIPES[recipe], train, FLAGS, changed=_auto_batch)


def _auto_batch(parameter: inspect.Parameter) -> inspect.Parameter:
    return parameter.replace(annotation=BATCH) if parameter.name == "batch" else parameter


def _free(parent: Path, name: str) -> Path:
    """parent/name, or the first of name-2, name-3, ... that is not there yet."""
    number = 1
    while (folder := parent / (name if number == 1 else f"{name}-{number}")).exists():
        number += 1
    return folder


def resume(
    run: str, /, *, steps: int = 0, quiet: bool = False, microbatches: int = 0, sync_batch_stats: bool = False
) -> int:
    """Continue a run exactly where its newest checkpoint stands.

    Args:
        run: The run's folder.
        steps: Train up to this step in all; 0 for what the run was started with.
        quiet: No progress bar.
        microbatches: Equal microbatches in which a batch is played; 0 for what the run was started with.
        sync_batch_stats: As of `train`; on if the run was started with it.
    """
    from energan.runs.folder import RunFolder
    from energan.runs.rebuild import rebuild
    from energan.training.loop import train

    folder = Path(run)
    with joined() as ranks:
        record = ranks.on_rank_zero(lambda: RunFolder(folder).record)
        spec = ranks.rank_zero_first(lambda: rebuild(record, steps=steps or record["steps"]))
        spec = _divided(
            spec,
            microbatches or record.get("microbatches", 1),
            sync_batch_stats or record.get("sync_batch_stats", False),
            ranks,
        )
        done = ranks.on_rank_zero(
            lambda: int(RunFolder(folder).checkpoint().stem) if RunFolder(folder).checkpoints() else 0
        )
        if spec.steps < done:
            raise UserError(f"{folder} is at step {done} already: --steps {spec.steps} must be above that to train on")
        data = ranks.rank_zero_first(spec.training_set)
        changes = {"microbatches": spec.microbatches, "sync_batch_stats": spec.sync_batch_stats}
        with ranks.errors_on_all_ranks():
            if data.sha256 != record["data"]["sha256"]:
                raise UserError(
                    f"the images or labels of {spec.source} are not those that {folder} was trained on; start a new run"
                )
            if ranks.rank == 0:
                arguments = {**record["arguments"], "steps": spec.steps}
                RunFolder(folder).update(steps=spec.steps, arguments=arguments, **changes)
        state = train(spec, RunFolder(folder), data, quiet=quiet, ranks=ranks)
    return _finish(folder, state)
