"""A run folder back into an Experiment or a Model. All that it takes is in the folder: no recipe, no other run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from energan.engine.game import Game
from energan.engine.isolation import isolated
from energan.experiment import DESCRIBED, SETTINGS, Experiment
from energan.inference.model import Model
from energan.runs.checkpoints import read_checkpoint
from energan.runs.folder import RunFolder
from energan.utils.errors import UserError
from energan.utils.hardware import pick_device
from energan.utils.specification import build, trusting


def rebuild(record: Mapping[str, Any], *, trust: tuple[str, ...] = (), **changes: Any) -> Experiment:
    """The Experiment that run.json describes, by calls of Energan's own functions.

    changes: settings that are not to be the record's, such as steps (on which schedules depend) or device.
    trust: modules of the user's own whose names the description may have. UserError for other names.
    """
    settings = {name: record[name] for name in SETTINGS} | changes
    for name, kind in SETTINGS.items():
        if not isinstance(settings[name], kind) or (kind is int and isinstance(settings[name], bool)):
            raise UserError(f"this run's run.json is damaged: {name} is {settings[name]!r}")
    with trusting(*trust):
        parts = build(record["experiment"], total_steps=settings["steps"])
    if not isinstance(parts, dict) or set(parts) != set(DESCRIBED) or not isinstance(parts["game"], Game):
        raise UserError("this run's run.json is damaged: its experiment is none")
    settings["device"] = pick_device(settings["device"])
    return Experiment(system=record["game"]["name"], **settings, **parts)


@isolated()
def load(
    folder: str | Path, *, checkpoint: str | int | Path | None = None, device: str = "cpu", trust: tuple[str, ...] = ()
) -> Model:
    """The trained model of a run folder: `.sample(n)`, `.score(images)`, `.probabilities(images)` and their modules.

    The folder alone is enough, on any machine, and none of its contents is run as code.

    Args:
        folder: The run's folder.
        checkpoint: "best", a step, or a path; the newest by default.
        device: "cpu", "cuda", "cuda:1" or "auto".
        trust: Your own modules that the run names, of a network or a recipe of your own: they are imported.

    Raises:
        UserError: The folder is no sound run, or names code that is neither Energan's nor trusted.
    """
    run_folder = RunFolder(folder)
    run = rebuild(run_folder.record, trust=trust, device=device)
    path = run_folder.checkpoint(checkpoint)
    state, statistics = read_checkpoint(path)
    nets = {name: player.net for name, player in run.game.players.items()}
    try:
        for name, net in nets.items():
            averaged = state["ema"].get(name, {})
            standing_ = {k.split("/", 1)[1]: v for k, v in statistics.items() if k.startswith(f"{name}/")}
            net.load_state_dict({**state["weights"].get(name, {}), **averaged, **standing_})  # none: without tensors
    except (KeyError, RuntimeError) as error:
        raise UserError(f"{path} does not fit this run's networks: {str(error).splitlines()[0]}") from error
    channels, height, width = run_folder.record["data"]["shape"]
    shape = (channels, run.crop or height, run.crop or width)
    return Model(run.game, nets, run.device, shape)
