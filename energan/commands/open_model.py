"""Opens a run for a command that needs one of its capabilities."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from energan.inference.model import Model


def open_model(run: str | Path, command: str, checkpoint: str = "") -> "Model":
    """The run's trained model.

    Args:
        run: The run's folder.
        command: The command's name; the run's system must have a capability that serves it.
        checkpoint: "best", a step, or a path; "" for the newest.

    Raises:
        UserError: The folder is no sound run, or its system cannot do what the command is for.
    """
    from energan import capabilities
    from energan.runs.rebuild import load

    model = load(run, checkpoint=checkpoint or None)
    capabilities.require(model.game, command)
    return model
