"""What a system reads from images, while it trains: how well it draws them again, and what its categories are of."""

from energan.capabilities import reference
from energan.capabilities.capability import Preview
from energan.capabilities.conditions.classes.labelled import Labelled, labelled_images
from energan.capabilities.encoding.categories import named_categories
from energan.capabilities.encoding.measure import RMS, metrics_of, reconstruction_rms
from energan.data import ImageSet
from energan.data.image_set import fixed_subset
from energan.experiment import Experiment


def prepare(experiment: Experiment, training: ImageSet) -> tuple[ImageSet, Labelled]:
    """Real images to draw again, and labelled ones."""
    return experiment.test_set(), labelled_images(experiment, experiment.shown(training))


def preview(run: Preview, prepared: tuple[ImageSet, Labelled]) -> None:
    """Measures 2,000 images where metrics are due. The sheet is that of drawing."""
    if not run.metrics:
        return
    test, labelled = prepared
    images = test.images[fixed_subset(len(test.images), reference.MEASURED)]
    values = {RMS: reconstruction_rms(run.model, images)} if run.model.redraws else {}
    values |= metrics_of(named_categories(run.model, labelled, reference.MEASURED))
    if values:
        run.log(values, len(images))
