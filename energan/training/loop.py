"""The one loop: draw, play, look, remember."""

from contextlib import ExitStack, nullcontext
from pathlib import Path

from torch import Tensor

from energan.data import ImageSet
from energan.data.image_set import fixed_subset
from energan.data.prefetch import Ahead
from energan.engine import Trainer, leaves, tree
from energan.engine.distributed import ALONE, Ranks
from energan.experiment import Experiment
from energan.inference.snapshot import snapshot
from energan.runs.checkpoints import latest_checkpoint, list_checkpoints, read_checkpoint, save_checkpoint
from energan.runs.folder import locked
from energan.training.log import Log
from energan.training.previews import SHEET, _look, _reference, _tested
from energan.utils.errors import UserError
from energan.utils.files import unwritable
from energan.utils.image_files import save_sheet
from energan.utils.signals import stopping


def train(run: Experiment, folder: Path, data: ImageSet, *, quiet: bool = False, ranks: Ranks = ALONE) -> str:
    """Trains in `folder` (where run.json is) from its newest checkpoint, or from the start, up to run.steps.

    Returns "finished", or "stopped" after Ctrl-C or SIGTERM: then all is saved, and training again continues exactly.
    UserError where training diverges (the last good checkpoint is kept), where the newest checkpoint cannot be
    continued from, and where the folder cannot be written.
    Of several ranks, the first alone reads and writes in the folder, and looks at the model; all end alike.
    """
    first = ranks.rank == 0
    begun = ranks.on_rank_zero(lambda: bool(list_checkpoints(folder)))
    if run.initialise and not begun:
        run.initialise(data.images)
    source = run.batches(data)
    one = Trainer(
        run.game,
        source if run.device == "cpu" else Ahead(source, run.device),  # where reading need not wait for the device
        seed=run.seed,
        precision=run.precision,
        device=ranks.device(run.device),
        ema=run.ema,
        compile=run.compile,
        microbatches=run.microbatches,
        ranks=ranks,
        sync_batch_stats=run.sync_batch_stats,
    )
    real = tested = None
    images = data.images[:0]
    alone = ExitStack()
    with ranks.errors_on_all_ranks():
        if first:
            alone.enter_context(locked(folder))
            if begun:
                _continue(one, latest_checkpoint(folder))
            images = run.shown(data).images
            if run.initialise and not begun:  # whoever resumes the folder elsewhere may not be able to initialise
                save_checkpoint(folder, one, snapshot(one, images, run.batch // run.microbatches))
            save_sheet(images[fixed_subset(len(images), SHEET)], folder / "real.png")
            real = _reference(run) if run.game.sample or run.game.codes else None
            tested = _tested(run, data.classes) if run.game.logits else None
    if ranks.count > 1:
        _as_the_first(one, ranks)
    log = Log(folder, run, one.t, quiet)
    try:
        with alone, stopping() as caught, log if first else nullcontext():
            while one.t < run.steps and not ranks.any(bool(caught)):
                log.add(one.step())
                look = one.t % run.save_every == 0 or one.t == run.steps
                if look or one.t % log.every == 0:
                    with ranks.errors_on_all_ranks():
                        if first:
                            log.flush()  # before a checkpoint too: no exploded state is kept as the last good one
                            if look:
                                _look(run, folder, one, images, real, tested, log)
            state = "finished" if one.t >= run.steps else "stopped"
            with ranks.errors_on_all_ranks():
                if first:
                    _end(run, folder, one, images, log, state, caught)
    except BrokenPipeError:
        raise  # of the terminal, not of the folder
    except OSError as error:  # TensorBoard's files are not ours to write
        raise unwritable(folder, error) from error
    return state


def _as_the_first(one: Trainer, ranks: Ranks) -> None:
    """Every rank goes on from what rank 0 read, or made: files, and the last bit of a sum, may differ elsewhere."""
    state = {k: v.detach().cpu().clone() for k, v in leaves(one.state())}
    ranks.copy_(state.values())
    one.load(tree(state))


def _end(run: Experiment, folder: Path, one: Trainer, images: Tensor, log: Log, state: str, caught: list[str]) -> None:
    """The last checkpoint of a run that was stopped between two looks; how the run stands."""
    if one.t % run.save_every and one.t < run.steps:
        log.flush()
        log.check_finite(one)
        save_checkpoint(folder, one, snapshot(one, images, run.batch // run.microbatches))
    log.status(state, f"stopped by {caught[0] if caught else 'another rank'}" if state == "stopped" else "")


def _continue(one: Trainer, checkpoint: Path) -> None:
    try:
        one.load(read_checkpoint(checkpoint)[0])
    except (KeyError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"{checkpoint} does not fit this run ({reason}); delete it to go on from an older one"
        ) from error
