"""The training loop. It knows no game, no capability and, but for `ranks.any`, no other process."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from energan.data import ImageSet
from energan.data.batches.resident import resident
from energan.engine import Trainer
from energan.engine.distributed import ALONE, Ranks
from energan.engine.graphs import Graphed
from energan.experiment import Experiment
from energan.runs.folder import RunFolder
from energan.training.watcher import RankWatcher, Watcher
from energan.utils.files import unwritable
from energan.utils.hardware import deterministic
from energan.utils.signals import stopping

NOTHING: Mapping[str, Any] = {}


def train(
    experiment: Experiment,
    folder: RunFolder,
    data: ImageSet,
    *,
    quiet: bool = False,
    ranks: Ranks = ALONE,
    changes: Mapping[str, Any] = NOTHING,
    track: str = "",
) -> str:
    """Trains in `folder` (where run.json is) from its newest checkpoint, or from the start, up to experiment.steps.

    Args:
        experiment: The game, and how it is trained.
        folder: The run folder. Of several ranks, only the first reads and writes in it.
        data: The training images.
        quiet: No progress bar.
        ranks: The processes that train together; all end alike.
        changes: Entries of run.json that are new, such as more steps. They are written once this process has the folder
            for itself and the newest checkpoint has been loaded: a run that is refused stays as it was.
        track: "wandb": curves and samples go to Weights & Biases, too. "": they go to TensorBoard alone.

    Returns:
        "finished"; "finished early" where samples came no nearer for `stop_when_flat` looks; or "stopped" after Ctrl-C
        or SIGTERM. All is saved, and training again continues exactly.

    Raises:
        UserError: Training diverges (the last good checkpoint is kept), the newest checkpoint cannot be continued
            from, or the folder cannot be written.
    """
    experiment = experiment.reading_as(data)
    begun = ranks.on_rank_zero(lambda: bool(folder.checkpoints()))
    with deterministic(experiment.deterministic):
        if experiment.initialise and not begun:
            experiment.initialise(data)
        trainer = trainer_of(experiment, data, ranks)
        graphed = Graphed(trainer, experiment.graph if ranks.count == 1 else "off")
        make_watcher = partial(Watcher, experiment, folder, data, trainer, quiet, changes, track)
        try:
            with stopping() as caught, RankWatcher(experiment, trainer, ranks, make_watcher) as watcher:
                going = True
                while going and trainer.t < experiment.steps and not ranks.any(bool(caught)):
                    going = watcher.step(graphed.step())
                return watcher.end(caught)
        except OSError as error:  # TensorBoard's files are not ours to write
            raise unwritable(folder.path, error) from error


def trainer_of(experiment: Experiment, data: ImageSet, ranks: Ranks = ALONE) -> Trainer:
    """The experiment's Trainer, at step 0, on these images."""
    device = ranks.device(experiment.device)
    return Trainer(
        experiment.game,
        resident(experiment.batches(data), device),
        seed=experiment.seed,
        precision=experiment.precision,
        device=device,
        ema=experiment.ema,
        compile=experiment.compile,
        microbatches=experiment.microbatches,
        ranks=ranks,
        sync_batch_stats=experiment.sync_batch_stats,
    )
