"""The command `restart`: a new run that begins with the weights of another one's checkpoint, at other rates."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import arg

from energan.commands.config import Config, read_config
from energan.commands.train import RunOptions, start, with_absolute_paths
from energan.recipes.build import find_recipe
from energan.utils.arguments import flattened, parameters, recorder
from energan.utils.console import warn
from energan.utils.errors import UserError

if TYPE_CHECKING:
    from energan.data import ImageSet
    from energan.experiment import Experiment
    from energan.runs.checkpoints import Checkpoint
    from energan.runs.folder import RunFolder

RATES = ("lr_d", "lr_g")  # arguments of recipes that keep their ratio to lr

HELD = {  # arguments of recipes that say which images or labels are held out -> the share that it takes
    "calibration": "calibration", "hold_out": "hold_out", "labels": "hold_out", "label_seed": "hold_out",
}  # fmt: skip

SOURCES = ("data", "test", "labels_csv")  # of which some is held out


@dataclass(frozen=True, kw_only=True)
class RestartOptions(RunOptions):
    """The options of `restart`, besides the recipe's."""

    from_: Annotated[str, arg(name="from")] = "newest"
    """Which checkpoint: best (the least Fréchet distance of those measured), newest, or a step."""


ABOUT = """Begin a new run with the weights of another one's checkpoint.

All settings are the other run's, but for those on the line: --lr for a lower learning rate, --augment, --margin, ...
Optimizers and the number of steps begin anew, and the seed is the next one, so that no noise is drawn again. The other
run stays as it is. `energan resume` goes on with the new one.
"""


def restart_command(run: str, line: list[str]) -> Callable[..., int]:
    """The command `restart RUN`: the arguments of the run's recipe, with its values, and RestartOptions."""
    from energan.runs.references import run_folder

    run = str(run_folder(run))
    config = read_config(run, line, recipe=_own_recipe(run, line))
    function = find_recipe(config.recipe)
    seed = config.arguments.get("seed", parameters(function).get("seed", 0))
    defaults = {**config.arguments, "seed": seed + 1}
    record = recorder(function, **defaults)
    record.__doc__ = ABOUT

    def restart(
        arguments: Annotated[dict[str, Any], arg(name="", constructor=record)],
        options: RestartOptions = RestartOptions(**config.options),
    ) -> int:
        return _restart(run, config, _with_rates(config, flattened(arguments)), options)

    restart.__doc__ = ABOUT
    return restart


def _own_recipe(run: str, line: list[str]) -> str:
    """The run's recipe where the line trusts its module; "" for one of Energan's own."""
    from energan.commands.config import record_of

    name = str(record_of(run).get("recipe"))
    return name if ":" in name and "--trust" in line else ""


def _with_rates(config: Config, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments; other rates than lr change as it does, unless the line names them."""
    before, now = config.arguments.get("lr"), arguments.get("lr")
    if not before or not now:
        return dict(arguments)
    same = {name: arguments[name] for name in RATES if arguments.get(name) and name in config.arguments}
    return {**arguments, **{k: v * now / before for k, v in same.items() if v == config.arguments[k]}}


def _restart(run: str, config: Config, arguments: dict[str, Any], options: RestartOptions) -> int:
    from energan.runs.checkpoints import read_checkpoint
    from energan.runs.folder import RunFolder

    _check_held_out(run, config, arguments)
    path = RunFolder(run).checkpoint(None if options.from_ == "newest" else options.from_)
    saved = read_checkpoint(path)
    origin = {"run": os.path.abspath(run), "checkpoint": path.stem, "step": saved.step}  # noqa: PTH100  (no links)
    config.say_differences(arguments)

    def check(experiment: "Experiment") -> None:
        _take(experiment, saved, path)

    def begin(experiment: "Experiment", data: "ImageSet", folder: "RunFolder") -> None:
        _save_first(experiment, data, folder, saved)

    # with the folder's first file: a restart that is killed before its checkpoint of step 0 is no new run
    return start(config.recipe, arguments, options, check=check, begin=begin, more={"restarted_from": origin})


def _check_held_out(run: str, config: Config, arguments: Mapping[str, Any]) -> None:
    """UserError where others are held out than were: the weights have seen some of them. A warning where some may be.

    Where none are held out now, none are called so.
    """
    before = {**parameters(find_recipe(config.recipe)), **config.arguments}
    now = with_absolute_paths(arguments)
    for name, share in HELD.items():
        if now.get(share) and now[name] != before.get(name):
            raise UserError(
                f"`{name}` says what is held out, and the weights of {run} were trained on some of what {now[name]} "
                f"would hold out: leave it at {before.get(name)}, or train a new run"
            )
    for name in SOURCES:
        if name in now and now[name] != before.get(name):
            flag = name.replace("_", "-")
            warn(f"other --{flag} than of {run}: what is held out now may be among what its weights were trained on")


def _take(experiment: "Experiment", saved: "Checkpoint", path: Path) -> None:
    """Puts the weights into the experiment's networks. UserError where they do not fit."""
    weights, players = saved.state["weights"], experiment.game.players
    if saved.unread:
        raise UserError(
            f"{path} leaves out what only training needs, such as {min(saved.unread)}: restart the run that it is of"
        )
    if strange := [name for name in weights if name not in players and weights[name]]:
        raise UserError(f"{path} has a player {strange[0]}, and these settings make none: leave them as they were")
    for name, player in players.items():
        if name not in weights and any(True for _ in player.net.parameters()):
            warn(f"{name} is new: it begins untrained")
            continue
        try:
            player.net.load_state_dict(weights.get(name, {}))
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:200]
            raise UserError(
                f"{path} does not fit these settings: {reason}; leave those of {name}'s network as they were"
            ) from error


def _save_first(experiment: "Experiment", data: "ImageSet", folder: "RunFolder", saved: "Checkpoint") -> None:
    """Writes the run's checkpoint of step 0, which training then begins with."""
    from energan.engine.state import copy_into
    from energan.inference.snapshot import snapshot
    from energan.training.loop import trainer_of

    experiment = experiment.reading_as(data)
    trainer = trainer_of(experiment, data)
    for name, average in trainer.averaged().items():
        known = saved.state["ema"].get(name) or saved.state["weights"].get(name) or average
        copy_into(average, {key: known[key] for key in average})  # weights have batch norm's statistics, too
    model = snapshot(trainer, experiment.shown(data).images, experiment.batch // experiment.microbatches)
    with folder.locked():
        folder.save(trainer, model)
