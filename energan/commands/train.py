"""The commands `train RECIPE` and `resume`, which end by measuring the run and writing its report."""

import errno
import itertools
import os
import shlex
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from tyro.conf import arg

from energan.commands.config import Config
from energan.engine.distributed import Ranks, joined, rank_from_env
from energan.explore.class_names import listed
from energan.recipes.build import FILES, build, find_recipe
from energan.utils.arguments import flattened, recorder
from energan.utils.checks import at_least, not_negative, positive
from energan.utils.console import COMMAND_LINE, STOPPED, progress_shown, say, warn
from energan.utils.errors import UserError
from energan.utils.extras import require_training
from energan.utils.files import unwritable, user_path
from energan.utils.others import Use, advice, use_now
from energan.utils.specification import foreign_modules, trusting

if TYPE_CHECKING:
    from energan.data import ImageSet
    from energan.experiment import Experiment
    from energan.runs.folder import RunFolder

SETTLED_ANEW = ("steps", "device", "microbatches", "sync_batch_stats", "stop_when_flat")  # settings, by `resume`

NOTHING: Mapping[str, Any] = {}

Begin = Callable[["Experiment", "ImageSet", "RunFolder"], None]


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """The options of a run, besides the recipe's."""

    out: str = ""
    """The run's folder; a new one under runs/ by default."""
    quiet: bool = False
    """No progress bar."""
    microbatches: int = 1
    """Equal parts in which a batch is played, one after another, for less memory."""
    sync_batch_stats: bool = False
    """Batch norm, and losses over the batch, see the rows of all ranks."""
    stop_when_flat: int = 0
    """End training once samples have come no nearer to the training images, beyond the noise of that, for so many
    looks (of --save-every steps); 0: never."""
    track: Literal["", "wandb"] = ""
    """Send curves and samples to Weights & Biases, too (wandb; WANDB_MODE=offline keeps them in the run's folder)."""


@dataclass(frozen=True, kw_only=True)
class TrainOptions(RunOptions):
    """The options of `train`, besides the recipe's."""

    config: str = ""
    """An earlier run, or its run.json, whose settings are the defaults of all flags."""


def train_command(recipe: str, config: Config | None = None) -> Callable[..., int]:
    """The command `train RECIPE`: the recipe's arguments and TrainOptions are its flags; config: their defaults."""
    function = find_recipe(recipe)
    defaults, options_of = (config.arguments, config.options) if config else ({}, {})

    def train(
        arguments: Annotated[dict[str, Any], arg(name="", constructor=recorder(function, **defaults))],
        options: TrainOptions = TrainOptions(**options_of),
    ) -> int:
        flat = flattened(arguments)
        if config:
            config.say_differences(flat)
        return start(recipe, flat, options)

    train.__doc__ = function.__doc__
    return train


def start(
    recipe: str,
    arguments: Mapping[str, Any],
    options: RunOptions,
    *,
    check: "Callable[[Experiment], None] | None" = None,
    begin: Begin | None = None,
    more: Mapping[str, Any] = NOTHING,
) -> int:
    """Trains a recipe, called with flat arguments, in a new folder. Returns the exit code.

    check: called with the experiment before anything is written; it may refuse, and changes networks' weights.
    begin: called with the experiment, the images and the new folder: writes what training begins with.
    more: entries of run.json besides.
    """
    from energan.runs.folder import RunFolder
    from energan.training.loop import train
    from energan.training.weights_and_biases import require

    require_training()
    before = use_now()
    arguments = with_absolute_paths(arguments)
    if options.track:
        require()  # before anything is written
    with progress_shown(not options.quiet), joined() as ranks:
        if arguments.get("batch") == "auto":
            arguments["batch"] = _fastest_batch(recipe, arguments, options.microbatches, ranks)
        run = ranks.rank_zero_first(lambda: build(recipe, **arguments))
        run = _divided(run, options.microbatches, options.sync_batch_stats, ranks)
        run = _ending(run, options.stop_when_flat)
        if check:
            ranks.rank_zero_first(lambda: check(run))
        data = ranks.rank_zero_first(run.training_set)
        ranks.agree(data.sha256, "the training images")
        folder = ranks.on_rank_zero(lambda: _create(options.out, run, data, recipe, arguments, ranks.count, more))
        if begin:
            ranks.on_rank_zero(lambda: begin(run, data, RunFolder(folder)))
        _warn_if_crowded(run, before, ranks)
        state = train(run, RunFolder(folder), data, quiet=options.quiet, ranks=ranks, track=options.track)
    trusted = foreign_modules(RunFolder(folder).record["experiment"])  # which made the run in this process
    with trusting(*trusted), progress_shown(not options.quiet):
        return _finish(folder, state)


