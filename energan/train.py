"""The one loop: draw, play, look, remember."""

from contextlib import ExitStack, nullcontext
from pathlib import Path

import torch
from torch import Tensor

from energan import metrics, runs
from energan.data import Images
from energan.data.ahead import Ahead
from energan.data.images import some
from energan.errors import UserError
from energan.evaluation import usable_network
from energan.files import unwritable
from energan.inversion import inverted
from energan.log import Log
from energan.metrics.networks import Description, describe
from energan.model import Model, ready
from energan.play import One, leaves, tree
from energan.plug_and_play import reconstruct
from energan.prediction import error_on
from energan.ranks import ALONE, Ranks
from energan.run import Run
from energan.sheets import save_sheet
from energan.signals import stopping

SHEET = 64  # images on a sample sheet
HISTOGRAM = 512  # energies of real images, and of samples
MEASURED = 2000  # samples that metrics during training look at
TESTED = 10000  # images with labels that a classifier's error is measured on
ERROR = "test error %"  # the name of that metric
RARELY = 4  # looks between two of those measurements


def train(run: Run, folder: Path, data: Images, *, quiet: bool = False, ranks: Ranks = ALONE) -> str:
    """Trains in `folder` (where run.json is) from its newest checkpoint, or from the start, up to run.steps.

    Returns "finished", or "stopped" after Ctrl-C or SIGTERM: then all is saved, and training again continues exactly.
    UserError where training diverges (the last good checkpoint is kept), where the newest checkpoint cannot be
    continued from, and where the folder cannot be written.
    Of several ranks, the first alone reads and writes in the folder, and looks at the model; all end alike.
    """
    first = ranks.rank == 0
    begun = ranks.alone(lambda: bool(runs.numbered(folder)))
    if run.initialise and not begun:
        run.initialise(data.images)
    source = run.batches(data)
    one = One(
        run.game,
        source if run.device == "cpu" else Ahead(source, run.device),  # where reading need not wait for the device
        seed=run.seed,
        precision=run.precision,
        device=ranks.device(run.device),
        average=run.average,
        compile=run.compile,
        parts=run.parts,
        ranks=ranks,
        synchronise=run.synchronise,
    )
    real = tested = None
    images = data.images[:0]
    alone = ExitStack()
    with ranks.together():
        if first:
            alone.enter_context(runs.held(folder))
            if begun:
                _continue(one, runs.newest(folder))
            images = run.shown(data).images
            save_sheet(images[some(len(images), SHEET)], folder / "real.png")
            real = _reference(run) if run.game.sample or run.game.codes else None
            tested = _tested(run, data.classes) if run.game.logits else None
    if ranks.count > 1:
        _as_the_first(one, ranks)
    log = Log(folder, run, one.t, quiet)
    try:
        with alone, stopping() as caught, log if first else nullcontext():
            while one.t < run.steps and not ranks.any(bool(caught)):
                log.add(one.step())
                look = one.t % run.every == 0 or one.t == run.steps
                if look or one.t % log.every == 0:
                    with ranks.together():
                        if first:
                            log.line()  # before a checkpoint too: no exploded state is kept as the last good one
                            if look:
                                _look(run, folder, one, images, real, tested, log)
            state = "finished" if one.t >= run.steps else "stopped"
            with ranks.together():
                if first:
                    _end(run, folder, one, images, log, state, caught)
    except BrokenPipeError:
        raise  # of the terminal, not of the folder
    except OSError as error:  # TensorBoard's files are not ours to write
        raise unwritable(folder, error) from error
    return state


def _as_the_first(one: One, ranks: Ranks) -> None:
    """Every rank goes on from what rank 0 read, or made: files, and the last bit of a sum, may differ elsewhere."""
    state = {k: v.detach().cpu().clone() for k, v in leaves(one.state())}
    ranks.copy_(state.values())
    one.load(tree(state))


