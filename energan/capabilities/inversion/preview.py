"""Reconstructions while a run trains. Chains would take far longer: they are for the end."""

from energan.capabilities import reference
from energan.capabilities.capability import Preview
from energan.capabilities.inversion.measure import reconstruction
from energan.data.image_set import fixed_subset
from energan.inference.guided import reconstruct
from energan.metrics.features.catalog import Description

SHEET = 64  # images on a sheet


def preview(run: Preview, real: Description | None) -> None:
    """Shows reconstructions of the first training images; where metrics are due, measures those of test images.

    real: features of the test images that are measured; None: no metrics.
    """
    run.show(reconstruct(run.model, run.images[:SHEET]), None)
    if run.metrics and real is not None:
        test = run.experiment.test_set().images
        test = test[fixed_subset(len(test), reference.MEASURED)]  # those that `real` describes
        run.log(reconstruction(run.model, test, real, run.experiment.network)[1], len(test))