def resume(
    run: str,
    /,
    *,
    steps: int = 0,
    data: str = "",
    test: str = "",
    labels_csv: str = "",
    target: str = "",
    device: str = "",
    quiet: bool = False,
    microbatches: int = 0,
    sync_batch_stats: bool = False,
    graph: Literal["auto", "on", "off"] | None = None,
    stop_when_flat: int | None = None,
    track: Literal["", "wandb"] = "",
) -> int:
    """Continue a run exactly where its newest checkpoint stands.

    Args:
        run: The run's folder.
        steps: Train up to this step in all; 0 for what the run was started with.
        data: Where the training images are now, if they were moved; they must be the same ones.
        test: Where a classifier's labelled test images are now.
        labels_csv: Where the images' labels are now.
        target: Where the pictures of the other domain are now.
        device: cpu, cuda, cuda:1, or auto; by default what the run was started with. Another one draws other noise.
        quiet: No progress bar.
        microbatches: Equal microbatches in which a batch is played; 0 for what the run was started with.
        sync_batch_stats: As of `train`; on if the run was started with it.
        graph: As of `train`; by default what the run was started with.
        stop_when_flat: As of `train`; by default what the run was started with. Looks are counted anew after a stop.
        track: As of `train`.
    """
    from energan.runs.folder import RunFolder
    from energan.runs.rebuild import rebuild
    from energan.runs.signature import is_signed
    from energan.runs.sources import Sources, encoder_of, remembered, settled, training_images
    from energan.training.loop import train
    from energan.training.weights_and_biases import require

    require_training()
    used = use_now()
    if track:
        require()
    if steps:
        positive(steps=steps)
    folder, named = RunFolder(Path(run)), Sources(data, test, labels_csv, target)
    folder.refuse_shared()
    with progress_shown(not quiet), joined() as ranks:
        before = ranks.on_rank_zero(lambda: folder.record)
        record = ranks.on_rank_zero(lambda: settled(before, folder.path, named))
        end, where = steps or record["steps"], device or record["device"]
        other: dict[str, Any] = {"graph": graph} if graph else {}
        spec = ranks.rank_zero_first(lambda: rebuild(record, steps=end, device=where, **other))
        spec = _ending(spec, spec.stop_when_flat if stop_when_flat is None else stop_when_flat)
        microbatches = microbatches or record["microbatches"]
        spec = _divided(spec, microbatches, sync_batch_stats or record["sync_batch_stats"], ranks)
        begun = ranks.on_rank_zero(lambda: bool(folder.checkpoints()))
        if not begun and (encoder := encoder_of(record)) and not ranks.on_rank_zero(lambda: is_signed(before)):
            raise UserError(
                f"{run} has no signature of yours, and no checkpoint yet: it would start with the weights of "
                f"{encoder}, which its run.json names; start a run of your own"
            )
        images = ranks.rank_zero_first(lambda: training_images(spec, record, folder.path))
        settings = {k: getattr(spec, k) for k in (*SETTLED_ANEW, *other)}
        moved = {"device": spec.device} if device else {}
        arguments = {**record["arguments"], "steps": spec.steps, **moved, **other}
        changes = settings | remembered(record, images, before) | {"arguments": arguments}
        ranks.on_rank_zero(lambda: say(spec.origin(images)))
        _warn_if_crowded(spec, used, ranks)
        try:
            state = train(spec, folder, images, quiet=quiet, ranks=ranks, changes=changes, track=track)
        except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
            if isinstance(error, UserError) or is_signed(before):
                raise  # of a run that this user described, it is a defect of ours
            reason = " ".join(str(error).split())[:200]
            raise UserError(f"{run} cannot be trained as its run.json describes it: {reason}") from error
    with progress_shown(not quiet):
        return _finish(Path(run), state)


