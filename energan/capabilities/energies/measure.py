"""Mean energies of training images, of real images and of samples."""

from typing import Any

from energan.capabilities.capability import Measurement
from energan.capabilities.reference import SHOWN
from energan.data import held_out_split
from energan.data.image_set import fixed_subset

IMAGES = 1000  # of each

METRICS = {
    "E(x) train": ("", "mean energy of training images"),
    "E(x) reference": ("", "mean energy of the reference images; above that of training images by what was overfitted"),
    "E(G(z))": (
        "",
        "mean energy of generated images by statistics of real ones; in training, normalised by their own batch, "
        "samples score higher",
    ),
}


def measure(run: Measurement) -> dict[str, Any]:
    """The means; of reference images where some are held out, of samples where a game draws some."""
    sets = {"E(x) train": run.training.images}
    if held_out_split(run.experiment.source) or run.experiment.game.translate is not None:  # else they are the same
        sets["E(x) reference"] = run.experiment.test_set().images
    if run.model.game.sample is not None:
        sets["E(G(z))"] = run.samples(max(SHOWN, run.sample_count))
    means = {name: float(run.model.score(x[fixed_subset(len(x), IMAGES)]).mean()) for name, x in sets.items()}
    return {"metrics": means}
