"""What a run shows of itself while it trains: sample sheets, energies, metrics, reconstructions."""

from pathlib import Path

import torch
from torch import Tensor

from energan import metrics
from energan.capabilities.classification import error_on
from energan.capabilities.drawing import usable_network
from energan.capabilities.inversion import inverted
from energan.data import ImageSet
from energan.data.image_set import fixed_subset
from energan.engine import Trainer
from energan.experiment import Experiment
from energan.inference.guided import reconstruct
from energan.inference.model import Model
from energan.inference.snapshot import snapshot
from energan.metrics.features.catalog import Description, describe
from energan.runs.checkpoints import save_checkpoint
from energan.training.log import Log
from energan.utils.image_files import save_sheet

SHEET = 64  # images on a sample sheet

HISTOGRAM = 512  # energies of real images, and of samples

MEASURED = 2000  # samples that metrics during training look at

TESTED = 10000  # images with labels that a classifier's error is measured on

ERROR = "test error %"  # the name of that metric

RARELY = 4  # looks between two of those measurements


def _reference(run: Experiment) -> Description | None:
    """What samples are measured against, or None where nothing is measured."""
    real = run.test_set().images
    network = usable_network(run, real)
    return describe(real[fixed_subset(len(real), MEASURED)], network) if network else None


def _tested(run: Experiment, classes: tuple[str, ...]) -> ImageSet | None:
    """Labelled test images, 10,000 at most; None where there are none."""
    data = run.held_out(classes)
    if data is None or data.labels is None or len(data.images) <= TESTED:
        return data
    chosen = torch.randperm(len(data.images), generator=torch.Generator().manual_seed(0))[:TESTED]
    return data._replace(images=data.images[chosen], labels=data.labels[chosen])


def _look(
    run: Experiment,
    folder: Path,
    one: Trainer,
    images: Tensor,
    real: Description | None,
    tested: ImageSet | None,
    log: Log,
) -> None:
    """A checkpoint; a classifier's error; of what draws, a sheet of samples and, now and then, metrics."""
    log.check_finite(one)
    model = snapshot(one, images, run.batch // run.microbatches)
    save_checkpoint(folder, one, model)
    if tested is not None:
        log.metrics({ERROR: error_on(model, tested)}, len(tested.images))
    if run.game.sample is not None:
        _drawn(run, folder, one, model, images, real, log)
    if run.game.codes is not None:
        _inverted(run, folder, one, model, images, real, log)


def _drawn(
    run: Experiment, folder: Path, one: Trainer, model: Model, images: Tensor, real: Description | None, log: Log
) -> None:
    """A sample sheet, the energies' histogram; now and then metrics, and the best checkpoint so far.

    A classifier has no best one: its generator's is not its own, and one of least test error would be chosen by the
    test images.
    """
    measure = real is not None and (one.t % (RARELY * run.save_every) == 0 or one.t == run.steps)
    samples = model.sample(MEASURED if measure else HISTOGRAM, seed=0)
    save_sheet(samples[:SHEET], folder / "samples" / f"{one.t:06d}.png")
    log.images(samples[:SHEET])
    if run.game.energy is not None:
        log.write({"step": one.t, "energies": _histogram(model, images, samples)})
    if measure and real is not None:
        values = metrics.evaluate(samples, real, run.network)
        log.metrics(values, len(samples))
        distance = next(v for k, v in values.items() if "FID" in k)
        if distance < log.best and run.game.logits is None:
            log.best = distance
            save_checkpoint(folder, one, model, "best")


def _inverted(
    run: Experiment, folder: Path, one: Trainer, model: Model, images: Tensor, real: Description | None, log: Log
) -> None:
    """A sheet of what the generator makes of the first training images; now and then, metrics of test images.

    Chains would take far longer: they are for the end.
    """
    made = reconstruct(model, images[:SHEET])
    save_sheet(made, folder / "samples" / f"{one.t:06d}.png")
    log.images(made)
    if real is not None and (one.t % (RARELY * run.save_every) == 0 or one.t == run.steps):
        test = run.test_set().images
        test = test[fixed_subset(len(test), MEASURED)]  # those that `real` describes
        log.metrics(inverted(model, test, real, run.network)[1], len(test))


def _histogram(model: Model, images: Tensor, samples: Tensor, bins: int = 40) -> dict[str, list[float]]:
    """Energies of real images and of samples over common edges."""
    chosen = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))[:HISTOGRAM]
    real, fake = model.score(images[chosen]), model.score(samples[:HISTOGRAM])
    both = torch.cat([real, fake])
    edges = torch.linspace(float(both.min()), float(both.max()) + 1e-6, bins + 1)
    real, fake = torch.histogram(real, edges)[0], torch.histogram(fake, edges)[0]
    return {"edges": edges.tolist(), "real": real.tolist(), "fake": fake.tolist()}
