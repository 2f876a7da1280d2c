"""The test error while a run trains."""

from energan.capabilities.capability import Preview
from energan.capabilities.classification.reading import logits
from energan.data import ImageSet
from energan.data.image_set import fixed_subset
from energan.data.labels import refuse_trained
from energan.experiment import Experiment
from energan.inference.model import Model

IMAGES = 10_000  # that the error is measured on, at most
ERROR = "test error %"  # the name of the metric
METRICS = {
    ERROR: ("lower", "share of test images that the classifier gets wrong"),
}


def validate(experiment: Experiment, training: ImageSet) -> None:
    """UserError for test images of other classes than the training images', and for those that are training images."""
    test = experiment.held_out(training.classes)
    if test is not None and experiment.test:
        refuse_trained(test, training)


def labelled_test_images(experiment: Experiment, training: ImageSet) -> ImageSet | None:
    """Labelled test images, 10,000 at most; None where there are none."""
    data = experiment.held_out(training.classes)
    if data is None or data.labels is None:
        return data
    rows = fixed_subset(len(data.images), IMAGES)
    return data._replace(images=data.images[rows], labels=data.labels[rows])


def preview(run: Preview, test: ImageSet | None) -> None:
    """Logs the test error; nothing where there are no labelled test images."""
    if test is not None:
        run.log({ERROR: error_on(run.experiment, run.model, test)}, len(test.images))


def error_on(experiment: Experiment, model: Model, images: ImageSet) -> float:
    """The share of labelled images that the classifier (its clean path) gets wrong, in %."""
    assert images.labels is not None
    return 100 * float((logits(experiment, model, images).argmax(1) != images.labels).float().mean())
