"""The one loop: draw, play, look, remember."""

from pathlib import Path

import torch
from torch import Tensor

from energan import metrics, runs
from energan.data import Batches, Images
from energan.errors import UserError
from energan.evaluation import usable_network
from energan.files import unwritable
from energan.log import Log
from energan.metrics.networks import Description, describe
from energan.model import Model, ready
from energan.play import One
from energan.runs import Run
from energan.sheets import save_sheet
from energan.signals import stopping

SHEET = 64  # images on a sample sheet
HISTOGRAM = 512  # energies of real images, and of samples
MEASURED = 2000  # samples that metrics during training look at
RARELY = 4  # looks between two of those measurements


def train(run: Run, folder: Path, data: Images, *, quiet: bool = False) -> str:
    """Trains in `folder` (where run.json is) from its newest checkpoint, or from the start, up to run.steps.

    Returns "finished", or "stopped" after Ctrl-C or SIGTERM: then all is saved, and training again continues exactly.
    UserError where training diverges (the last good checkpoint is kept), where the newest checkpoint cannot be
    continued from, and where the folder cannot be written.
    """
    one = One(
        run.game,
        Batches(data.images, data.labels, run.batch, run.seed),
        seed=run.seed,
        precision=run.precision,
        device=run.device,
        average=run.average,
        compile=run.compile,
    )
    if runs.numbered(folder):
        _continue(one, runs.newest(folder))
    save_sheet(data.images[:SHEET], folder / "real.png")
    reference = run.test_set().images
    network = usable_network(run, reference)
    real = describe(reference[:MEASURED], network) if network else None
    try:
        with stopping() as caught, Log(folder, run, one.t, quiet) as log:
            while one.t < run.steps and not caught:
                log.add(one.step())
                look = one.t % run.every == 0 or one.t == run.steps
                if look or one.t % log.every == 0:
                    log.line()  # before a checkpoint too: no exploded state is kept as the last good one
                if look:
                    _look(run, folder, one, data.images, real, log)
            if one.t % run.every and one.t < run.steps:  # stopped between two looks
                log.line()
                log.check(one)
                runs.save(folder, one, ready(one, data.images, run.batch))
            state = "finished" if one.t >= run.steps else "stopped"
            log.status(state, f"stopped by {caught[0]}" if state == "stopped" else "")
    except BrokenPipeError:
        raise  # of the terminal, not of the folder
    except OSError as error:  # TensorBoard's files are not ours to write
        raise unwritable(folder, error) from error
    return state


def _continue(one: One, checkpoint: Path) -> None:
    try:
        one.load(runs.read_checkpoint(checkpoint)[0])
    except (KeyError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"{checkpoint} does not fit this run ({reason}); delete it to go on from an older one"
        ) from error


def _look(run: Run, folder: Path, one: One, images: Tensor, real: Description | None, log: Log) -> None:
    """A checkpoint, a sample sheet, the energies' histogram; now and then metrics, and the best checkpoint so far."""
    log.check(one)
    model = ready(one, images, run.batch)
    runs.save(folder, one, model)
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
        if distance < log.best:
            log.best = distance
            runs.save(folder, one, model, "best")


def _histogram(model: Model, images: Tensor, samples: Tensor, bins: int = 40) -> dict[str, list[float]]:
    """Energies of real images and of samples over common edges."""
    chosen = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))[:HISTOGRAM]
    real, fake = model.score(images[chosen]), model.score(samples[:HISTOGRAM])
    both = torch.cat([real, fake])
    edges = torch.linspace(float(both.min()), float(both.max()) + 1e-6, bins + 1)
    real, fake = torch.histogram(real, edges)[0], torch.histogram(fake, edges)[0]
    return {"edges": edges.tolist(), "real": real.tolist(), "fake": fake.tolist()}
