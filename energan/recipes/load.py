"""`energan.load`: the trained model of any run folder."""

from collections.abc import Mapping
from inspect import Parameter
from pathlib import Path
from typing import Any

from energan.experiment import Experiment
from energan.inference.model import Model
from energan.recipes.build import build, find_recipe
from energan.runs.checkpoints import read_checkpoint
from energan.runs.folder import RunFolder
from energan.utils.arguments import parameters
from energan.utils.errors import UserError


def rebuild(record: Mapping[str, Any], **changes: Any) -> Experiment:
    """The Experiment that run.json describes: its recipe called with its arguments, and with the changes that it has.

    UserError if this Energan has no such recipe, or one with other arguments.
    """
    recipe, arguments = record["recipe"], record["arguments"]
    own = parameters(find_recipe(recipe))
    required = {name for name, default in own.items() if default is Parameter.empty}
    if wrong := sorted((arguments.keys() - own.keys()) | (required - arguments.keys())):
        raise UserError(f"this run's arguments are not those of this Energan's {recipe}: {', '.join(wrong)}")
    return build(recipe, **{**arguments, **{name: value for name, value in changes.items() if name in own}})


def load(folder: str | Path, *, checkpoint: str | int | Path | None = None, device: str = "cpu") -> Model:
    """The trained model of a run folder: `.sample(n)`, `.score(images)`, `.probabilities(images)` and their modules.

    checkpoint: "best", a step, or a path; the newest by default. UserError for anything that is not a sound run.
    """
    folder = Path(folder)
    run = rebuild(RunFolder(folder).record, device=device)
    path = RunFolder(folder).checkpoint(checkpoint)
    state, statistics = read_checkpoint(path)
    nets = {name: player.net for name, player in run.game.players.items()}
    try:
        for name, net in nets.items():
            averaged = state["ema"].get(name, {})
            standing_ = {k.split("/", 1)[1]: v for k, v in statistics.items() if k.startswith(f"{name}/")}
            net.load_state_dict({**state["weights"].get(name, {}), **averaged, **standing_})  # none: without tensors
    except (KeyError, RuntimeError) as error:
        raise UserError(f"{path} does not fit this run's networks: {str(error).splitlines()[0]}") from error
    return Model(run.game, nets, device)
