"""`energan.load`: the trained model of any run folder."""

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from energan.experiment import Experiment
from energan.inference.model import Model
from energan.runs.checkpoints import read_checkpoint
from energan.runs.folder import RunFolder
from energan.utils.errors import UserError


def rebuild(record: Mapping[str, Any], **changes: Any) -> Experiment:
    """The Run that run.json describes: its recipe called with its arguments. UserError if it is none of ours."""
    from energan.recipes.catalog import RECIPES

    if record["recipe"] not in RECIPES:
        raise UserError(f"this run's recipe {record['recipe']!r} is not one that this Energan has")
    make, arguments = RECIPES[record["recipe"]], {**record["arguments"], **changes}
    try:
        inspect.signature(make).bind(**arguments)
    except TypeError as error:
        raise UserError(f"this run's arguments are not those of this Energan's {record['recipe']}: {error}") from error
    return make(**arguments)


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