def with_absolute_paths(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments with files and folders named in full, so that `resume` works from any folder."""
    from energan.data import NAMED

    named = {name: arguments[name] for name in FILES if arguments.get(name)}
    paths = {name: user_path(source) for name, source in named.items() if source not in NAMED}
    return {**arguments, **{name: str(path.resolve()) for name, path in paths.items() if os.path.lexists(path)}}


def _fastest_batch(recipe: str, arguments: Mapping[str, Any], microbatches: int, ranks: Ranks) -> int:
    """The number that --batch auto stands for here.

    UserError in microbatches, and among ranks, which would not agree.
    """
    from energan.bench.auto_batch import best_batch

    if microbatches > 1:
        raise UserError("`batch` auto is what fits in one part: give `batch` a number, or leave out `microbatches`")
    if ranks.count > 1:
        raise UserError("`batch` auto is found by one process: give `batch` a number under torchrun")

    def of_batch(n: int) -> "Experiment":
        return build(recipe, **{**arguments, "batch": n})

    return best_batch(of_batch, of_batch(2).training_set())


def _warn_if_crowded(run: "Experiment", before: Use, ranks: Ranks) -> None:
    """Ranks are each other's company, and a GPU's steps wait for one thread alone."""
    import torch

    alone = run.device == "cpu" and ranks.count == 1
    if alone and (words := advice(before, torch.get_num_threads(), os.cpu_count() or 1)):
        warn(words)


def _divided(run: "Experiment", microbatches: int, sync_batch_stats: bool, ranks: Ranks) -> "Experiment":
    """The run with its batch in microbatches. UserError if it cannot be divided so among the ranks."""
    at_least(1, microbatches=microbatches)
    number = ranks.count * microbatches
    if number > 1 and (run.batch % number or run.batch < 2 * number):
        raise UserError(
            f"`batch` {run.batch} cannot be shared by {ranks.count} ranks, in `microbatches` {microbatches}: "
            f"their product must divide it, and leave 2 images or more"
        )
    if run.compile and sync_batch_stats and ranks.count > 1:
        raise UserError("`sync_batch_stats` cannot be compiled: leave out `compile` or `sync_batch_stats`")
    if run.graph == "on" and ranks.count > 1:
        raise UserError("`graph` on is for one process: under torchrun, leave it out")
    if run.graph == "on" and not run.device.startswith("cuda"):  # before a folder is made
        raise UserError(f"`graph` on needs a CUDA device, and this is {run.device}: use auto or off")
    return run._replace(microbatches=microbatches, sync_batch_stats=sync_batch_stats)


def _ending(run: "Experiment", stop_when_flat: int) -> "Experiment":
    """The run, which ends once it is flat for so many looks. UserError where it never could."""
    not_negative(stop_when_flat=stop_when_flat)
    if stop_when_flat and run.game.sample is None:
        raise UserError("`stop_when_flat` looks at samples, and this system draws none: leave it out")
    if stop_when_flat * run.save_every >= run.steps:
        raise UserError(
            f"`stop_when_flat` {stop_when_flat} looks of `save_every` {run.save_every} steps are not within the run's "
            f"{run.steps} steps: lower one of them"
        )
    return run._replace(stop_when_flat=stop_when_flat)


def new_run_folder(recipe: str) -> Path:
    """A folder made now, so that it is this process' own: runs/RECIPE, or the first of RECIPE-2, RECIPE-3, ..."""
    name = recipe.rpartition(":")[2]
    for number in itertools.count(1):
        folder = Path("runs") / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            if folder.parent.is_dir():  # else `runs` is a file
                continue
            raise unwritable(folder, NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))) from None
        except OSError as error:
            raise unwritable(folder, error) from error
        return folder
    raise AssertionError("numbers do not end")


def _create(
    out: str, run: "Experiment", data: "ImageSet", recipe: str, arguments: Mapping[str, Any], ranks: int,
    more: Mapping[str, Any] = NOTHING,
) -> Path:  # fmt: skip
    """The run's folder, written; says what is trained on what. UserError leaves no new folder behind."""
    from energan import capabilities
    from energan.runs.folder import RunFolder

    for capability in capabilities.of(run.game):
        if capability.validate:
            capability.validate(run, data)  # refused before anything is written
    origin = run.reading_as(data).origin(data)
    folder = user_path(out) if out else new_run_folder(recipe)
    try:
        RunFolder(folder).create(run, data, recipe, arguments, shlex.join(COMMAND_LINE.get()), more)
    except BaseException:
        if not out:
            with suppress(OSError):  # not empty
                folder.rmdir()
                folder.parent.rmdir()
        raise
    on = f", {ranks} ranks" if ranks > 1 else ""
    where = f"{data.name} in {folder} ({run.precision}, {run.device}{on})"
    say(origin)
    h, w = data.images.shape[2:]
    shape = "" if h == w else f", {h} pixels high and {w} wide,"
    say(f"training {recipe} on {len(data.images)} images{shape} of {where}")
    if run.game.conditions is not None and run.game.conditions.kind == "classes":
        say(f"draws what is asked for, one of {len(data.classes)} classes: {listed(data.classes)}")
    if arguments.get("classes") is False and data.labels is not None:
        say(f"the labels of {data.name} ({len(data.classes)} classes) are not used: --classes draws what is asked for")
    described = RunFolder(folder).record["data"]
    if "labels" in described:
        counts = zip(described["classes"], described["labels"], strict=True)
        numbers = ", ".join(f"{name} {n}" for name, n in counts)
        say(f"labels: {numbers}; without one: {len(data.images) - sum(described['labels'])}")
    return folder


def _finish(folder: Path, state: str) -> int:
    """After training: measure, draw the neighbours or predict, write the report; rank 0 does."""
    from energan import evaluation, report
    from energan.runs.folder import RunFolder
    from energan.runs.reader import read
    from energan.runs.sources import recorded
    from energan.training.verdict import not_yet, verdict_of

    if rank_from_env()[0]:
        return STOPPED if state == "stopped" else 0
    here = shlex.quote(str(folder))
    if state == "finished early":
        status = RunFolder(folder).record["status"]
        say(f"finished early, at step {status['step']}: {status['message']}; `energan resume {here}` goes on")
    if state == "stopped":
        say(f"stopped and saved; `energan resume {here}` continues exactly here")
        return STOPPED
    try:
        say("measuring")
        named = recorded(RunFolder(folder).record)  # by whoever started this process
        say("\n".join(evaluation.evaluate(folder, finish=True, named=named)["summary"]))
        say(f"report: {report.write_report(folder)}")
        told = verdict_of(files := read(folder), folder)
        if words := told.words if told else not_yet(files.config, [line for _, line in files.lines]):
            say(f"verdict: {words}")
    except KeyboardInterrupt:
        say(f"trained to the end; measuring was stopped, `energan evaluate {here}` and `energan report {here}` do it")
        return STOPPED
    return 0
