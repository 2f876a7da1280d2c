"""Weights & Biases: what goes to TensorBoard goes there, too, where `--track wandb` asks for it.

Nothing is imported, and nothing is sent, unless it does. wandb's own settings hold: WANDB_MODE=offline keeps all in the
run folder's wandb/, WANDB_PROJECT names the project (energan by default). What fails there is said once and ends no
training.
"""

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, final

from torch import Tensor

from energan.utils.console import warn
from energan.utils.errors import UserError

PROJECT = "energan"

SETTINGS = ("recipe", "arguments", "steps", "batch", "seed", "precision", "game", "data")  # of run.json, sent there


def require() -> Any:
    """The package wandb. UserError where it is not installed."""
    try:
        import wandb
    except ImportError as error:
        raise UserError(f"`track` wandb needs the package wandb ({error}): pip install 'energan[wandb]'") from error
    return wandb


@final
class WeightsAndBiases:
    """One run there, of a run folder: a run that is resumed goes on with its own.

    Args:
        folder: The run folder.
        record: run.json: its settings are the run's there.
    """

    def __init__(self, folder: Path, record: Mapping[str, Any]) -> None:
        self._wandb = require()
        self._run: Any = None
        settings = {name: record[name] for name in SETTINGS}
        name = folder.resolve().name
        number = hashlib.sha256(f"{record.get('created')} {name}".encode()).hexdigest()[:12]

        def begin() -> None:
            self._run = self._wandb.init(
                project=os.environ.get("WANDB_PROJECT", PROJECT), name=name, id=number, resume="allow",
                dir=str(folder), config=settings, settings=self._wandb.Settings(console="off", silent=True),
            )  # fmt: skip

        self._tried(begin)

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """Curves' next points."""
        self._tried(lambda: self._run.log({**values, "step": step}))

    def images(self, images: Tensor, step: int) -> None:
        """Samples (n, c, h, w), bytes."""

        def send() -> None:
            pictures = [self._wandb.Image(image.permute(1, 2, 0).squeeze(-1).numpy()) for image in images.cpu()]
            self._run.log({"samples": pictures, "step": step})

        self._tried(send)

    def close(self) -> None:
        """Ends the run there."""
        self._tried(lambda: self._run.finish())  # noqa: PLW0108  (there is no run where it could not begin)

    def _tried(self, act: Callable[[], object]) -> None:
        """Does it, unless it failed before."""
        if self._wandb is None:
            return
        try:
            act()
        except Exception as error:  # a tracker of anyone's making ends no training
            self._wandb = None
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            warn(f"Weights & Biases gets nothing more of this run ({reason}); training goes on, log.jsonl has all")