def _end(run: Run, folder: Path, one: One, images: Tensor, log: Log, state: str, caught: list[str]) -> None:
    """The last checkpoint of a run that was stopped between two looks; how the run stands."""
    if one.t % run.every and one.t < run.steps:
        log.line()
        log.check(one)
        runs.save(folder, one, ready(one, images, run.batch // run.parts))
    log.status(state, f"stopped by {caught[0] if caught else 'another rank'}" if state == "stopped" else "")


def _continue(one: One, checkpoint: Path) -> None:
    try:
        one.load(runs.read_checkpoint(checkpoint)[0])
    except (KeyError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"{checkpoint} does not fit this run ({reason}); delete it to go on from an older one"
        ) from error


def _reference(run: Run) -> Description | None:
    """What samples are measured against, or None where nothing is measured."""
    real = run.test_set().images
    network = usable_network(run, real)
    return describe(real[some(len(real), MEASURED)], network) if network else None


def _tested(run: Run, classes: tuple[str, ...]) -> Images | None:
    """Labelled test images, 10,000 at most; None where there are none."""
    data = run.held_out(classes)
    if data is None or data.labels is None or len(data.images) <= TESTED:
        return data
    chosen = torch.randperm(len(data.images), generator=torch.Generator().manual_seed(0))[:TESTED]
    return data._replace(images=data.images[chosen], labels=data.labels[chosen])


def _look(
    run: Run, folder: Path, one: One, images: Tensor, real: Description | None, tested: Images | None, log: Log
) -> None:
    """A checkpoint; a classifier's error; of what draws, a sheet of samples and, now and then, metrics."""
    log.check(one)
    model = ready(one, images, run.batch // run.parts)
    runs.save(folder, one, model)
    if tested is not None:
        log.metrics({ERROR: error_on(model, tested)}, len(tested.images))
    if run.game.sample is not None:
        _drawn(run, folder, one, model, images, real, log)
    if run.game.codes is not None:
        _inverted(run, folder, one, model, images, real, log)


def _drawn(run: Run, folder: Path, one: One, model: Model, images: Tensor, real: Description | None, log: Log) -> None:
    """A sample sheet, the energies' histogram; now and then metrics, and the best checkpoint so far.

    A classifier has no best one: its generator's is not its own, and one of least test error would be chosen by the
    test images.
    """
    measure = real is not None and (one.t % (RARELY * run.every) == 0 or one.t == run.steps)
    samples = model.sample(MEASURED if measure else HISTOGRAM, seed=0)
    save_sheet(samples[:SHEET], folder / "samples" / f"{one.t:06d}.png")
    log.sheet(samples[:SHEET])
    if run.game.energy is not None:
        log.write({"step": one.t, "energies": _histogram(model, images, samples)})
    if measure and real is not None:
        values = metrics.evaluate(samples, real, run.network)
        log.metrics(values, len(samples))
        distance = next(v for k, v in values.items() if "FID" in k)
        if distance < log.best and run.game.logits is None:
            log.best = distance
            runs.save(folder, one, model, "best")


def _inverted(
    run: Run, folder: Path, one: One, model: Model, images: Tensor, real: Description | None, log: Log
) -> None:
    """A sheet of what the generator makes of the first training images; now and then, metrics of test images.

    Chains would take far longer: they are for the end.
    """
    made = reconstruct(model, images[:SHEET])
    save_sheet(made, folder / "samples" / f"{one.t:06d}.png")
    log.sheet(made)
    if real is not None and (one.t % (RARELY * run.every) == 0 or one.t == run.steps):
        test = run.test_set().images
        test = test[some(len(test), MEASURED)]  # those that `real` describes
        log.metrics(inverted(model, test, real, run.network)[1], len(test))


def _histogram(model: Model, images: Tensor, samples: Tensor, bins: int = 40) -> dict[str, list[float]]:
    """Energies of real images and of samples over common edges."""
    chosen = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))[:HISTOGRAM]
    real, fake = model.score(images[chosen]), model.score(samples[:HISTOGRAM])
    both = torch.cat([real, fake])
    edges = torch.linspace(float(both.min()), float(both.max()) + 1e-6, bins + 1)
    real, fake = torch.histogram(real, edges)[0], torch.histogram(fake, edges)[0]
    return {"edges": edges.tolist(), "real": real.tolist(), "fake": fake.tolist()}
